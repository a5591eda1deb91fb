"""CloudSignal's sends in this process and in virtual time: what would be slow, or hard to arrange, when deployed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import READER, SITE, CloudSignalClient, Customer, counts
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tests.unit.dialects.enrolment import enrol, registration


@pytest.fixture
def client(customer: Customer) -> CloudSignalClient:
    return customer.cloudsignal()


# --- now or later ---


@pytest.mark.row("CS-19")
@pytest.mark.parametrize("target", ["target_all", "target_user_emails", "target_registration_ids"])
def test_cs_19_a_hundred_registrations_are_sent_to_at_once_and_one_more_is_queued(
    target: str, engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    endpoints = enrol(customer, 100)

    def named() -> Any:
        ids = [registration(engine, endpoint) for endpoint in endpoints]
        return {"target_all": True, "target_user_emails": [READER], "target_registration_ids": ids}[target]

    assert counts(client.send(**{target: named()})) == ("completed", 100, 100, 0)
    assert engine.jobs.planned == []
    endpoints += enrol(customer)

    answer = client.send(**{target: named()})
    assert answer.json | {"request_id": ""} == {
        "request_id": "",
        "total_targets": 101,
        "successful_sends": 0,
        "failed_sends": 0,
        "invalid_registrations": [],
        "message": "Notifications queued for processing",
        "status": "queued",
    }
    assert len(engine.transport.requests) == 100
    queues.drain(engine)
    looked_up = client.call("GET", f"/requests/{answer.json['request_id']}")
    assert counts(looked_up) == ("completed", 101, 101, 0)
    assert looked_up.json["message"] == "Notifications sent successfully"


@pytest.mark.row("CS-17", "CS-20")
def test_cs_17_async_mode_answers_before_anything_is_sent(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    good, gone = enrol(customer, 2)
    engine.transport.script(gone, Reply(status=410))
    answer = client.send(target_all=True, async_mode=True)
    assert counts(answer) == ("queued", 2, 0, 0)
    assert engine.transport.requests == []
    path = f"/requests/{answer.json['request_id']}"
    assert client.call("GET", path).json == answer.json
    queues.drain(engine)
    assert engine.transport.posts_to(good) == 1
    assert counts(client.call("GET", path)) == ("completed", 2, 1, 1)


@pytest.mark.row("CS-22")
def test_cs_22_a_busy_push_service_is_tried_again_before_it_counts_as_failed(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    busy, refusing = enrol(customer, 2)
    engine.transport.script(busy, Reply(status=503), Reply(status=429), Reply())
    engine.transport.script(refusing, Reply(status=400))
    answer = client.send(target_all=True)
    assert counts(answer) == ("completed", 2, 1, 1)
    assert answer.json["invalid_registrations"] == []  # it failed, but is not gone
    assert (engine.transport.posts_to(busy), engine.transport.posts_to(refusing)) == (3, 1)


@pytest.mark.row("CS-20", "CS-22")
def test_cs_22_what_takes_longer_than_the_request_is_queued_and_counted_in_the_end(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    busy, _, gone = enrol(customer, 3)
    engine.transport.script(busy, Reply(status=503))
    engine.transport.script(gone, Reply(status=404))
    answer = client.send(target_all=True, ttl=3600)
    assert counts(answer) == ("queued", 3, 1, 1)
    assert answer.json["message"] == "Notifications queued for processing"
    assert answer.json["invalid_registrations"] == [registration(engine, gone)]
    queues.drain(engine)
    assert counts(client.call("GET", f"/requests/{answer.json['request_id']}")) == ("completed", 3, 1, 2)


@pytest.mark.row("CS-22")
def test_cs_22_what_stays_unsure_counts_as_failed(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    [silent] = enrol(customer)
    engine.transport.script(silent, Silence(sent=True))
    answer = client.send(target_all=True, ttl=0)
    queues.drain(engine)
    assert counts(client.call("GET", f"/requests/{answer.json['request_id']}")) == ("completed", 1, 0, 1)


# --- who is invalid ---


@pytest.mark.row("CS-18", "CS-33")
def test_cs_18_what_was_named_in_vain_is_listed_once_as_it_was_spelled(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    good, gone, withdrawn = (registration(engine, endpoint) for endpoint in enrol(customer, 3))
    endpoint_of = {registration(engine, s.endpoint): s.endpoint for s in engine.storage.subscriptions.values()}
    client.send(target_registration_ids=[withdrawn])
    engine.transport.script(endpoint_of[withdrawn], Reply(status=410))
    client.send(target_registration_ids=[withdrawn])  # expired by now
    engine.transport.script(endpoint_of[gone], Reply(status=410))
    foreign = registration_of_another_customer(engine)
    in_vain = ["uuid-expired-device", "reg_aaaaaaaaaaaaaaaaaaaa", foreign, withdrawn, gone, good.upper(), "", "é" * 300]

    answer = client.send(target_registration_ids=[*in_vain, good, *in_vain, good])

    assert counts(answer) == ("completed", 2, 1, 1)
    assert answer.json["invalid_registrations"] == in_vain
    again = client.send(target_registration_ids=[good, gone])
    assert counts(again) == ("completed", 1, 1, 0)
    assert again.json["invalid_registrations"] == [gone]


def registration_of_another_customer(engine: MemoryEngine) -> str:
    """An id that is good for somebody else."""
    [endpoint] = enrol(Customer.sign_up(HttpApi(engine)))
    return registration(engine, endpoint)


@pytest.mark.row("CS-21", "CS-20")
@pytest.mark.parametrize(
    "target",
    [
        {"target_all": True},
        {"target_user_emails": ["nobody@example.com"]},
        {"target_user_ids": ["nobody"]},
        {"target_registration_ids": ["uuid-1", "reg_bbbbbbbbbbbbbbbbbbba"]},
        {"target_registration_ids": ["uuid-1"]},
        {"target_registration_ids": ["uuid-1", "reg_bbbbbbbbbbbbbbbbbbba"], "async_mode": True},
        {"target_all": True, "async_mode": True},
    ],
    ids=str,
)
def test_cs_21_nobody_matched_is_a_completed_request_that_can_be_looked_up(
    target: dict[str, Any], client: CloudSignalClient
) -> None:
    answer = client.send(**target)
    assert counts(answer) == ("completed", 0, 0, 0)
    assert answer.json["message"] == "Notifications sent successfully"
    assert answer.json["invalid_registrations"] == target.get("target_registration_ids", [])
    assert counts(client.call("GET", f"/requests/{answer.json['request_id']}")) == ("completed", 0, 0, 0)


@pytest.mark.row("CS-20", "CS-37")
def test_cs_20_a_request_is_its_owners_own(customer: Customer, client: CloudSignalClient) -> None:
    enrol(customer)
    sent = client.send(target_all=True).json["request_id"]
    stranger = Customer.sign_up(customer.api).cloudsignal()
    unknown = [("req_aaaaaaaaaaaaaaaaaaaa", client), ("snd_" + sent[4:], client), ("x", client), (sent, stranger)]
    for id_, asking in unknown:
        refused = asking.call("GET", f"/requests/{id_}")
        assert (refused.status, refused.json) == (404, {"detail": "Request not found"})
        assert refused.headers["x-error-code"] == "NOT_FOUND"


# --- the message ---


@pytest.mark.row("CS-12")
@pytest.mark.parametrize(
    ("data", "target"),
    [
        ({"url": f"{SITE}/orders/1"}, f"{SITE}/orders/1"),
        ({"url": "javascript:alert(1)"}, f"{SITE}/"),
        ({"url": "/orders/1"}, f"{SITE}/"),
        ({"url": {"x": 1}}, f"{SITE}/"),
        ({"URL": f"{SITE}/orders/1"}, f"{SITE}/"),
        ({}, f"{SITE}/"),
        (None, f"{SITE}/"),
    ],
)
def test_cs_12_the_datas_url_is_the_tap_target_where_it_is_a_web_address(
    data: dict[str, object] | None, target: str, engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    enrol(customer)
    assert counts(client.send(target_all=True, data=data))[2] == 1
    [stored] = engine.storage.sends.values()
    assert (stored.send.notification.url or stored.send.site_url) == target
    assert stored.send.notification.data == data


# --- what is logged ---


def test_no_log_line_holds_an_address_a_key_an_endpoint_or_a_text(
    customer: Customer, client: CloudSignalClient, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    [endpoint] = enrol(customer)
    private: dict[str, Any] = {
        "title": "a private title",
        "body": "a private body",
        "tag": "private",
        "data": {"x": "private"},
    }
    client.send({"Idempotency-Key": "private-key"}, **private, target_user_emails=[READER])
    client.send(**private, target_user_ids=["private-id"], ttl=-1)
    client.send(target_user_emails=["private"])
    client.call("GET", "/requests/private")
    lines = log_lines()
    assert {line["route"] for line in lines if line["dialect"] == "cloudsignal"} == {
        "/v2/push/send",
        "/v2/push/requests/{request_id}",
    }
    text = json.dumps(lines)
    for secret in ("private", READER, client.key, client.key[11:], endpoint[-20:]):
        assert secret not in text
