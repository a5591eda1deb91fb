"""A browser that registers at Keymaster by its user's token, from a page without our SDK, and its receipts."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.customer_site import CustomerSite
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import Customer, admin
from tests.integration.deployed_api import DeployedApi, Receiver, Simulator
from tests.keymaster import Bearer

REGISTER = """
const [key, api, token, app_id] = args;
const policy = trustedTypes.createPolicy("page", {createScriptURL: (url) => url});
const script = policy.createScriptURL("/tocsin-sw.js");
const worker = await navigator.serviceWorker.register(script, {scope: "/tocsin/"});
const active = worker.installing ?? worker.waiting ?? worker.active;
while (active.state !== "activated") await new Promise((resolve) => setTimeout(resolve, 20));
const subscription = await worker.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key});
const answer = await fetch(`${api}/push/devices/register`, {
  method: "POST",
  headers: {Authorization: `Bearer ${token}`, "Content-Type": "application/json"},
  body: JSON.stringify({app_id, platform: "web", push_token: JSON.stringify(subscription)}),
});
return {status: answer.status, ...(await answer.json())};
"""


@pytest.fixture
def customer(visitors_browser: Browser, deployed: Stack, servers: ServerThread) -> Iterator[Customer]:
    """An app and its site, whose page has a script of its own to register a worker."""
    site = CustomerSite(deployed.api, None, trusted_types="tocsin page")
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Gym"})["id"]
    wanted = {"name": "Gym", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted)
    site.worker = f'importScripts("{deployed.api}/sw.js?app={app["id"]}");'
    yield Customer(visitors_browser, deployed, url, app)
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


def receipts(receiver: Receiver, count: int) -> dict[str, dict[str, Any]]:
    told = [json.loads(one["body"]) for one in receiver.arrived(count)]
    return {one["event"]: one["data"] for one in told}


@pytest.mark.row("KM-12", "KM-18", "KM-25")
def test_a_page_registers_its_browser_by_its_users_token_and_the_app_hears_what_became_of_a_notification(
    customer: Customer, deployed: Stack
) -> None:
    receiver, app = Simulator(deployed.simulator).receiver(), customer.app
    app_id, api = app["ids"]["keymaster"], DeployedApi(deployed.api, deployed.dev["admin_key"])

    def bearer(**fields: object) -> Bearer:
        token = admin(deployed, f"apps/{app['id']}/access-tokens", dict(fields))["access_token"]
        return Bearer(api, app_id, token)

    administrator = bearer(type="admin", roles=["app_admin"])
    assert administrator.configure(enabled=True, webhook_url=receiver.url).status == 200
    key = admin(deployed, f"apps/{app['id']}/keys", {"dialect": "keymaster"})["key"]
    client_id, _, secret = key.partition(":")
    form = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}".encode()
    with urllib.request.urlopen(f"{deployed.api}/auth/token", form, timeout=30) as answer:
        server = Bearer(api, app_id, json.load(answer)["access_token"])

    customer.visit()
    made = customer.run(
        REGISTER, app["vapid_public_key"], deployed.api, bearer(type="user", user_id="u-1").token, app_id
    )
    assert made["status"] == 201
    sent = server.send(
        "u-1", title="Shift approved", body="See you on Monday", data={"url": f"{customer.url}/orders/7"}
    )
    assert customer.browser.wait_for_alert() == Alert("Shift approved", "See you on Monday")
    customer.browser.click_alert()
    wait_until(lambda: customer.browser.selected_address() == f"{customer.url}/orders/7", "the target in front")
    about = {
        "notification_id": sent.json["notification_id"],
        "user_id": "u-1",
        "device_id": made["device_id"],
        "platform": "web",
    }
    assert receipts(receiver, 2) == {"push.delivered": about, "push.clicked": about}
    assert customer.browser.violations() == []
