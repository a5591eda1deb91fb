"""CloudSignal's limits in virtual time: quotas of hour and day, requests a minute, and repeats that take nothing."""

import pytest

from tests.customer import CloudSignalClient, Customer, counts, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.memory.transport import Reply
from tests.unit.dialects.enrolment import enrol, registration
from tocsin.application.ports import Unavailable
from tocsin.domain.quota import LIMITS_OF, Plan

HOUR, DAY = 3600, 86_400
NOTE = {"title": "t", "body": "b"}


@pytest.fixture
def client(customer: Customer) -> CloudSignalClient:
    return customer.cloudsignal()


# --- quota ---


@pytest.mark.row("CS-24", "CS-26")
def test_cs_26_a_request_beyond_the_quota_is_refused_whole_until_the_window_ends(engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine), limits={"hourly": 4, "daily": 6})
    client = customer.cloudsignal()
    enrol(customer, 3)
    engine.clock.advance(DAY - engine.clock.now() % DAY + 600)  # ten past midnight
    assert counts(client.send(target_all=True))[2] == 3

    refused = client.send(target_all=True)

    assert (refused.status, refused.json) == (429, {"detail": "Notification quota exceeded for this hour"})
    assert refused.headers["x-error-code"] == "QUOTA_EXCEEDED"
    assert 0 <= int(refused.headers["retry-after"]) - (HOUR - engine.clock.now() % HOUR) < 1
    assert len(engine.transport.requests) == 3
    assert len(engine.storage.sends) == 1
    assert client.quota() == (1, 3)
    engine.clock.advance(int(refused.headers["retry-after"]))
    assert client.quota() == (4, 3)
    assert counts(client.send(target_all=True))[2] == 3

    refused = client.send(target_all=True)  # beyond both: waiting for the hour would not help
    assert (refused.status, refused.json) == (429, {"detail": "Notification quota exceeded for today"})
    assert 0 <= int(refused.headers["retry-after"]) - (DAY - engine.clock.now() % DAY) < 1
    engine.clock.advance(int(refused.headers["retry-after"]))
    assert client.quota() == (4, 6)
    assert counts(client.send(target_all=True))[2] == 3


@pytest.mark.row("CS-26")
def test_cs_26_who_is_gone_takes_nothing_of_the_quota_and_who_failed_does(
    engine: MemoryEngine, client: CloudSignalClient, customer: Customer
) -> None:
    hourly, daily = client.quota()
    assert (hourly, daily) == (10_000, 100_000)
    gone, refusing, _ = enrol(customer, 3)
    engine.transport.script(gone, Reply(status=410))
    engine.transport.script(refusing, Reply(status=400))
    client.send(target_all=True)
    assert client.quota() == (9_998, 99_998)
    client.send(target_all=True, async_mode=True)
    assert client.quota() == (9_996, 99_996)  # held as long as it runs
    assert customer.credits() == {"available": 100, "reserved": 0, "spent": 0}


@pytest.mark.row("CS-26", "CS-23")
def test_cs_26_a_queued_broadcast_beyond_the_quota_is_refused_too(engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine), limits={"hourly": None, "daily": 1})
    client = customer.cloudsignal()
    enrol(customer, 2)
    for fields in ({}, {"async_mode": True}):
        refused = client.call("POST", "/broadcast", NOTE | fields)
        assert (refused.status, refused.json) == (429, {"detail": "Notification quota exceeded for today"})
    assert engine.jobs.planned == []
    assert client.quota() == (None, 1)


@pytest.mark.row("CS-24", "CS-25", "CS-30")
@pytest.mark.parametrize("plan", Plan)
def test_cs_24_the_quota_is_told_with_the_times_of_its_reset(plan: Plan, engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine), plan=plan)
    limits = LIMITS_OF[plan]
    engine.clock.advance(3 * HOUR + 1234.5)
    told = expect(200, customer.cloudsignal().call("GET", "/quota"))
    assert told == {
        "organization_id": "org_" + customer.tenant[4:],
        "service_id": "svc_" + customer.app[4:],
        "hourly_limit": limits.hourly,
        "daily_limit": limits.daily,
        "hourly_remaining": limits.hourly,
        "daily_remaining": limits.daily,
        "reset_hourly_at": "2027-01-15T12:00:00Z",
        "reset_daily_at": "2027-01-16T00:00:00Z",
    }


@pytest.mark.row("CS-24")
def test_cs_24_less_than_nothing_never_remains(engine: MemoryEngine, customer: Customer) -> None:
    enrol(customer, 3)
    client = customer.cloudsignal()
    client.send(target_all=True)
    expect(200, customer.api.operator("PATCH", customer.at(""), {"limits": {"hourly": 2, "daily": 1}}))
    engine.clock.advance(31)  # a container remembers an app's limits for half a minute
    assert client.quota() == (0, 0)


# --- rate ---


