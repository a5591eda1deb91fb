"""Pausing, resuming and cancelling a send at the deployed template, while its messages are on their way."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.tocsin.sends import enrol, send, shown, when_settled

DEVICES = 170
"""More than are in flight together, which are a hundred of a chunk at most."""
ANSWERED_AFTER_MS = 6_000
STOPS_WITHIN = 12


def steer(customer: Customer, send_id: str, step: str) -> dict[str, Any]:
    answer: dict[str, Any] = expect(200, customer.api.operator("POST", customer.at(f"/sends/{send_id}/{step}")))
    return answer


def begun(agents: Sequence[UserAgent], title: str) -> list[float]:
    """When each POST of a send began (Unix seconds); a message is received before it is answered."""
    messages = (message for agent in agents for message in agent.messages())
    return sorted(one["received_at"] for one in messages if one["json"]["notification"]["title"] == title)


def spent(before: Mapping[str, int], credits_: int) -> dict[str, int]:
    """The balance after a send that cost this much."""
    return {"available": before["available"] - credits_, "reserved": 0, "spent": before["spent"] + credits_}


def slowly(customer: Customer, agents: Sequence[UserAgent], title: str) -> str:
    """A send to everyone by a push service that takes its time; from when the first POSTs have begun."""
    for agent in agents:
        agent.behave(delay_ms=ANSWERED_AFTER_MS)
    send_id = str(expect(202, send(customer, {"title": title}))["id"])
    deadline = time.monotonic() + 60
    while not begun(agents, title):
        assert time.monotonic() < deadline, shown(customer, send_id)
    return send_id


@pytest.fixture(scope="module")
def audience(api: DeployedApi, simulator: Simulator) -> tuple[Customer, list[UserAgent]]:
    """An app with many browsers, and credits for two messages to each."""
    customer = Customer.sign_up(api, credits=2 * DEVICES)
    agents = [simulator.user_agent("mozilla") for _ in range(DEVICES)]
    enrol(customer, agents)
    return customer, agents


@pytest.mark.row("X-10")
def test_nothing_goes_out_12_s_after_a_pause_and_resuming_reaches_everybody_once(
    audience: tuple[Customer, list[UserAgent]],
) -> None:
    customer, agents = audience
    before = customer.credits()
    send_id = slowly(customer, agents, "Paused")
    assert steer(customer, send_id, "pause")["course"] == "paused"
    paused = time.time()
    while time.time() < paused + STOPS_WITHIN + ANSWERED_AFTER_MS / 1000 + 2:
        assert shown(customer, send_id)["status"] == "sending"
        time.sleep(1)
    resting = begun(agents, "Paused")
    assert 0 < len(resting) < DEVICES
    assert resting[-1] <= paused + STOPS_WITHIN
    found = shown(customer, send_id)
    assert (found["course"], found["accepted"], found["pending"]) == ("paused", len(resting), DEVICES - len(resting))

    for agent in agents:
        agent.behave()
    assert steer(customer, send_id, "resume")["course"] == "running"
    done = when_settled(customer, send_id)
    assert (done["accepted"], done["failed"], done["uncertain"]) == (DEVICES, 0, 0)
    assert [len(begun([agent], "Paused")) for agent in agents] == [1] * DEVICES
    assert customer.credits() == spent(before, DEVICES)
    log = expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"]
    assert [entry["action"] for entry in log if entry["details"].get("send") == send_id] == [
        "send.resumed",
        "send.paused",
    ]


@pytest.mark.row("X-10")
def test_a_cancelled_send_charges_whom_it_reached_and_releases_the_rest_at_once(
    audience: tuple[Customer, list[UserAgent]],
) -> None:
    customer, agents = audience
    before = customer.credits()
    send_id = slowly(customer, agents, "Cancelled")
    assert steer(customer, send_id, "cancel")["course"] == "cancelled"
    # What is in flight is still answered.
    done = when_settled(customer, send_id, STOPS_WITHIN + 10)
    reached = len(begun(agents, "Cancelled"))
    assert 0 < reached < DEVICES
    assert (done["accepted"], done["failed"], done["uncertain"]) == (reached, DEVICES - reached, 0)
    [never] = done["not_sent"]
    assert (never["reason"], never["count"]) == ("cancelled", DEVICES - reached)
    assert customer.credits() == spent(before, reached)
    error = expect(409, customer.api.operator("POST", customer.at(f"/sends/{send_id}/resume")))["error"]
    assert error["code"] == "conflict"
