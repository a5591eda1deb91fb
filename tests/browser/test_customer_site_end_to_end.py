"""A customer's site, on another origin than the server and with the strictest policy, on the deployed template."""

import hashlib
import hmac
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, ScriptError, wait_until
from tests.browser.customer_site import CustomerSite
from tests.browser.served import ServerThread


@dataclass(slots=True)
class Customer:
    """An app of the deployed server, and the site that it is for."""

    browser: Browser
    deployed: Stack
    url: str
    app: dict[str, Any]

    def visit(self) -> None:
        """Load the site's page."""
        sdk = f"{self.deployed.api}/sdk.js?{urlencode({'app': self.app['id']})}"
        self.browser.visit(f"{self.url}/?{urlencode({'sdk': sdk})}")

    def run(self, script: str, *args: object) -> Any:
        """Run the body of an async function in the page, once the SDK is there; `push` is the module."""
        ready = "while (!window.push) await new Promise((resolve) => setTimeout(resolve, 10)); const {push} = window;"
        return self.browser.run_async(ready + script, *args)

    def prove(self, person: str) -> dict[str, object]:
        """What the customer's server does: its word for this person."""
        exp = int(time.time()) + 600
        secret = self.app["identity_secret"].encode()
        mac = hmac.new(secret, f"external:{person}.{exp}".encode(), hashlib.sha256)
        return {"exp": exp, "mac": mac.hexdigest()}

    def send(self, person: str, title: str, url: str) -> dict[str, Any]:
        """Send to one person."""
        note = {"to": {"external_ids": [person]}, "title": title, "body": f"for {person}", "url": url}
        return admin(self.deployed, f"apps/{self.app['id']}/sends", note)


def admin(deployed: Stack, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call the operator's API."""
    headers = {"Authorization": f"Bearer {deployed.dev['admin_key']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{deployed.api}/admin/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        made: dict[str, Any] = json.load(answer)
        return made


@pytest.fixture
def customer(visitors_browser: Browser, deployed: Stack, servers: ServerThread) -> Iterator[Customer]:
    """An app that wants proof of each person; its site is the only origin on its list."""
    site = CustomerSite(deployed.api, None)
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted | {"identity": "required"})
    admin(deployed, f"apps/{app['id']}/credits", {"amount": 10, "reference": "test"})
    site.worker = f'importScripts("{deployed.api}/sw.js?app={app["id"]}");'
    yield Customer(visitors_browser, deployed, url, app)
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


def test_a_proved_person_is_reached_on_the_customers_own_origin(customer: Customer) -> None:
    customer.visit()
    customer.run("await push.identify('u1', args[0]);", customer.prove("u1"))
    state = customer.run("return push.subscribe();")
    assert (state["subscribed"], state["externalId"]) == (True, "u1")
    target = f"{customer.url}/orders/1"
    assert customer.send("u1", "Your order", target)["accepted"] == 1
    assert customer.browser.wait_for_alert() == Alert("Your order", "for u1")
    customer.browser.click_alert()
    wait_until(lambda: customer.browser.selected_address() == target, "the target in front")
    assert (customer.browser.violations(), customer.browser.errors()) == ([], [])


def test_a_message_that_was_under_way_for_the_last_person_reveals_nothing(customer: Customer) -> None:
    customer.visit()
    customer.run("await push.identify('u1', args[0]); await push.subscribe();", customer.prove("u1"))
    # The browser has the next person already, the server still thinks of the last one.
    customer.run(
        """
        const open = indexedDB.open("tocsin", 1);
        await new Promise((resolve) => (open.onsuccess = resolve));
        const kv = open.result.transaction("kv", "readwrite").objectStore("kv");
        const read = kv.get(args[0]);
        await new Promise((resolve) => (read.onsuccess = resolve));
        const written = kv.put({...read.result, who: "AAAAAAAAAAA"}, args[0]);
        await new Promise((resolve) => (written.onsuccess = resolve));
        """,
        customer.app["id"],
    )
    assert customer.send("u1", "Your test result", customer.url)["accepted"] == 1
    assert customer.browser.wait_for_alert() == Alert("Corner Shop", "")


def test_a_forged_proof_is_refused(customer: Customer) -> None:
    customer.visit()
    customer.run("await push.identify('u1', args[0]);", customer.prove("u2"))
    with pytest.raises(ScriptError) as refusal:
        customer.run("return push.subscribe();")
    assert refusal.value.code == "identity_invalid"


def test_a_site_that_is_not_on_the_list_is_told_so(customer: Customer, servers: ServerThread) -> None:
    stranger = CustomerSite(customer.deployed.api, "")
    customer.url = f"http://localhost:{servers.start(stranger.application())}"
    customer.visit()
    with pytest.raises(ScriptError) as refusal:
        customer.run("return push.subscribe();")
    assert refusal.value.code == "origin_not_allowed"
