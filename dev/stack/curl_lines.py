"""Commands for a POSIX shell that work when pasted."""

import json
from typing import Any

from dev.stack.demo_tenant import READER, DemoTenant, enrolment


def send_line(tenant: DemoTenant) -> str:
    """Send a notification to the demo's reader."""
    note = {"email": READER, "title": "Your table is ready", "body": "Head to the host stand."}
    return _curl(tenant, "send", note)


def enrol_line(tenant: DemoTenant) -> str:
    """Enrol the spare user agent under the same reader."""
    return _curl(tenant, "subscribe", enrolment(tenant.spare))


def unsubscribe_line(tenant: DemoTenant) -> str:
    """End all subscriptions of the reader."""
    return _curl(tenant, "unsubscribe", {"email": READER})


def _curl(tenant: DemoTenant, call: str, body: dict[str, Any]) -> str:
    # The bodies hold no single quote: they are ours.
    return (
        f"curl -s {tenant.api}/v1/{call} -H 'X-Api-Key: {tenant.secret_key}' "
        f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    )
