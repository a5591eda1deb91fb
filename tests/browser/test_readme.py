"""The README's own lines for a site of one's own, run as they stand: only places and keys are filled in."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from aiohttp import web

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.served import ServerThread
from tests.customer import Customer
from tests.integration.deployed_api import DeployedApi, Simulator

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(heading: str) -> list[str]:
    """The code blocks under a heading, in order."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w*\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def pasted(command: str) -> Any:
    """The JSON that a command prints when it is pasted into a shell."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_a_site_made_by_the_readme_subscribes_its_visitor_who_is_then_reached(
    visitors_browser: Browser, deployed: Stack, servers: ServerThread
) -> None:
    commands, page, worker, sending = blocks("Subscribe the visitors of your site")
    site = web.Application()
    served: dict[str, str] = {}

    async def serve(request: web.Request) -> web.Response:
        kind = "text/html" if request.path == "/" else "text/javascript"
        return web.Response(text=served[request.path], content_type=kind)

    site.add_routes([web.get("/", serve), web.get("/tocsin-sw.js", serve)])
    url = f"http://localhost:{servers.start(site)}"
    places = {"http://localhost:8787": deployed.api, "http://localhost:9000": url}
    places["<admin_key>"] = deployed.dev["admin_key"]

    def filled(text: str) -> str:
        for place, value in places.items():
            text = text.replace(place, value)
        return text

    make_tenant, make_app = re.split(r"\n(?=curl )", commands)
    places["<ten_... of the answer>"] = pasted(filled(make_tenant))["id"]
    app = pasted(filled(make_app))
    places |= {"<app_...>": app["id"], "app_...": app["id"]}
    served |= {"/": filled(page), "/tocsin-sw.js": filled(worker)}

    visitors_browser.visit(url)
    visitors_browser.click("#notify")
    make_key, add_credits, send = re.split(r"\n(?=curl )", sending)
    places["<key of the first answer>"] = pasted(filled(make_key))["key"]
    assert pasted(filled(add_credits))["available"] == 1000
    assert wait_until(lambda: pasted(filled(send)).get("sent"), "the visitor to be subscribed", 40) == 1
    assert visitors_browser.wait_for_alert() == Alert("Hello", "From my own site")
    visitors_browser.close_alerts()


def test_the_readmes_first_notification_is_sent_as_it_says(deployed: Stack) -> None:
    [command] = blocks("Send your first notification")
    customer = Customer.sign_up(DeployedApi(deployed.api, deployed.dev["admin_key"]))
    client = customer.client()
    assert client.subscribe(Simulator(deployed.simulator).user_agent().subscription).status == 201
    credit = customer.credits()["available"]
    answer = pasted(command.replace("http://localhost:8787", deployed.api).replace("psk_...", client.key))
    assert answer == {"sent": 1, "failed": 0, "credits": credit - 1}
