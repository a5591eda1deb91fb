"""Idempotency-Key at the deployed template: a retry notifies once and takes the quota once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.customer import counts
from tests.integration.cloudsignal.shop import Shop

RETRY = {"Idempotency-Key": "order-7"}
NOTE = {"title": "t", "body": "b"}


@pytest.mark.row("X-4", "CS-18")
def test_x_4_a_repeat_is_answered_alike_and_sends_nothing(shop: Shop) -> None:
    visitor, gone = shop.visitor(), shop.visitor()
    gone.agent.delete()
    ids = ["uuid-1", visitor.id, gone.id]
    first = shop.server.send(RETRY, target_registration_ids=ids)
    remaining = shop.server.quota()
    again = shop.server.send(RETRY, target_registration_ids=ids)
    assert counts(first) == ("completed", 2, 1, 1)
    assert first.json["invalid_registrations"] == ["uuid-1", gone.id]
    assert "idempotency-replayed" not in first.headers
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (200, first.json, "true")
    assert len(visitor.agent.messages(1)) == 1
    assert shop.server.quota() == remaining


@pytest.mark.row("X-4")
def test_x_4_a_queued_request_is_repeated_with_the_counts_so_far(shop: Shop) -> None:
    visitor = shop.visitor()
    first = shop.server.call("POST", "/broadcast", NOTE | {"async_mode": True}, RETRY)
    assert len(visitor.agent.messages(1)) == 1
    again = shop.server.call("POST", "/broadcast", NOTE | {"async_mode": True}, RETRY)
    assert again.json["request_id"] == first.json["request_id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(visitor.agent.messages()) == 1


@pytest.mark.row("X-4", "CS-37")
def test_x_4_the_same_key_for_another_request_is_a_400(shop: Shop) -> None:
    visitor = shop.visitor()
    shop.server.send(RETRY, target_all=True, title="One")
    refused = shop.server.send(RETRY, target_all=True, title="Two")
    assert (refused.status, refused.headers["x-error-code"]) == (400, "INVALID_REQUEST")
    assert refused.json == {"detail": "This Idempotency-Key was used for another request"}
    assert visitor.agent.titles() == ["One"]
    assert shop.server.call("POST", "/broadcast", NOTE, RETRY).status == 200  # a route of its own


@pytest.mark.row("X-4")
def test_x_4_of_two_requests_that_race_with_one_key_one_sends(shop: Shop) -> None:
    visitor = shop.visitor()
    visitor.agent.behave(delay_ms=300)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: shop.server.send(RETRY, target_all=True), range(2)))
    # The other is told to come again, or what the first was told if it came late.
    assert {answer.status for answer in answers} <= {200, 400}
    details = {answer.json["detail"] for answer in answers if answer.status == 400}
    assert details <= {"The first request with this Idempotency-Key is still running"}
    assert len(visitor.agent.messages(1)) == 1
    assert shop.server.quota() == (9_999, 99_999)
