"""What the SDK does by itself, against the deployed template: it mends, it leaves, and the server agrees."""

import urllib.error
from collections.abc import Callable, Iterator
from time import sleep

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.customer_site import CustomerSite
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import Customer, admin

NOBODY = 404
# What is kept of the app, changed; and the app's settings asked for past the browser's cache.
MAKE_DUE = """
const open = indexedDB.open("tocsin", 1);
await new Promise((resolve) => (open.onsuccess = resolve));
const kv = open.result.transaction("kv", "readwrite").objectStore("kv");
const read = kv.get(args[0]);
await new Promise((resolve) => (read.onsuccess = resolve));
const written = kv.put({...read.result, due: 0}, args[0]);
await new Promise((resolve) => (written.onsuccess = resolve));
open.result.close();
"""
FRESH_CONFIG = "return (await fetch(args[0], {cache: 'reload', credentials: 'omit'})).json();"
LOSE = """
const {pushManager} = await navigator.serviceWorker.getRegistration("/tocsin/");
await (await pushManager.getSubscription()).unsubscribe();
"""
HEALED = """
await push.ready;
await navigator.locks.request(`tocsin:${args[0]}`, () => {});
return push.getState();
"""


@pytest.fixture
def customer(visitors_browser: Browser, deployed: Stack, servers: ServerThread) -> Iterator[Customer]:
    """An app whose site has one subscribed visitor, who proved to be u1."""
    site = CustomerSite(deployed.api, None)
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted | {"identity": "required"})
    admin(deployed, f"apps/{app['id']}/credits", {"amount": 10, "reference": "test"})
    site.worker = f'importScripts("{deployed.api}/sw.js?app={app["id"]}");'
    made = Customer(visitors_browser, deployed, url, app)
    made.visit()
    made.run("await push.identify('u1', args[0]); await push.subscribe();", made.prove("u1"))
    yield made
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


def healed(customer: Customer) -> dict[str, object]:
    """Load the page again, and answer with the state after the SDK did its work."""
    customer.visit()
    state: dict[str, object] = customer.run(HEALED, customer.app["id"])
    return state


def reached(customer: Customer, title: str) -> None:
    """A message for u1 arrives."""
    assert customer.send("u1", title, customer.url)["accepted"] == 1
    assert customer.browser.wait_for_alert() == Alert(title, "for u1")


def reaches_nobody(send: Callable[[], object]) -> None:
    """A send is refused, for there is nobody to send to."""
    with pytest.raises(urllib.error.HTTPError) as refusal:
        send()
    refusal.value.close()
    assert refusal.value.code == NOBODY


def test_after_a_change_of_key_the_visitor_moves_to_the_new_one(customer: Customer) -> None:
    path = f"apps/{customer.app['id']}/vapid-keys"
    key = admin(customer.deployed, path, {})["public_key"]
    reached(customer, "under the old key")
    customer.browser.close_alerts()
    # A function may go by what it knew of the app for half a minute.
    config = f"{customer.deployed.api}/sdk/v1/{customer.app['id']}/config"

    def handed_out() -> bool:
        sleep(3)  # pages may ask 30 times a minute
        return bool(customer.run(FRESH_CONFIG, config).get("key") == key)

    wait_until(handed_out, "the new key to be handed out", 60)
    assert healed(customer)["subscribed"] is True
    used = customer.run(
        """
        const {pushManager} = await navigator.serviceWorker.getRegistration("/tocsin/");
        const {options} = await pushManager.getSubscription();
        return btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)));
        """
    )
    assert used.replace("+", "-").replace("/", "_").rstrip("=") == key
    reached(customer, "under the new key")


def test_a_lost_subscription_comes_back_under_the_same_name(customer: Customer) -> None:
    before = customer.run("return (await push.ready).id;")
    customer.run(LOSE)
    state = healed(customer)
    assert (state["subscribed"], state["externalId"]) == (True, "u1")
    assert state["id"] != before
    reached(customer, "found again")


def test_what_was_ended_elsewhere_ends_here_with_the_weekly_report(customer: Customer) -> None:
    ended = customer.run(
        "const body = JSON.stringify({id: push.getState().id});"
        " return (await fetch(args[0], {method: 'POST', body, credentials: 'omit'})).status;",
        f"{customer.deployed.api}/sdk/v1/{customer.app['id']}/unsubscribe",
    )
    assert ended == 200
    assert healed(customer)["subscribed"] is True
    customer.run(MAKE_DUE, customer.app["id"])
    assert healed(customer)["subscribed"] is False
    assert healed(customer)["subscribed"] is False


def test_after_a_log_out_the_person_is_not_reached_here(customer: Customer) -> None:
    assert customer.run("return (await push.logout()).subscribed;") is True
    reaches_nobody(lambda: customer.send("u1", "Your order", customer.url))
    note = {"to": {"everyone": True}, "title": "News", "body": "for everybody"}
    assert admin(customer.deployed, f"apps/{customer.app['id']}/sends", note)["accepted"] == 1
    assert customer.browser.wait_for_alert() == Alert("News", "for everybody")


def test_the_next_person_takes_the_browser_over(customer: Customer) -> None:
    customer.run("await push.identify('u2', args[0]);", customer.prove("u2"))
    reaches_nobody(lambda: customer.send("u1", "Your order", customer.url))
    assert customer.send("u2", "Your order", customer.url)["accepted"] == 1
    assert customer.browser.wait_for_alert() == Alert("Your order", "for u2")


def test_logging_out_with_an_end_leaves_nobody(customer: Customer) -> None:
    assert customer.run("return (await push.logout({unsubscribe: true})).subscribed;") is False
    note = {"to": {"everyone": True}, "title": "News", "body": "for everybody"}
    reaches_nobody(lambda: admin(customer.deployed, f"apps/{customer.app['id']}/sends", note))
