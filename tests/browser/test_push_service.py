"""The simulated push services, judged by the browsers that they are made for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from dev.simulators import Simulators
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.served import ServerThread
from tests.integration.simulators.sender import Sender

ORIGINS = {"firefox": "https://updates.push.services.mozilla.com/", "chromium": "https://jmt17.google.com/"}
ANOTHERS_KEY = {"firefox": 401, "chromium": 403}
WORKER = """
self.addEventListener("push", (event) => event.waitUntil(
  self.registration.showNotification("Push", {body: event.data ? event.data.text() : "empty"})));
"""
SUBSCRIBE = """
await navigator.serviceWorker.register("/worker.js");
const {pushManager} = await navigator.serviceWorker.ready;
return (await pushManager.subscribe({userVisibleOnly: true, applicationServerKey: args[0]})).toJSON();
"""
UNSUBSCRIBE = """
const {pushManager} = await navigator.serviceWorker.ready;
return (await pushManager.getSubscription()).unsubscribe();
"""


@dataclass(slots=True)
class Subscriber:
    """A page of `browser` that subscribed with the key of `sender`."""

    browser: Browser
    sender: Sender
    subscription: dict[str, Any]

    def post(self, text: str, **changes: Any) -> httpx.Response:
        """Send it a message."""
        return self.sender.post(self.subscription, text, **changes)

    def shown(self) -> Alert:
        """What the browser shows next; the desktop is empty again then."""
        alert = self.browser.wait_for_alert()
        self.browser.close_alerts()
        return alert

    def is_connected(self) -> bool:
        """Whether the browser holds a connection to its push service."""
        clients = self.sender.control.get(f"/{self.browser.name}").json()["clients"]
        return any(client["connected"] for client in clients)


@pytest.fixture
def subscriber(browser: Browser, simulators: Simulators, servers: ServerThread) -> Iterator[Subscriber]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<title>Page</title>", content_type="text/html")

    async def worker(_: web.Request) -> web.Response:
        return web.Response(text=WORKER, content_type="text/javascript")

    application = web.Application()
    application.add_routes([web.get("/", page), web.get("/worker.js", worker)])
    browser.visit(f"http://localhost:{servers.start(application)}")
    sender = Sender(simulators)
    subscription = browser.run_async(SUBSCRIBE, sender.public_key)
    assert isinstance(subscription, dict)
    yield Subscriber(browser, sender, subscription)
    sender.close()
    browser.close_alerts()


def test_exactly_what_was_encrypted_is_shown(subscriber: Subscriber) -> None:
    assert subscriber.subscription["endpoint"].startswith(ORIGINS[subscriber.browser.name])
    for text in ("Grüße 🎉 <b>&amp;</b>", "x" * 3993):
        assert subscriber.post(text).status_code == 201
        assert subscriber.shown() == Alert("Push", text)
    assert subscriber.post("", body=b"").status_code == 201
    assert subscriber.shown() == Alert("Push", "empty")


def test_the_rules_are_those_of_the_simulated_user_agents(subscriber: Subscriber) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other_key = subscriber.sender.authorization(subscriber.subscription["endpoint"], key=key)
    refusals = [
        subscriber.post("x" * 3994),
        subscriber.post("no lifetime", headers={"TTL": None}),
        subscriber.post("nobody's", headers={"Authorization": None}),
        subscriber.post("another's", headers={"Authorization": other_key}),
    ]
    assert [reply.status_code for reply in refusals] == [413, 400, 401, ANOTHERS_KEY[subscriber.browser.name]]
    assert subscriber.post("last").status_code == 201
    assert subscriber.shown() == Alert("Push", "last")


def test_what_cannot_be_decrypted_is_taken_and_never_shown(subscriber: Subscriber) -> None:
    keys = subscriber.subscription["keys"]
    wrong = {**subscriber.subscription, "keys": {**keys, "auth": os.urandom(16).hex()[:22]}}
    assert subscriber.sender.post(wrong, "unreadable").status_code == 201
    assert subscriber.post("readable").status_code == 201
    assert subscriber.shown() == Alert("Push", "readable")


def test_an_ended_subscription_is_gone(subscriber: Subscriber) -> None:
    assert subscriber.browser.run_async(UNSUBSCRIBE) is True
    # Chromium tells its push service afterwards.
    wait_until(lambda: subscriber.post("gone?").status_code == 410, "the push service to know")
    assert subscriber.browser.alerts() == []


def test_a_closed_browser_gets_later_what_is_still_of_use(subscriber: Subscriber) -> None:
    wait_until(subscriber.is_connected, "a connection")
    with subscriber.browser.closed():
        wait_until(lambda: not subscriber.is_connected(), "no connection")
        assert subscriber.post("now or never", headers={"TTL": "0"}).status_code == 201
        assert subscriber.post("old", headers={"Topic": "score"}).status_code == 201
        assert subscriber.post("new", headers={"Topic": "score"}).status_code == 201
    assert subscriber.shown() == Alert("Push", "new")
    assert subscriber.post("next").status_code == 201
    assert subscriber.shown() == Alert("Push", "next")
