"""What `make dev` prints when everything runs."""

from pathlib import Path

from dev.stack.curl_lines import (
    click_line,
    cloudsignal_line,
    code_line,
    enrol_line,
    keymaster_lines,
    notify_line,
    pushary_line,
    send_line,
    unsubscribe_line,
)
from dev.stack.demo_tenant import READER, DemoTenant

PAGE = """
  Tocsin runs.

    API         {api}
    demo page   {api}/demo/   (subscribe this very browser, then send to it)
    reference   {api}/docs   (each API, with curl lines; /openapi/<name>.json for tools)
    demo key    {key}   (pushService)
    more keys   {keys}   (the operator's, the publishable one, the simulator's address)
    log         {log}   (of the local AWS; each API request is told below)

  First requests take seconds: a function starts when it is asked, and once more for each request at the same time.

  1. Send a notification to {reader}, where a simulated browser is enrolled:

{send}

     What arrived, decrypted: {simulator}/user-agents/{agent}/messages
     Let that browser click it ("displayed" and "dismissed" are known, too), which figures and flows hear of:

{click}

  2. Enrol a second browser under the same address, then send again:

{enrol}

     What the second one got: {simulator}/user-agents/{spare}/messages

  3. Send to the same reader by another API, CloudSignal's; all of them share one store:

{cloudsignal}

     By Keymaster's, which wants a token first:

{keymaster}

     To everyone by Pushary's:

{pushary}

     By bNotify's: a code, whose deepLink subscribes this very browser for the reader too, and a notification to all of
     the reader's devices:

{code}
{notify}

  4. Unsubscribe the address with all its browsers (line 2 enrols one again; the reader of Keymaster and bNotify, whose
     messages leave after their answers, comes back when this starts anew):

{unsubscribe}

  Ctrl-C stops and saves.
"""


def page(tenant: DemoTenant, simulator: str, keys: Path, log: Path) -> str:
    """The page; its curl lines stand at the margin, so that they can be marked as a whole."""
    return PAGE.format(
        api=tenant.api,
        key=tenant.keys["pushservice"]["secret"],
        cloudsignal=cloudsignal_line(tenant),
        keymaster=keymaster_lines(tenant),
        pushary=pushary_line(tenant),
        code=code_line(tenant),
        notify=notify_line(tenant),
        keys=keys,
        log=log,
        reader=READER,
        send=send_line(tenant),
        click=click_line(tenant, simulator),
        simulator=simulator,
        agent=tenant.reader["id"],
        spare=tenant.spare["id"],
        enrol=enrol_line(tenant),
        unsubscribe=unsubscribe_line(tenant),
    )