@pytest.mark.row("CS-37")
def test_cs_37_a_key_makes_600_requests_a_minute_of_whatever_sort(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    engine.clock.advance(20 - engine.clock.now() % 60)
    statuses = [client.send().status for _ in range(300)]
    statuses += [client.call("GET", "/quota").status for _ in range(200)]
    statuses += [client.call("GET", "/requests/x").status for _ in range(100)]
    assert statuses == [400] * 300 + [200] * 200 + [404] * 100
    for refused in (client.send(target_all=True), client.call("GET", "/quota"), client.call("GET", "/requests/x")):
        assert refused.status == 429
        assert refused.json == {"detail": "Rate limit exceeded: more than 600 requests/minute for this API key"}
        assert refused.headers["x-error-code"] == "RATE_LIMITED"
        assert 0 <= int(refused.headers["retry-after"]) - (60 - engine.clock.now() % 60) < 1
    assert customer.cloudsignal().call("GET", "/quota").status == 200
    engine.clock.advance(int(refused.headers["retry-after"]))
    assert client.call("GET", "/quota").status == 200


@pytest.mark.row("CS-37")
@pytest.mark.parametrize("own", [2, 700])
def test_cs_37_a_key_may_have_a_limit_of_its_own(own: int, customer: Customer) -> None:
    client = customer.cloudsignal(requests_per_minute=own)
    assert [client.call("GET", "/quota").status for _ in range(own + 1)] == [200] * own + [429]


# --- repeats ---

RETRY = {"Idempotency-Key": "order-7"}


@pytest.mark.row("X-4", "CS-18")
def test_x_4_a_repeat_is_told_the_same_even_about_who_was_invalid(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    good, gone = enrol(customer, 2)
    engine.transport.script(gone, Reply(status=410))
    ids = ["uuid-1", registration(engine, gone), registration(engine, good)]
    first = client.send(RETRY, target_registration_ids=ids)
    assert first.json["invalid_registrations"] == ids[:2]
    again = client.send(RETRY, target_registration_ids=ids)
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (200, first.json, "true")
    assert "idempotency-replayed" not in first.headers
    assert len(engine.transport.requests) == 2
    engine.clock.advance(DAY + 1)
    later = client.send(RETRY, target_registration_ids=ids)
    assert "idempotency-replayed" not in later.headers
    assert later.json["request_id"] != first.json["request_id"]


@pytest.mark.row("X-4")
def test_x_4_a_repeat_of_a_send_to_nobody_is_the_same_request(client: CloudSignalClient) -> None:
    first, again = (client.send(RETRY, target_registration_ids=["uuid-1"]) for _ in range(2))
    assert again.json == first.json
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.row("X-4")
def test_x_4_what_counts_as_absent_makes_no_difference_to_a_repeat(client: CloudSignalClient) -> None:
    first = client.send(RETRY, target_all=True)
    again = client.send(RETRY, target_all=True, icon=None, target_user_ids=None, urgency="normal", unknown=1)
    assert again.json["request_id"] == first.json["request_id"]


@pytest.mark.row("X-4")
def test_x_4_the_same_key_for_another_request_is_a_400_and_each_call_has_its_own_keys(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    enrol(customer)
    client.send(RETRY, target_all=True)
    refused = client.send(RETRY, target_all=True, title="Another")
    assert (refused.status, refused.headers["x-error-code"]) == (400, "INVALID_REQUEST")
    assert refused.json == {"detail": "This Idempotency-Key was used for another request"}
    assert counts(client.call("POST", "/broadcast", NOTE, RETRY))[2] == 1
    assert len(engine.transport.requests) == 2


@pytest.mark.row("X-4", "CS-26")
def test_x_4_a_send_beyond_the_quota_leaves_its_key_unused(engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine), limits={"hourly": 1, "daily": None})
    client = customer.cloudsignal()
    enrol(customer, 2)
    refused = client.send(RETRY, target_all=True)
    assert refused.status == 429
    expect(200, customer.api.operator("PATCH", customer.at(""), {"limits": {"hourly": 2, "daily": None}}))
    engine.clock.advance(31)
    answer = client.send(RETRY, target_all=True)
    assert counts(answer)[2] == 2
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.row("X-4")
def test_x_4_while_the_first_request_has_no_answer_its_repeat_is_told_to_come_again(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(customer)

    def fail(*_: object) -> bool:
        raise Unavailable

    # What a request that died on its way leaves behind.
    monkeypatch.setattr(engine.chunks, "finish_only", fail)
    monkeypatch.setattr(engine.sends, "note_answer", fail)
    assert client.send(RETRY, target_all=True).status == 200
    during = client.send(RETRY, target_all=True)
    assert (during.status, during.headers["x-error-code"]) == (400, "INVALID_REQUEST")
    assert during.json == {"detail": "The first request with this Idempotency-Key is still running"}
    assert during.headers["retry-after"] == "2"
    assert len(engine.transport.requests) == 1
