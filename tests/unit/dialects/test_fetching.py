"""A worker fetches a message that was too long: once, in time, and nobody else does."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.customer import SITE, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.application.jobs import Recipient
from tocsin.application.messages import Messages
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place
from tocsin.domain.send import Course
from tocsin.webpush.origins import PushService

PAGE = {"Origin": SITE}
LONG = {"title": "t", "body": "😀" * 4096, "ttl": 3600}
ROOM = 3993


@dataclass(frozen=True, slots=True)
class Preview:
    """What a browser was pushed."""

    app: str
    id: str
    token: str

    @property
    def body(self) -> dict[str, str]:
        """What its worker sends."""
        return {"id": self.id, "token": self.token}


def pushed(customer: Customer, engine: MemoryEngine, **fields: object) -> list[Preview]:
    """Send a long message to everyone; answers with what each browser was pushed."""
    api = customer.api
    made = expect(200, api.operator("POST", customer.at("/sends"), LONG | {"to": {"everyone": True}} | fields))
    app, send = AppId(parse("app", customer.app) or ""), SendId(parse("snd", made["id"]) or "")
    stored, frozen = engine.sends.get(app, send), engine.chunks.frozen(app, send, 0)
    assert stored is not None
    assert frozen is not None
    found = engine.subscriptions.load(app, frozen.ids)
    messages = Messages(stored, engine.derivation)
    texts = [
        messages.plaintext(Recipient.of(found[id_]), Place(0, index, PushService.FCM), ROOM)
        for index, id_ in enumerate(frozen.ids)
    ]
    data = [json.loads(text)["notification"]["data"] for text in texts]
    return [Preview(customer.app, each["id"], each["f"]) for each in data]


@pytest.fixture
def customer(engine: MemoryEngine) -> Customer:
    """With two browsers."""
    made = Customer.sign_up(HttpApi(engine))
    for _ in range(2):
        subscription = {"subscription": new_subscription()}
        expect(201, made.api.call("POST", f"/sdk/v1/{made.app}/subscriptions", subscription, PAGE))
    return made


def fetch(customer: Customer, body: object, headers: dict[str, str] | None = None, **at: Any) -> Answer:
    """A worker's request."""
    assert isinstance(customer.api, HttpApi)
    path = f"/sdk/v1/{at.pop('app', customer.app)}/message"
    return customer.api.call("POST", path, body, PAGE if headers is None else headers, **at)


@pytest.mark.row("X-6")
def test_x_6_each_recipient_fetches_the_whole_once(customer: Customer, engine: MemoryEngine) -> None:
    for preview in pushed(customer, engine, url=f"{SITE}/x", tag="greeting"):
        answer = fetch(customer, preview.body)
        assert expect(200, answer) == {
            "web_push": 8030,
            "notification": {
                "title": "t",
                "body": LONG["body"],
                "navigate": f"{SITE}/x",
                "tag": "greeting",
                "data": {"id": preview.id},
            },
        }
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["cache-control"] == "no-store"
        assert expect(410, fetch(customer, preview.body))["error"]["code"] == "spent"


@pytest.mark.row("X-6")
def test_x_6_it_can_be_fetched_until_the_ttl_ends(customer: Customer, engine: MemoryEngine) -> None:
    early, late = pushed(customer, engine, ttl=600)
    engine.clock.advance(599)
    expect(200, fetch(customer, early.body))
    engine.clock.advance(1)
    assert expect(410, fetch(customer, late.body))["error"]["code"] == "spent"


def test_nobody_learns_from_a_wrong_token_what_exists(customer: Customer, engine: MemoryEngine) -> None:
    [first, second] = pushed(customer, engine)
    [other, _] = pushed(customer, engine)
    nobody = expect(404, fetch(customer, {"id": "0" * 24, "token": first.token}))
    wrong: list[dict[str, str]] = [
        {"id": first.id, "token": "A" * 23},
        {"id": first.id, "token": ""},
        {"id": first.id, "token": other.token},
        {"id": other.id, "token": second.token},
        {"id": "ü", "token": "ü"},
    ]
    assert [expect(404, fetch(customer, body)) for body in wrong] == [nobody] * len(wrong)
    assert engine.storage.fetches == set()
    expect(200, fetch(customer, first.body))


def test_another_app_cannot_fetch_it(customer: Customer, engine: MemoryEngine) -> None:
    stranger = Customer.sign_up(customer.api)
    [preview, _] = pushed(customer, engine)
    expect(404, fetch(customer, preview.body, app=stranger.app))
    expect(200, fetch(customer, preview.body))


@pytest.mark.row("X-7")
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_only_workers_of_the_apps_own_origins_may_fetch(
    customer: Customer, engine: MemoryEngine, headers: dict[str, str]
) -> None:
    [preview, _] = pushed(customer, engine)
    assert expect(403, fetch(customer, preview.body, headers))["error"]["code"] == "origin_not_allowed"
    expect(200, fetch(customer, preview.body))


def test_a_network_may_fetch_600_times_a_minute_and_takes_nothing_from_pages(
    customer: Customer, engine: MemoryEngine
) -> None:
    [preview, _] = pushed(customer, engine)
    statuses = [fetch(customer, {"id": preview.id, "token": "x"}).status for _ in range(600)]
    assert statuses == [404] * 600
    refused = fetch(customer, preview.body)
    assert expect(429, refused)["error"]["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    expect(200, fetch(customer, preview.body, address="198.51.100.1"))
    page = customer.api.call("POST", f"/sdk/v1/{customer.app}/unsubscribe", {}, PAGE)
    assert page.status == 400


@pytest.mark.parametrize("body", [{}, {"id": "x"}, {"token": "x"}, {"id": 1, "token": "x"}, {"id": "x", "token": None}])
def test_a_malformed_request_is_told_so(customer: Customer, body: object) -> None:
    assert fetch(customer, body).status == 400


def test_nobody_fetches_the_text_of_a_send_that_was_cancelled(customer: Customer, engine: MemoryEngine) -> None:
    preview = pushed(customer, engine)[0]
    [(name, stored)] = engine.storage.sends.items()
    engine.storage.sends[name] = replace(stored, send=replace(stored.send, course=Course.CANCELLED))
    assert expect(410, fetch(customer, preview.body))["error"]["code"] == "spent"
