"""The route by which service workers report what became of messages: it believes tokens, and tells nobody anything."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import SITE, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.unit.application.readers import count, token
from tocsin.application.ports import Unavailable
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialects.tocsin.beacons import MOST_EVENTS
from tocsin.domain.ids import AppId, SendId

WORKER = {"Origin": SITE, "Content-Type": "text/plain;charset=UTF-8"}
NOTE = {"to": {"everyone": True}, "title": "Sale", "body": "All day"}
STRANGER = {"Origin": "https://stranger.example"}


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def customer(engine: MemoryEngine) -> Customer:
    """With two browsers."""
    made = Customer.sign_up(HttpApi(engine))
    for _ in range(2):
        subscription = {"subscription": new_subscription()}
        expect(201, made.api.call("POST", f"/sdk/v1/{made.app}/subscriptions", subscription, {"Origin": SITE}))
    return made


def sent(customer: Customer) -> str:
    return str(expect(200, customer.api.operator("POST", customer.at("/sends"), NOTE))["id"])


def event(engine: MemoryEngine, customer: Customer, send: str, e: str, index: int = 0) -> dict[str, Any]:
    app, id_ = AppId(parse("app", customer.app) or ""), SendId(parse("snd", send) or "")
    return {"e": e, "id": id_, "k": token(engine, app, id_, index), "t": int(engine.clock.now())}


def post(customer: Customer, body: object, headers: dict[str, str] | None = None) -> Answer:
    return customer.api.call("POST", f"/sdk/v1/{customer.app}/events", body, WORKER | (headers or {}))


def engagement(customer: Customer, send: str) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, customer.api.operator("GET", customer.at(f"/sends/{send}")))["engagement"]
    return found


def test_the_operator_sees_what_readers_did_in_all_and_by_hour_and_push_service(
    engine: MemoryEngine, customer: Customer
) -> None:
    send = sent(customer)
    nothing: dict[str, Any] = {"displayed": 0, "clicked": 0, "dismissed": 0, "hours": [], "push_services": {}}
    assert engagement(customer, send) == nothing
    for events in (["displayed", "clicked"], ["clicked", "dismissed"]):
        answer = post(customer, [event(engine, customer, send, e) for e in events])
        assert (answer.status, answer.json) == (202, {})
        assert answer.headers["access-control-allow-origin"] == SITE
    post(customer, [event(engine, customer, send, "displayed", 1)])
    count(engine)
    figures = {"displayed": 2, "clicked": 1, "dismissed": 1}
    assert engagement(customer, send) == {
        **figures,
        "hours": [{"hour": "2027-01-15T08:00:00Z", **figures}],
        "push_services": {"fcm": figures},
    }


def test_an_app_without_statistics_asks_for_no_reports(engine: MemoryEngine, customer: Customer) -> None:
    before = sent(customer)
    changed = expect(200, customer.api.operator("PATCH", customer.at(""), {"statistics": False}))
    assert changed["statistics"] is False
    assert engagement(customer, sent(customer)) is None
    post(customer, [event(engine, customer, before, "clicked")])
    count(engine)
    assert engagement(customer, before)["clicked"] == 1


def test_what_counts_nothing_is_answered_like_what_counts(engine: MemoryEngine, customer: Customer) -> None:
    send = sent(customer)
    good = event(engine, customer, send, "clicked")
    for changed in ({"k": "A" * 24}, {"k": ""}, {"id": "0" * 24}, {"id": "é"}, {"k": good["k"].swapcase()}):
        answer = post(customer, [good | changed])
        assert (answer.status, answer.json) == (202, {})
    other = Customer.sign_up(customer.api)
    assert post(other, [good]).status == 202
    assert post(customer, []).status == 202
    assert engine.sightings.bodies == []


@pytest.mark.row("X-7")
def test_x_7_only_workers_of_the_apps_own_origins_report(engine: MemoryEngine, customer: Customer) -> None:
    good, path = event(engine, customer, sent(customer), "clicked"), f"/sdk/v1/{customer.app}/events"
    for headers in (STRANGER, {"Origin": "null"}, {}):
        assert customer.api.call("POST", path, [good], headers).status == 403
    assert engine.sightings.bodies == []
    assert "access-control-allow-origin" not in customer.api.call("OPTIONS", path, headers=STRANGER).headers
    allowed = customer.api.call("OPTIONS", path, headers={"Origin": SITE})
    assert allowed.headers["access-control-allow-methods"] == "POST"


def test_a_worker_may_report_as_often_as_it_likes(engine: MemoryEngine, customer: Customer) -> None:
    """A window for a network would hold back the readers of an office, and cost a write for each of them."""
    good = event(engine, customer, sent(customer), "clicked")
    assert {post(customer, [good]).status for _ in range(700)} == {202}


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "The body must be a JSON list: line 1, column 1"),
        (b"[", "The body must be a JSON list: line 1, column 2"),
        ({}, "The body must be a JSON list"),
        ([1], "0 must be an object"),
        ([{"e": "displayed", "id": "x", "k": "x"}], "0.t is required"),
        ([{"e": "seen", "id": "x", "k": "x", "t": 0}], "0.e must be 'displayed', 'clicked' or 'dismissed'"),
        ([{"e": "clicked", "id": 5, "k": "x", "t": 0}], "0.id must be a string"),
        ([{"e": "clicked", "id": "x", "k": "x", "t": 1.5}], "0.t must be an integer"),
        ([{"e": "clicked", "id": "x", "k": "x", "t": -1}], "0.t must be greater than or equal to 0"),
        ([{"e": "clicked", "id": "x", "k": "x", "t": 10**400}], "0.t must be less than or equal to 1099511627776"),
        ([{}] * (MOST_EVENTS + 1), "The body must be a list of at most 50"),
        (b'[{"e":"clicked","e":"clicked"}]', "The body must be a JSON list: a key stands in it twice"),
    ],
    ids=str,
)
def test_a_body_that_is_no_list_of_events_is_refused_whole(customer: Customer, body: object, rule: str) -> None:
    answer = post(customer, body)
    assert (answer.status, answer.json["error"]["message"]) == (400, rule)
    assert answer.headers["access-control-allow-origin"] == SITE


def test_as_many_as_are_allowed_fit_and_more_bytes_are_refused(engine: MemoryEngine, customer: Customer) -> None:
    send = sent(customer)
    most = [event(engine, customer, send, "clicked", number) for number in range(MOST_EVENTS)]
    assert post(customer, most).status == 202
    assert len(engine.sightings.take()[0].sightings) == MOST_EVENTS
    assert post(customer, json.dumps(most).encode().ljust(16 * 1024 + 1)).status == 413


def test_an_unknown_app_is_a_404_and_another_method_a_405(customer: Customer) -> None:
    for unknown in ("shop", render("app", "0" * 24)):
        assert customer.api.call("POST", f"/sdk/v1/{unknown}/events", [], WORKER).status == 404
    answer = customer.api.call("GET", f"/sdk/v1/{customer.app}/events", headers={"Origin": SITE})
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_a_worker_is_told_to_come_again_when_the_queue_does_not_answer(
    engine: MemoryEngine, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = event(engine, customer, sent(customer), "clicked")

    def away(_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.sightings, "queue", away)
    answer = post(customer, [good])
    assert answer.status == 503
    assert answer.headers["access-control-allow-origin"] == SITE


def test_of_what_is_taken_there_is_no_line_in_the_log_and_of_what_is_refused_there_is(
    engine: MemoryEngine, customer: Customer, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    shown = event(engine, customer, sent(customer), "displayed")
    assert post(customer, [shown]).status == 202
    assert post(customer, [shown], STRANGER).status == 403
    assert [line["status"] for line in log_lines() if line["capability"] == "beacons"] == [403]
