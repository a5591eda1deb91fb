"""A site that had another push system moves in: its readers' browsers are reached without ever coming back to it."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from dev.stack import Stack
from tests.browser.browser import Alert, Browser
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import admin
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.vapid import VapidKey

# A worker of the site's own, from the days of the other system.
WORKER = """
addEventListener("push", (event) => {
  const {title, body} = event.data.json().notification;
  event.waitUntil(registration.showNotification(title, {body}));
});
"""
SUBSCRIBE = """
const registration = await navigator.serviceWorker.register("/sw.js");
await navigator.serviceWorker.ready;
const settings = {userVisibleOnly: true, applicationServerKey: args[0]};
return (await registration.pushManager.subscribe(settings)).toJSON();
"""


@pytest.fixture
def site(visitors_browser: Browser, servers: ServerThread) -> Iterator[str]:
    """The address of a site that knows nothing of us."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Corner Shop</title>", content_type="text/html")

    async def worker(_: web.Request) -> web.Response:
        return web.Response(text=WORKER, content_type="text/javascript")

    application = web.Application()
    application.add_routes([web.get("/", page), web.get("/sw.js", worker)])
    yield f"http://localhost:{servers.start(application)}"
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()


def bring(deployed: Stack, app: str, key: VapidKey, line: object) -> dict[str, Any]:
    """Import one line under a key pair."""
    pair = {"private_key": to_base64url(key.private_raw), "public_key": key.public}
    import_ = admin(deployed, f"apps/{app}/imports", {"vapid": pair})["id"]
    request = urllib.request.Request(
        f"{deployed.api}/admin/apps/{app}/imports/{import_}/lines",
        json.dumps(line).encode(),
        {"Authorization": f"Bearer {deployed.dev['admin_key']}", "Content-Type": "application/x-ndjson"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        taken: dict[str, Any] = json.load(answer)
        return taken


def test_a_browser_that_subscribed_under_a_foreign_key_is_imported_and_reached(
    visitors_browser: Browser, deployed: Stack, site: str
) -> None:
    foreign = VapidKey.generate()
    visitors_browser.visit(site)
    subscription = visitors_browser.run_async(SUBSCRIBE, foreign.public)
    assert isinstance(subscription, dict)

    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": site, "origins": [site], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted)["id"]
    admin(deployed, f"apps/{app}/credits", {"amount": 10, "reference": "test"})
    taken = bring(deployed, app, foreign, {**subscription, "user_id": "u-17"})
    assert (taken["imported"], taken["refused"]) == (1, [])
    visitors_browser.visit("about:blank")
    note = {"to": {"external_ids": ["u-17"]}, "title": "Still with you", "body": "from a new house"}
    assert admin(deployed, f"apps/{app}/sends", note)["accepted"] == 1
    assert visitors_browser.wait_for_alert() == Alert("Still with you", "from a new house")
