"""Idempotency-Key at the deployed template: a retry of /v1/send notifies and costs once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.customer import Customer, PushServiceClient
from tests.integration.deployed_api import Simulator

RETRY = {"Idempotency-Key": "order-7"}


@pytest.mark.row("X-4", "PS-32")
def test_x_4_a_repeat_is_answered_alike_and_sends_nothing(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)

    first = client.send(headers=RETRY)
    customer.grant(50)  # meanwhile: a repeat must not tell the new balance
    again = [client.send(headers=RETRY), customer.client().send(headers=RETRY)]

    assert first.json == {"sent": 1, "failed": 0, "credits": 99}
    assert "idempotency-replayed" not in first.headers
    for answer in again:
        assert (answer.status, answer.json) == (200, first.json)
        assert answer.headers["idempotency-replayed"] == "true"
    assert len(agent.messages(1)) == 1
    assert customer.credits() == {"available": 149, "reserved": 0, "spent": 1}


@pytest.mark.row("X-4")
def test_x_4_the_same_key_for_another_body_is_refused(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    client.send(headers=RETRY, title="One")
    answer = client.send(headers=RETRY, title="Two")
    assert (answer.status, answer.json) == (400, {"error": "This Idempotency-Key was used for another request"})
    assert answer.headers["x-error-code"] == "IDEMPOTENCY_MISMATCH"
    assert agent.titles() == ["One"]
    assert customer.credits()["spent"] == 1


@pytest.mark.row("X-4")
def test_x_4_a_key_is_one_tenants_own_and_a_refused_send_leaves_it_unused(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    other = Customer.sign_up(customer.api)
    for sender in (client, other.client()):
        assert sender.send(headers=RETRY).status == 404
        sender.subscribe(simulator.user_agent().subscription)
        answer = sender.send(headers=RETRY)
        assert answer.json == {"sent": 1, "failed": 0, "credits": 99}
        assert "idempotency-replayed" not in answer.headers


@pytest.mark.row("X-4")
def test_x_4_of_two_requests_that_race_with_one_key_one_sends(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    agent.behave(delay_ms=300)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: client.send(headers=RETRY), range(2)))
    # The other is told to come again, or what the first was told if it came late.
    assert {answer.status for answer in answers} <= {200, 400}
    assert {a.headers["x-error-code"] for a in answers if a.status == 400} <= {"IDEMPOTENCY_IN_FLIGHT"}
    assert len(agent.messages(1)) == 1
    assert customer.credits() == {"available": 99, "reserved": 0, "spent": 1}


@pytest.mark.row("X-4")
@pytest.mark.parametrize("text", ["", "a b", "é", "k" * 257])
def test_x_4_a_key_that_is_no_key_is_refused(text: str, client: PushServiceClient) -> None:
    answer = client.send(headers={"Idempotency-Key": text})
    assert answer.status == 400
    assert answer.json["error"].startswith("Idempotency-Key must be 1 to 256")
