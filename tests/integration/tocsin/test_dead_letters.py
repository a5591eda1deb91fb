"""What fails three times at the deployed template is set aside, harms nobody, and goes on once its cause is mended."""

import json
import time
from typing import Any

import pytest

from dev.stack import Stack
from dev.stack.build import ROOT
from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.queues import Queues, invoked
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.chunk import LEASE_SECONDS

GOOD = json.loads((ROOT / "events" / "deliver.json").read_text())["Records"][0]
OF_A_VERSION_TO_COME = json.dumps({**json.loads(GOOD["body"]), "v": 99})
UNREADABLE = ["{", OF_A_VERSION_TO_COME]
NOTE = {"title": "System Update", "body": "New features!"}
Queue = dict[str, Any]


@pytest.fixture
def queues(deployed: Stack) -> Queues:
    """The workers are awake."""
    for function in ("fanout", "deliver"):
        invoked(deployed, function, json.loads((ROOT / "events" / f"{function}.json").read_text()))
    return Queues(deployed)


def dead_letters(api: DeployedApi, queue: str, count: int, seconds: float = 90) -> Queue:
    """What the operator is told of a queue's dead letters, once there are so many."""
    deadline = time.monotonic() + seconds
    while True:
        told = expect(200, api.operator("GET", "/admin/dead-letters"))
        (found,) = (one for one in told["queues"] if one["queue"] == queue)
        if found["waiting"] >= count:
            assert len(found["messages"]) == found["waiting"]
            return dict(found)
        assert time.monotonic() < deadline, told
        time.sleep(0.5)


def when_settled(api: DeployedApi, customer: Customer, send: str) -> dict[str, Any]:
    """The operator's view of a send, once it is over."""
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = expect(200, api.operator("GET", customer.at(f"/sends/{send}")))
        if found["status"] == "settled":
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def queued_send(customer: Customer) -> str:
    """A send to everyone through the queues; its id as the operator knows it."""
    reply = expect(200, customer.cloudsignal().call("POST", "/broadcast", {**NOTE, "async_mode": True}))
    assert reply["status"] == "queued"
    return str(reply["request_id"]).replace("req_", "snd_")


def test_in_one_batch_only_what_cannot_be_read_is_given_back(deployed: Stack) -> None:
    """The third is of a send that nobody knows: there is nothing to do for it, so it is done."""
    bodies = [*UNREADABLE, GOOD["body"]]
    batch = [{**GOOD, "messageId": f"message-{number}", "body": body} for number, body in enumerate(bodies)]
    answer = invoked(deployed, "deliver", {"Records": batch})
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["message-0", "message-1"]


def test_what_cannot_be_read_is_tried_three_times_and_set_aside(api: DeployedApi, queues: Queues) -> None:
    told_as = {"FanoutQueue": "fanout", "DeliverQueue": "deliver", "BulkDeliverQueue": "bulk_deliver"}
    with queues.impatient(*told_as):
        for name in told_as:
            queues.put(name, UNREADABLE)
        for queue in told_as.values():
            found = dead_letters(api, queue, 2)
            assert found["waiting"] == 2
            assert {(one["app"], one["send"]) for one in found["messages"]} == {(None, None)}
            # Three workers, and each time that somebody looks.
            assert min(one["received"] for one in found["messages"]) >= 4
            assert dead_letters(api, queue, 2)["waiting"] == 2


def test_a_key_that_does_not_decrypt_holds_up_its_own_app_only_and_a_redrive_ends_it(
    deployed: Stack, api: DeployedApi, simulator: Simulator, queues: Queues
) -> None:
    broken, neighbour = Customer.sign_up(api), Customer.sign_up(api)
    readers = [simulator.user_agent() for _ in range(2)]
    for customer, reader in zip((broken, neighbour), readers, strict=True):
        expect(201, customer.client().subscribe(reader.subscription))
    database, (table, item) = deployed.aws("dynamodb"), vapid_key(deployed, broken)
    database.put_item(TableName=table, Item=item | {"ciphertext": {"B": b"no ciphertext of ours"}})

    # A failed worker leaves its lease behind: who comes before that is over waits, and has not tried.
    with queues.impatient("DeliverQueue", seconds=LEASE_SECONDS + 2):
        stuck, other = queued_send(broken), queued_send(neighbour)

        assert when_settled(api, neighbour, other)["accepted"] == 1
        found = dead_letters(api, "deliver", 1, seconds=300)
        assert {(one["app"], one["send"], one["chunk"]) for one in found["messages"]} == {(broken.app, stuck, 0)}
        assert readers[0].endpoint not in json.dumps(found)
        assert broken.credits() == {"available": 100, "reserved": 0, "spent": 0}  # CloudSignal goes by quota

        database.put_item(TableName=table, Item=item)
        moved = expect(200, api.operator("POST", "/admin/dead-letters/redrive"))["queues"]
        assert {one["queue"]: one["moved"] for one in moved}["deliver"] >= found["waiting"]
        assert when_settled(api, broken, stuck)["accepted"] == 1
        assert readers[0].titles() == [NOTE["title"]]
        assert dead_letters(api, "deliver", 0)["waiting"] == 0


def vapid_key(deployed: Stack, customer: Customer) -> tuple[str, dict[str, Any]]:
    """Table and record of an app's only VAPID key."""
    app = parse("app", customer.app)
    (found,) = (
        (table, item)
        for table, item in everything_stored(deployed)
        if item["pk"] == {"S": f"APP#{app}"} and item["sk"]["S"].startswith("VAPID#")
    )
    return found
