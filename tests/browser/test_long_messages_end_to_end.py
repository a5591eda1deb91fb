"""The longest message that a document allows, through the deployed template into real browsers."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.customer_site import CustomerSite
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import Customer, admin

BODY = ("Zeile für Zeile 😀 " * 241)[:4096]
DATA = {"order": {"id": 17, "note": "é" * 2020}}


@pytest.fixture
def customer(
    visitors_browser: Browser, deployed: Stack, servers: ServerThread, request: pytest.FixtureRequest
) -> Iterator[Customer]:
    """An app whose site has one subscribed visitor, whom it knows as u1. A parameter is a script for its worker."""
    site = CustomerSite(deployed.api, None)
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted | {"identity": "off"})
    admin(deployed, f"apps/{app['id']}/credits", {"amount": 10, "reference": "test"})
    site.worker = (
        getattr(request, "param", "") + f'importScripts("{deployed.api}/sw.js?{urlencode({"app": app["id"]})}");'
    )
    made = Customer(visitors_browser, deployed, url, app)
    made.visit()
    made.run("await push.identify('u1'); await push.subscribe({email: 'u1@example.com'});")
    yield made
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


def call(customer: Customer, dialect: str, path: str, header: str, body: dict[str, Any]) -> dict[str, Any]:
    """Call a dialect with a new key of the app."""
    key = admin(customer.deployed, f"apps/{customer.app['id']}/keys", {"dialect": dialect})["key"]
    headers = {header: key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{customer.deployed.api}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


@pytest.mark.row("X-6", "PS-14")
def test_x_6_the_longest_title_and_body_are_read_in_full(customer: Customer) -> None:
    title = "é" * 256
    note = {"email": "u1@example.com", "title": title, "body": BODY, "url": f"{customer.url}/orders/1"}
    assert len(BODY) == 4096
    assert call(customer, "pushservice", "/v1/send", "X-Api-Key", note) == {"sent": 1, "failed": 0, "credits": 9}
    assert customer.browser.wait_for_alert() == Alert(title, BODY)
    customer.browser.click_alert()
    wait_until(lambda: f"{customer.url}/orders/1" in customer.browser.addresses(), "the target to open")
    assert (customer.browser.violations(), customer.browser.errors()) == ([], [])


@pytest.mark.row("X-6", "CS-12")
def test_x_6_the_largest_data_is_handed_to_the_page_by_a_click(customer: Customer) -> None:
    assert len(json.dumps(DATA, ensure_ascii=False, separators=(",", ":")).encode()) > 4000
    note = {"target_user_ids": ["u1"], "title": "Your order", "body": "😀" * 255, "data": DATA}
    answer = call(customer, "cloudsignal", "/v2/push/send", "X-Secret-Key", note)
    assert (answer["successful_sends"], answer["failed_sends"]) == (1, 0)
    assert customer.browser.wait_for_alert() == Alert("Your order", "😀" * 255)
    customer.browser.click_alert()
    clicked = "return window.events.find((each) => each.type == 'click')?.detail.data ?? null;"
    assert wait_until(lambda: customer.run(clicked), "the page to be told of the click") == DATA


@pytest.mark.row("X-6")
@pytest.mark.parametrize(
    "customer", ["self.fetch = async () => { throw new TypeError('no network'); };"], indirect=True
)
def test_x_6_where_the_server_cannot_be_reached_the_text_is_begun(customer: Customer) -> None:
    note = {"email": "u1@example.com", "title": "Your order", "body": BODY}
    assert call(customer, "pushservice", "/v1/send", "X-Api-Key", note)["sent"] == 1
    alert = customer.browser.wait_for_alert()
    assert (alert.title, alert.body[-1]) == ("Your order", "…")
    assert BODY.startswith(alert.body[:-1])
    assert len(alert.body) > 2000
