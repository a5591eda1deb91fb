"""What is told of a send at the deployed template: every refusal with its cause and its cure."""

from typing import Any

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.tocsin.sends import enrol, send, shown, when_settled


def answers(found: dict[str, Any], service: str) -> dict[str, dict[str, Any]]:
    """What a push service said, by its word."""
    return {answer["reason"]: answer for answer in found["push_services"][service]["answers"]}


@pytest.mark.row("X-10")
def test_each_refusal_of_a_send_is_told_with_its_cause_and_its_cure(customer: Customer, simulator: Simulator) -> None:
    reached, gone, distrusted, busy, _foreign, short = agents = [
        simulator.user_agent("fcm"),
        simulator.user_agent("wns"),
        simulator.user_agent("apple"),
        simulator.user_agent("mozilla"),
        simulator.user_agent("fcm", new_subscription()["keys"]["p256dh"]),
        simulator.user_agent("mozilla"),
    ]
    enrol(customer, agents)
    gone.delete()
    distrusted.behave(status=403, body={"reason": "BadJwtToken"})
    busy.behave(status=429, headers={"Retry-After": "1"}, times=1)
    short.behave(status=413, body={"errno": 104})
    # An address at Mozilla's push service that it never gave out.
    expect(201, customer.client().subscribe(new_subscription(), "nobody@example.com"))

    found = when_settled(customer, send(customer).json["id"])

    counts = {name: found[name] for name in ("accepted", "failed", "gone", "uncertain", "pending", "retried")}
    assert counts == {"accepted": 2, "failed": 5, "gone": 2, "uncertain": 0, "pending": 0, "retried": 1}
    assert [answer["fate"] for answer in answers(found, "wns").values()] == ["gone"]
    token = answers(found, "apple")["BadJwtToken"]
    assert (token["fate"], token["count"]) == ("failed", 1)
    assert "the VAPID subject, which is the app's contact" in token["cause"]
    assert 'PATCH /admin/apps/{app} with {"contact": "mailto:' in token["cure"]
    assert "subscribed under another VAPID key" in answers(found, "fcm")["VapidKeyMismatch"]["cause"]
    mozilla = answers(found, "mozilla")
    assert {word: answer["fate"] for word, answer in mozilla.items()} == {
        "status 429": "retried",
        "errno 104": "failed",
        "errno 102": "gone",
    }
    assert "larger than Mozilla's push service takes" in mozilla["errno 104"]["cause"]
    assert found["push_services"]["mozilla"]["accepted"] == 1
    assert [len(agent.messages()) for agent in (reached, busy)] == [1, 1]
    assert customer.credits() == {"available": 98, "reserved": 0, "spent": 2}
    assert 10 < found["cost"]["micro_dollars"] < 1_000
    told = str(found)
    assert not [agent.endpoint for agent in agents if agent.endpoint in told]


def test_a_send_that_waits_tells_for_whom_and_until_when(customer: Customer, simulator: Simulator) -> None:
    agents = [simulator.user_agent("wns"), simulator.user_agent("fcm")]
    enrol(customer, agents)
    agents[0].behave(status=406, headers={"Retry-After": "600", "X-WNS-Status": "appthrottled"})
    found = shown(customer, expect(202, send(customer))["id"])
    assert (found["status"], found["accepted"], found["pending"], found["retried"]) == ("sending", 1, 1, 1)
    waiting = found["push_services"]["wns"]
    assert waiting["waiting_until"] > found["created_at"]
    assert "too much" in waiting["answers"][0]["cause"]
    assert found["push_services"]["fcm"]["waiting_until"] is None


def test_a_send_is_told_to_its_own_app_only(api: DeployedApi, customer: Customer, simulator: Simulator) -> None:
    enrol(customer, [simulator.user_agent()])
    made = expect(200, send(customer))["id"]
    stranger = Customer.sign_up(api)
    for step in ("pause", "resume", "cancel"):
        assert expect(404, api.operator("POST", stranger.at(f"/sends/{made}/{step}")))["error"]["code"] == "not_found"
