"""Requests that are queued, and GET /v2/push/requests/{request_id}, at the deployed template."""

import time
from typing import Any

import pytest

from tests.customer import CloudSignalClient, Customer, counts, expect
from tests.integration.cloudsignal.shop import Shop


def finished(client: CloudSignalClient, request_id: str, seconds: float = 30) -> dict[str, Any]:
    """The request as it is told once it is completed."""
    deadline = time.monotonic() + seconds
    while (told := expect(200, client.call("GET", f"/requests/{request_id}")))["status"] == "queued":
        assert told["message"] == "Notifications queued for processing"
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    assert isinstance(told, dict)
    return told


@pytest.mark.row("CS-19", "CS-20", "CS-16")
def test_cs_19_a_hundred_recipients_are_sent_to_at_once_and_one_more_is_queued(shop: Shop) -> None:
    crowd = shop.crowd(100)
    assert counts(shop.server.send(target_all=True, title="At once")) == ("completed", 100, 100, 0)
    crowd += shop.crowd(1)

    answer = shop.server.send(target_all=True, title="Later")

    assert (answer.status, answer.json) == (
        200,
        {
            "request_id": answer.json["request_id"],
            "total_targets": 101,
            "successful_sends": 0,
            "failed_sends": 0,
            "invalid_registrations": [],
            "message": "Notifications queued for processing",
            "status": "queued",
        },
    )
    told = finished(shop.server, answer.json["request_id"])
    assert told == answer.json | {
        "successful_sends": 101,
        "message": "Notifications sent successfully",
        "status": "completed",
    }
    titles = [agent.titles() for agent in crowd]
    assert titles == [["At once", "Later"]] * 100 + [["Later"]]


@pytest.mark.row("CS-17", "CS-20")
def test_cs_17_async_mode_queues_a_request_of_any_size(shop: Shop) -> None:
    visitor, gone = shop.visitor(), shop.visitor()
    gone.agent.delete()
    for path, target in (("/send", {"target_registration_ids": [visitor.id, gone.id]}), ("/broadcast", {})):
        answer = shop.server.call("POST", path, {"title": "t", "body": "b", "async_mode": True} | target)
        assert counts(answer)[0] == "queued"
        assert counts(answer)[2:] == (0, 0)
        told = finished(shop.server, answer.json["request_id"])
        assert told["successful_sends"] == 1
    assert len(visitor.agent.messages(2)) == 2


@pytest.mark.row("CS-20", "CS-36", "CS-37")
def test_cs_20_a_request_that_is_not_the_callers_is_not_found(shop: Shop) -> None:
    mine = shop.server.send(target_all=True).json["request_id"]
    assert counts(shop.server.call("GET", f"/requests/{mine}")) == ("completed", 0, 0, 0)
    stranger = Customer.sign_up(shop.customer.api).cloudsignal()
    for asking, id_ in ((stranger, mine), (shop.server, "req_aaaaaaaaaaaaaaaaaaaa"), (shop.server, "req_abc123")):
        refused = asking.call("GET", f"/requests/{id_}")
        assert (refused.status, refused.json) == (404, {"detail": "Request not found"})
        assert refused.headers["x-error-code"] == "NOT_FOUND"
