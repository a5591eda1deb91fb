"""Sending at the deployed API: to one user, to many, and to each something else."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import expect
from tests.integration.deployed_api import Simulator, UserAgent
from tests.keymaster import NOTE, Gym

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.fixture
def visitor(gym: Gym, simulator: Simulator) -> Callable[[str], UserAgent]:
    """A browser of a user that is registered."""

    def register(user_id: str) -> UserAgent:
        agent = simulator.user_agent("mozilla", gym.customer.vapid_public_key)
        gym.user(user_id).registered(agent.subscription)
        return agent

    return register


def received(agent: UserAgent, count: int) -> list[dict[str, Any]]:
    return [message["json"]["notification"] for message in agent.messages(count)]


@pytest.mark.row("KM-18", "KM-26")
def test_a_notification_reaches_all_devices_of_its_user(gym: Gym, visitor: Callable[[str], UserAgent]) -> None:
    mine, hers = [visitor("u-1") for _ in range(2)], visitor("u-2")
    sent = expect(200, gym.server().send("u-1", data={"route": "/schedule"}, ttl=3600))
    assert uuid.UUID(sent["notification_id"]).version == 4
    for agent in mine:
        [message] = agent.messages(1)
        shown = message["json"]["notification"]
        assert (shown["title"], shown["body"]) == (NOTE["title"], NOTE["body"])
        assert shown["data"]["d"] == {"route": "/schedule"}
    assert hers.messages() == []


@pytest.mark.row("KM-19", "KM-20")
@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"user_id": "stranger"}, "User not enrolled"),
        ({"data": {"text": "é" * 2043}}, "Data payload too large"),
        ({"title": "t" * 257}, "Title too long"),
        ({"body": "b" * 4097}, "Body too long"),
        ({"title": None}, "title is required"),
        ({"user_id": None}, "user_id is required"),
        ({"ttl": 2_419_201}, "ttl must be less than or equal to 2419200"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_the_documents_words(
    gym: Gym, fields: dict[str, object], detail: str
) -> None:
    gym.user("u-1").registered()
    refused = gym.server().call("POST", "/send", {"user_id": "u-1", **NOTE, **fields})
    assert expect(400, refused) == {"detail": detail}
    assert gym.admin().config()["notifications_today"] == 0


@pytest.mark.row("KM-19")
def test_each_field_may_be_as_long_as_its_limit(gym: Gym, visitor: Callable[[str], UserAgent]) -> None:
    agent = visitor("u-1")
    fields = {"title": "t" * 256, "body": "b" * 4096, "data": {"text": "é" * 2042 + "x"}, "ttl": 0}
    expect(200, gym.server().call("POST", "/send", {"user_id": "u-1", **fields}))
    assert len(agent.messages(1)) == 1


@pytest.mark.row("KM-19", "KM-21")
def test_whoever_the_administrator_enrols_may_be_sent_to_before_any_device_is_there(gym: Gym) -> None:
    assert expect(400, gym.server().send("u-9")) == {"detail": "User not enrolled"}
    expect(200, gym.admin().call("PUT", f"/apps/{gym.id}/users/u-9"))
    assert uuid.UUID(expect(200, gym.server().send("u-9"))["notification_id"]).version == 4


@pytest.mark.row("KM-22")
def test_many_users_get_the_same_each_once_and_the_ids_are_in_the_order_of_the_request(
    gym: Gym, visitor: Callable[[str], UserAgent]
) -> None:
    agents = {name: visitor(name) for name in ("u-1", "u-2")}
    server = gym.server()
    ids = expect(200, server.bulk(["u-2", "u-1", "u-2"], data={}))["notification_ids"]
    assert ids[0] == ids[2] != ids[1]
    assert {name: [one["title"] for one in received(agent, 1)] for name, agent in agents.items()} == {
        "u-1": [NOTE["title"]],
        "u-2": [NOTE["title"]],
    }
    assert expect(400, server.bulk(["u-1", "stranger"])) == {"detail": "User not enrolled"}
    assert expect(400, server.bulk([]))["detail"].startswith("user_ids must have")
    assert expect(400, server.bulk(["u-1"] * 501))["detail"].startswith("user_ids must have")
    time.sleep(1)
    assert [len(agent.messages()) for agent in agents.values()] == [1, 1]


@pytest.mark.row("KM-23", "X-4")
def test_a_batch_says_something_else_to_each_and_its_repeat_says_nothing_more(
    gym: Gym, visitor: Callable[[str], UserAgent]
) -> None:
    agents = {name: visitor(name) for name in ("u-1", "u-2")}
    server, notes = (
        gym.server(),
        [
            {"user_id": "u-1", "title": "Shift approved", "body": "Your request was approved."},
            {"user_id": "u-2", "title": "Time off denied", "body": "Please contact your manager."},
        ],
    )
    assert expect(400, server.batch(*notes, {"user_id": "stranger"})) == {"detail": "User not enrolled"}
    first = server.batch(*notes, headers={"Idempotency-Key": "shift-17"})
    ids = expect(200, first)["notification_ids"]
    assert len(set(ids)) == 2
    assert {name: [one["title"] for one in received(agent, 1)] for name, agent in agents.items()} == {
        "u-1": ["Shift approved"],
        "u-2": ["Time off denied"],
    }
    again = server.batch(*notes, headers={"Idempotency-Key": "shift-17"})
    assert (expect(200, again)["notification_ids"], again.headers["idempotency-replayed"]) == (ids, "true")
    assert expect(400, server.batch(notes[0], headers={"Idempotency-Key": "shift-17"}))["detail"]
    time.sleep(1)
    assert [len(agent.messages()) for agent in agents.values()] == [1, 1]


@pytest.mark.row("KM-23")
def test_a_hundred_different_notifications_are_accepted_in_one_request(gym: Gym) -> None:
    gym.user("u-1").registered()
    answer = gym.server().batch(*({"user_id": "u-1", "title": f"Number {number}"} for number in range(100)))
    assert len(set(expect(200, answer)["notification_ids"])) == 100
    assert gym.admin().config()["notifications_today"] == 100
