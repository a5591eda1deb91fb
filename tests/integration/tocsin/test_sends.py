"""The operator's sends at the deployed template: at once for a few, through the queues for many."""

import time

import pytest

from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.tocsin.sends import enrol, send, when_settled


def test_a_few_are_sent_to_at_once_with_all_that_was_asked_for(customer: Customer, simulator: Simulator) -> None:
    agents = [simulator.user_agent("fcm"), simulator.user_agent("wns")]
    enrol(customer, agents)
    answer = send(customer)
    counts = {"accepted": 2, "failed": 0, "gone": 0, "uncertain": 0, "pending": 0}
    assert expect(200, answer) == {"id": answer.json["id"], "status": "settled", "targets": 2, **counts}
    for agent in agents:
        [message] = agent.messages(1)
        assert message["json"]["notification"]["tag"] == "sale"
        assert message["headers"]["urgency"] == "high"
        assert 3590 <= int(message["headers"]["ttl"]) <= 3600
    assert customer.credits() == {"available": 98, "reserved": 0, "spent": 2}
    assert when_settled(customer, answer.json["id"])["accepted"] == 2


@pytest.mark.row("PS-10", "PS-33")
def test_more_than_100_go_through_the_queues_and_cost_exactly_what_was_accepted(
    api: DeployedApi, simulator: Simulator
) -> None:
    customer = Customer.sign_up(api, credits=150)
    agents = [simulator.user_agent(("mozilla", "fcm", "apple", "wns")[number % 4]) for number in range(103)]
    enrol(customer, agents)
    gone, refusing = agents[0], agents[1]
    gone.delete()
    refusing.behave(status=400)

    answer = send(customer)

    queued = expect(202, answer)
    assert (queued["status"], queued["targets"], queued["pending"]) == ("queued", 103, 103)
    done = when_settled(customer, queued["id"])
    assert {name: done[name] for name in ("accepted", "failed", "gone", "uncertain", "pending")} == {
        "accepted": 101,
        "failed": 2,
        "gone": 1,
        "uncertain": 0,
        "pending": 0,
    }
    assert customer.credits() == {"available": 49, "reserved": 0, "spent": 101}
    assert [len(agent.messages()) for agent in agents] == [0, 0, *[1] * 101]


def test_an_audience_that_the_credits_do_not_cover_is_refused_whole(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, credits=1)
    agents = [simulator.user_agent(), simulator.user_agent()]
    enrol(customer, agents)
    assert expect(402, send(customer))["error"]["code"] == "credits_exhausted"
    assert [agent.statuses() for agent in agents] == [[], []]
    assert customer.credits() == {"available": 1, "reserved": 0, "spent": 0}


@pytest.mark.row("PS-10", "PS-32")
def test_a_device_whose_push_service_stays_in_trouble_is_tried_again_in_the_background(
    customer: Customer, simulator: Simulator
) -> None:
    client, agent = customer.client(), simulator.user_agent()
    client.subscribe(agent.subscription)
    agent.behave(status=500)

    answer = client.send()

    assert (answer.status, answer.json) == (200, {"sent": 0, "failed": 0, "credits": 99})
    agent.behave()
    deadline = time.monotonic() + 60
    while customer.credits() != {"available": 99, "reserved": 0, "spent": 1}:
        assert time.monotonic() < deadline, customer.credits()
        time.sleep(0.5)
    assert len(agent.messages()) == 1


@pytest.mark.row("X-4")
def test_x_4_a_repeat_is_replayed_and_another_body_under_the_same_key_is_422(
    customer: Customer, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    enrol(customer, [agent])
    key = {"Idempotency-Key": "campaign-1"}
    first, again = send(customer, headers=key), send(customer, headers=key)
    assert expect(200, again) == expect(200, first)
    assert again.headers["idempotency-replayed"] == "true"
    assert expect(422, send(customer, {"title": "Other"}, key))["error"]["code"] == "idempotency_mismatch"
    assert len(agent.messages(1)) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"to": {}}, "to"),
        ({"to": {"everyone": False}}, "to"),
        ({"to": {"everyone": True, "emails": ["a@b.c"]}}, "to"),
        ({"to": {"emails": []}}, "to.emails"),
        ({"to": {"emails": ["x"]}}, "email"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 2_419_201}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"urgency": "utmost"}, "urgency"),
        ({"urgency": "high\r\nX: 1"}, "urgency"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"tag": ""}, "tag"),
    ],
)
def test_a_malformed_send_is_refused_by_field(fields: dict[str, object], field: str, customer: Customer) -> None:
    assert expect(400, send(customer, fields))["error"]["field"] == field


def test_a_send_is_shown_to_its_own_app_only(api: DeployedApi, customer: Customer, simulator: Simulator) -> None:
    enrol(customer, [simulator.user_agent()])
    made = expect(200, send(customer))["id"]
    stranger = Customer.sign_up(api)
    for at, name in ((stranger, made), (customer, "snd_aaaaaaaaaaaaaaaaaaaa"), (customer, "nonsense")):
        error = expect(404, api.operator("GET", at.at(f"/sends/{name}")))["error"]
        assert error["code"] == "not_found"


def test_whoever_carries_a_tag_is_sent_to_and_the_send_is_in_the_list(customer: Customer, simulator: Simulator) -> None:
    readers = {name: simulator.user_agent() for name in ("news", "sport", "both", "none")}
    tags = {"news": ["news"], "sport": ["sport"], "both": ["news", "sport"], "none": []}
    for name, agent in readers.items():
        body = {"subscription": agent.subscription, "tags": tags[name]}
        expect(201, customer.api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", body, {"Origin": SITE}))
    first = expect(200, send(customer, {"to": {"tags": ["news", "weather"]}}))
    assert {name: len(agent.messages()) for name, agent in readers.items()} == {
        "news": 1,
        "sport": 0,
        "both": 1,
        "none": 0,
    }
    second = expect(200, send(customer, {"to": {"tags": ["sport"]}}))
    listed = expect(200, customer.api.operator("GET", customer.at("/sends?limit=1")))
    assert [one["accepted"] for one in listed["sends"]] == [2]
    rest = expect(200, customer.api.operator("GET", customer.at(f"/sends?cursor={listed['next_cursor']}")))
    # Made in the same second perhaps: then by id.
    assert {one["id"] for one in (*listed["sends"], *rest["sends"])} == {first["id"], second["id"]}
    assert rest["next_cursor"] is None
