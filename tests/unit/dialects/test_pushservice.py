"""pushService in this process and in virtual time: what would be slow, or impossible to arrange, when deployed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import READER, SITE, Customer, PushServiceClient, new_subscription
from tests.engine import SERVICE_KEY, MemoryEngine
from tests.http_api import HttpApi
from tests.memory.transport import Reply, Silence
from tocsin.application.ports import Unavailable

PAGE = {"Origin": SITE}


@pytest.fixture
def client(customer: Customer) -> PushServiceClient:
    return customer.client()


def enrol(client: PushServiceClient, count: int = 1) -> list[str]:
    """Subscribe devices of the reader; their endpoints, the longest known first."""
    subscriptions = [new_subscription() for _ in range(count)]
    for subscription in subscriptions:
        assert client.subscribe(subscription).status == 201
    return [subscription["endpoint"] for subscription in subscriptions]


# --- windows ---


@pytest.mark.row("PS-7", "PS-31")
def test_ps_31_a_refused_key_may_send_again_when_the_window_ends(
    engine: MemoryEngine, client: PushServiceClient
) -> None:
    enrol(client)
    engine.clock.advance(20 - engine.clock.now() % 60)
    assert {client.send().status for _ in range(60)} == {200}
    for _ in range(100):
        refused = client.send()
        assert refused.status == 429
    assert 0 <= int(refused.headers["retry-after"]) - (60 - engine.clock.now() % 60) < 1  # never too early
    engine.clock.advance(int(refused.headers["retry-after"]))
    # A refused call took nothing of this window: all 60 are there.
    assert [client.call("/v1/send", {}).status for _ in range(61)] == [400] * 60 + [429]


@pytest.mark.row("PS-8")
def test_ps_8_the_platform_key_is_counted_for_each_tenant(engine: MemoryEngine, customer: Customer) -> None:
    platform, other = PushServiceClient(customer.api, SERVICE_KEY), Customer.sign_up(customer.api)
    mine, theirs = ({"X-Tenant-Id": one.app} for one in (customer, other))
    statuses = [platform.call("/v1/send", {}, mine).status for _ in range(601)]
    assert statuses[-2:] == [400, 429]
    assert platform.call("/v1/send", {}, theirs).status == 400
    assert platform.send(headers=theirs | PAGE).status == 401


@pytest.mark.row("PS-26", "X-7")
def test_a_page_that_was_refused_may_read_the_code_for_programs(customer: Customer) -> None:
    refused = customer.client("publishable").subscribe({}, headers=PAGE)
    assert refused.headers["x-error-code"] == "FIELD_MISSING"
    assert "X-Error-Code" in refused.headers["access-control-expose-headers"]


# --- keys ---


@pytest.mark.row("PS-6", "PS-28")
def test_ps_6_a_container_remembers_a_key_for_30_seconds_and_no_longer(
    engine: MemoryEngine, customer: Customer
) -> None:
    made = customer.key()
    client = PushServiceClient(customer.api, made["key"])
    elsewhere = PushServiceClient(HttpApi(another_container(engine)), made["key"])
    assert client.unsubscribe().status == 200
    customer.api.operator("DELETE", customer.at(f"/keys/{made['id']}"))
    assert elsewhere.unsubscribe().status == 401  # it never saw the key
    engine.clock.advance(29)
    assert client.unsubscribe().status == 200
    engine.clock.advance(2)
    assert client.unsubscribe().status == 401


def another_container(engine: MemoryEngine) -> MemoryEngine:
    """Another function instance at the same tables."""
    other = MemoryEngine(seed=1)
    other.clock, other.storage = engine.clock, engine.storage
    other.registry, other.subscriptions, other.windows = engine.registry, engine.subscriptions, engine.windows
    return other


@pytest.mark.row("PS-6")
def test_ps_6_last_use_is_noted_at_most_every_ten_minutes(engine: MemoryEngine, customer: Customer) -> None:
    made = customer.key()
    client, notes = PushServiceClient(customer.api, made["key"]), []
    for seconds in (0, 300, 301):
        engine.clock.advance(seconds)
        client.unsubscribe()
        [listed] = customer.api.operator("GET", customer.at("/keys")).json["keys"]
        notes.append(listed["last_used_at"])
    assert notes[0] == notes[1] < notes[2]


# --- devices and money ---


@pytest.mark.row("PS-16")
def test_ps_16_at_most_50_devices_of_an_address_are_notified_the_most_recently_seen(
    engine: MemoryEngine, client: PushServiceClient
) -> None:
    [oldest] = enrol(client)
    engine.clock.advance(1)
    enrol(client, 50)
    assert client.send().json == {"sent": 50, "failed": 0, "credits": 50}
    assert engine.transport.posts_to(oldest) == 0


@pytest.mark.row("PS-18")
def test_ps_18_a_short_balance_goes_to_the_most_recently_seen_first(engine: MemoryEngine) -> None:
    client = Customer.sign_up(HttpApi(engine), credits=2).client()
    endpoints = []
    for _ in range(4):
        endpoints += enrol(client)
        engine.clock.advance(1)
    assert client.send().json == {"sent": 2, "failed": 0, "credits": 0}
    assert [engine.transport.posts_to(endpoint) for endpoint in endpoints] == [0, 0, 1, 1]
    assert client.send().status == 402


@pytest.mark.row("PS-11", "PS-32")
def test_ps_32_a_device_that_stays_silent_is_not_charged_and_no_server_error(
    engine: MemoryEngine, customer: Customer, client: PushServiceClient
) -> None:
    silent, good = enrol(client, 2)
    engine.transport.script(silent, Silence(sent=False))
    answer = client.send()
    assert answer.status == 200
    assert answer.json["sent"] == 1
    assert engine.transport.posts_to(good) == 1
    assert engine.transport.posts_to(silent) > 1


@pytest.mark.row("PS-32")
def test_ps_32_a_store_that_fails_after_an_acceptance_does_not_make_it_an_error(
    engine: MemoryEngine, client: PushServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    [endpoint] = enrol(client)

    def fail(*_: object) -> bool:
        raise Unavailable

    monkeypatch.setattr(engine.chunks, "finish_only", fail)
    monkeypatch.setattr(engine.credits, "balance", once(engine.credits.balance, 2, fail))
    answer = client.send()
    assert (answer.status, answer.json["sent"]) == (200, 1)
    assert engine.transport.posts_to(endpoint) == 1


def once(real: Callable[..., Any], times: int, then: Callable[..., Any]) -> Callable[..., Any]:
    """A function that works some times and then no more."""
    left = iter(range(times))
    return lambda *arguments: real(*arguments) if next(left, None) is not None else then(*arguments)


@pytest.mark.row("PS-32")
def test_ps_32_a_store_that_fails_before_anything_was_sent_is_a_503_and_costs_nothing(
    engine: MemoryEngine, customer: Customer, client: PushServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(client)

    def fail(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(engine.sends, "reserve", fail)
        answer = client.send()
    assert answer.status == 503
    assert "Retry with the same Idempotency-Key" in answer.json["error"]
    assert engine.transport.requests == []
    assert customer.credits() == {"available": 100, "reserved": 0, "spent": 0}


# --- idempotency ---


@pytest.mark.row("X-4")
def test_x_4_a_key_is_remembered_for_24_hours(
    engine: MemoryEngine, customer: Customer, client: PushServiceClient
) -> None:
    enrol(client)
    retry = {"Idempotency-Key": "k"}
    client.send(headers=retry)
    engine.clock.advance(23 * 3600)
    assert client.send(headers=retry).headers["idempotency-replayed"] == "true"
    engine.clock.advance(3601)
    assert "idempotency-replayed" not in client.send(headers=retry).headers
    assert customer.credits()["spent"] == 2


@pytest.mark.row("X-4")
def test_x_4_while_the_first_request_has_no_answer_its_repeat_is_told_to_come_again(
    engine: MemoryEngine, client: PushServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(client)
    retry = {"Idempotency-Key": "k"}

    def fail(*_: object) -> bool:
        raise Unavailable

    # What a request that died on its way leaves behind.
    monkeypatch.setattr(engine.chunks, "finish_only", fail)
    monkeypatch.setattr(engine.sends, "note_answer", fail)
    assert client.send(headers=retry).status == 200
    during = client.send(headers=retry)
    assert (during.status, during.headers["x-error-code"]) == (400, "IDEMPOTENCY_IN_FLIGHT")
    assert during.headers["retry-after"] == "2"
    assert len(engine.transport.requests) == 1


@pytest.mark.row("X-4")
def test_x_4_a_repeat_is_told_the_first_answer_while_a_busy_device_is_still_waited_for(
    engine: MemoryEngine, customer: Customer, client: PushServiceClient
) -> None:
    busy, good = enrol(client, 2)
    engine.transport.script(busy, Reply(status=503))
    retry = {"Idempotency-Key": "k"}
    first = client.send(headers=retry)
    assert first.json == {"sent": 1, "failed": 0, "credits": 98}
    customer.grant(5)
    again = client.send(headers=retry)
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert engine.transport.posts_to(good) == 1


# --- what is logged ---


@pytest.mark.row("PS-13")
def test_ps_13_no_log_line_holds_an_address_a_key_an_endpoint_or_a_text(
    engine: MemoryEngine, customer: Customer, client: PushServiceClient, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    subscription = new_subscription()
    client.subscribe(subscription)
    client.send(title="a private title", body="a private body", headers={"Idempotency-Key": "private-key"})
    engine.transport.script(subscription["endpoint"], Reply(status=410, body=b"private words"))
    client.send()
    client.call("/v1/send", {"email": READER, "title": 5})
    client.call("/v1/subscribe", {"email": READER, "subscription": subscription | {"endpoint": "https://private/"}})
    client.unsubscribe()
    lines = log_lines()
    assert len(lines) >= 6
    text = json.dumps(lines)
    for secret in ("private", READER, client.key, client.key[12:], subscription["endpoint"][-20:], "p256dh"):
        assert secret not in text
    assert {line["app"] for line in lines if line.get("route") == "/v1/send"} != {None}
