"""Pausing, resuming and cancelling a send at the deployed template, while its messages are on their way."""

import time
from typing import Any

import pytest

from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.tocsin.sends import enrol, send, shown, when, when_settled

DEVICES = 170
"""More than are in flight together, at first and then: fifty, and a hundred when all of those went well."""
ANSWERED_AFTER_MS = 6_000
STOPS_WITHIN = 12


def steer(customer: Customer, send_id: str, step: str) -> dict[str, Any]:
    answer: dict[str, Any] = expect(200, customer.api.operator("POST", customer.at(f"/sends/{send_id}/{step}")))
    return answer


def begun(agents: list[UserAgent]) -> list[float]:
    """When each POST began (Unix seconds); a message is received before it is answered."""
    return sorted(message["received_at"] for agent in agents for message in agent.messages())


@pytest.fixture
def slow(api: DeployedApi, simulator: Simulator) -> tuple[Customer, list[UserAgent]]:
    """An app whose push service takes its time with each message."""
    customer = Customer.sign_up(api, credits=DEVICES)
    agents = [simulator.user_agent("mozilla") for _ in range(DEVICES)]
    enrol(customer, agents)
    for agent in agents:
        agent.behave(delay_ms=ANSWERED_AFTER_MS)
    return customer, agents


@pytest.mark.row("X-10")
def test_nothing_goes_out_12_s_after_a_pause_and_resuming_reaches_everybody_once(
    slow: tuple[Customer, list[UserAgent]],
) -> None:
    customer, agents = slow
    send_id = expect(202, send(customer))["id"]
    when(customer, send_id, lambda found: found["accepted"] > 0)
    assert steer(customer, send_id, "pause")["course"] == "paused"
    paused = time.time()
    while time.time() < paused + STOPS_WITHIN + ANSWERED_AFTER_MS / 1000 + 2:
        assert shown(customer, send_id)["status"] == "sending"
        time.sleep(1)
    resting = begun(agents)
    assert 0 < len(resting) < DEVICES
    assert resting[-1] <= paused + STOPS_WITHIN
    found = shown(customer, send_id)
    assert (found["course"], found["accepted"], found["pending"]) == ("paused", len(resting), DEVICES - len(resting))

    for agent in agents:
        agent.behave()
    assert steer(customer, send_id, "resume")["course"] == "running"
    done = when_settled(customer, send_id)
    assert (done["accepted"], done["failed"], done["uncertain"]) == (DEVICES, 0, 0)
    assert [len(agent.messages()) for agent in agents] == [1] * DEVICES
    assert customer.credits() == {"available": 0, "reserved": 0, "spent": DEVICES}
    log = expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"]
    assert [entry["action"] for entry in log if entry["details"].get("send") == send_id] == [
        "send.resumed",
        "send.paused",
    ]


@pytest.mark.row("X-10")
def test_a_cancelled_send_charges_whom_it_reached_and_releases_the_rest_at_once(
    slow: tuple[Customer, list[UserAgent]],
) -> None:
    customer, agents = slow
    send_id = expect(202, send(customer))["id"]
    when(customer, send_id, lambda found: found["accepted"] > 0)
    assert steer(customer, send_id, "cancel")["course"] == "cancelled"
    # What is in flight is still answered.
    done = when_settled(customer, send_id, STOPS_WITHIN + 10)
    reached = len(begun(agents))
    assert 0 < reached < DEVICES
    assert (done["accepted"], done["failed"], done["uncertain"]) == (reached, DEVICES - reached, 0)
    [never] = done["not_sent"]
    assert (never["reason"], never["count"]) == ("cancelled", DEVICES - reached)
    assert customer.credits() == {"available": DEVICES - reached, "reserved": 0, "spent": reached}
    error = expect(409, customer.api.operator("POST", customer.at(f"/sends/{send_id}/resume")))["error"]
    assert error["code"] == "conflict"
