"""Sending on the wire: what is asked for, how long it may be, what counts as the same, and what ids are told."""

import json
from typing import Any

import pytest

from tests.customer import expect
from tests.engine import MemoryEngine
from tests.keymaster import NOTE, Gym
from tocsin.dialects.keymaster.identifiers import notification_id
from tocsin.dialects.keymaster.send import MAX_NAMES, BatchRequest
from tocsin.domain.ids import SendId


@pytest.fixture
def people(gym: Gym) -> Gym:
    """A gym with two users, who have a browser each."""
    for name in ("u-1", "u-2"):
        gym.user(name).registered()
    return gym


@pytest.mark.row("KM-20")
@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/send", {}, "title is required"),
        ("/send", {"title": "t", "body": "b"}, "user_id is required"),
        ("/send", {"title": "t", "user_id": "u-1"}, "body is required"),
        ("/send", {"title": None, "body": "b", "user_id": "u-1"}, "title is required"),
        ("/send", NOTE | {"user_id": None}, "user_id is required"),
        ("/send", NOTE | {"user_id": ""}, "user_id must not be empty"),
        ("/send", NOTE | {"user_id": 7}, "user_id must be a string"),
        ("/send", NOTE | {"user_id": "u" * 257}, "user_id must be at most 256 characters"),
        ("/send", NOTE | {"user_id": "u-1", "title": ""}, "title must have at least 1 character"),
        ("/send", NOTE | {"user_id": "u-1", "data": []}, "data must be an object"),
        ("/send", NOTE | {"user_id": "u-1", "ttl": -1}, "ttl must be greater than or equal to 0"),
        ("/send", NOTE | {"user_id": "u-1", "ttl": 2419201}, "ttl must be less than or equal to 2419200"),
        ("/send", NOTE | {"user_id": "u-1", "ttl": "60"}, "ttl must be an integer"),
        ("/send/bulk", NOTE, "user_ids is required"),
        ("/send/bulk", NOTE | {"user_ids": []}, "user_ids must have at least 1 item"),
        ("/send/bulk", NOTE | {"user_ids": ["u-1", None]}, "user_ids.1 must be a string"),
        ("/send/bulk", NOTE | {"user_ids": "u-1"}, "user_ids must be a list"),
        ("/send/batch", {}, "notifications is required"),
        ("/send/batch", {"notifications": []}, "notifications must have at least 1 item"),
        ("/send/batch", {"notifications": [NOTE | {"user_id": "u-1"}, NOTE]}, "notifications.1.user_id is required"),
        ("/send/batch", {"notifications": [1]}, "notifications.0 must be an object"),
        ("/send/batch", {"notifications": [None]}, "notifications.0 must be an object"),
    ],
)
def test_what_is_missing_or_wrong_is_named(people: Gym, path: str, body: object, detail: str) -> None:
    assert expect(400, people.server().call("POST", path, body))["detail"].startswith(detail)


@pytest.mark.row("KM-19")
@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"title": "é" * 257}, "Title too long"),
        ({"body": "é" * 4097}, "Body too long"),
        ({"data": {"x": "é" * 2045}}, "Data payload too large"),
        ({"title": "é" * 256}, None),
        ({"body": "é" * 4096}, None),
        ({"data": {"x": "é" * 2044}}, None),
    ],
)
def test_limits_are_counted_in_characters_and_data_in_bytes_of_compact_json(
    people: Gym, fields: dict[str, object], detail: str | None
) -> None:
    if "data" in fields:
        assert len(json.dumps(fields["data"], ensure_ascii=False, separators=(",", ":")).encode()) in {4096, 4098}
    server = people.server()
    note: dict[str, object] = {**NOTE, **fields, "user_id": "u-1"}
    for answer in (server.call("POST", "/send", note), server.batch({"user_id": "u-2"}, note)):
        assert answer.status == (200 if detail is None else 400)
        assert detail is None or answer.json == {"detail": detail}


@pytest.mark.row("KM-22", "KM-23")
def test_at_most_500_are_named_in_a_request(people: Gym) -> None:
    server = people.server()
    assert len(expect(200, server.bulk(["u-1", "u-2"] * 250))["notification_ids"]) == 500
    assert "at most 500" in expect(400, server.bulk(["u-1"] * 501))["detail"]
    assert "at most 500" in expect(400, server.batch(*({"user_id": "u-1"} for _ in range(501))))["detail"]


@pytest.mark.row("KM-22", "KM-26")
def test_ids_say_the_send_and_the_persons_place_in_it(people: Gym, engine: MemoryEngine) -> None:
    answer = people.server().bulk(["u-2", "u-1", "u-2"])
    [(_, send)] = engine.storage.sends
    ids = [notification_id(SendId(send), place) for place in (0, 1, 0)]
    assert expect(200, answer) == {"notification_ids": ids}
    assert answer.headers["x-send-id"]


@pytest.mark.row("KM-23")
def test_what_is_said_alike_is_one_send_and_what_is_said_twice_to_one_is_said_once(
    people: Gym, engine: MemoryEngine
) -> None:
    notes: list[dict[str, object]] = [
        {"user_id": "u-1", "title": "a"},
        {"user_id": "u-2", "title": "b"},
        {"user_id": "u-2", "title": "a"},
        {"user_id": "u-1", "title": "a", "data": None, "ttl": 86400},
        {"user_id": "u-1", "title": "a", "ttl": 60},
    ]
    ids = expect(200, people.server().batch(*notes))["notification_ids"]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 4
    assert len(engine.storage.sends) == 3
    assert people.admin().config()["notifications_today"] == 4


@pytest.mark.row("KM-23")
def test_five_hundred_may_each_be_told_something_else(people: Gym, engine: MemoryEngine) -> None:
    notes = [{"user_id": f"u-{number % 2 + 1}", "title": f"Number {number}"} for number in range(500)]
    assert len(set(expect(200, people.server().batch(*notes))["notification_ids"])) == 500
    assert len(engine.storage.sends) == 500
    assert people.admin().config()["notifications_today"] == 500


def test_names_that_would_not_fit_into_one_send_are_divided() -> None:
    names = [f"{number:03}" + "\U0001f600" * 253 for number in range(500)]
    request = BatchRequest.model_validate({"notifications": [NOTE | {"user_id": name} for name in names]})
    messages, places = request.to_messages()
    assert len(messages) == 3
    assert all(sum(len(name.encode()) for name in one.people) <= MAX_NAMES for one in messages)
    assert [messages[message].people[place] for message, place in places] == names


@pytest.mark.row("X-4")
def test_a_repeat_is_told_the_same_and_another_body_is_refused(people: Gym, engine: MemoryEngine) -> None:
    server, key = people.server(), {"Idempotency-Key": "k-1"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/send", NOTE | {"user_id": "u-1"}),
        ("/send/bulk", NOTE | {"user_ids": ["u-1", "u-2"]}),
        ("/send/batch", {"notifications": [NOTE | {"user_id": "u-1"}, {**NOTE, "user_id": "u-2", "title": "b"}]}),
    ]
    for path, body in calls:
        first, second = (server.call("POST", path, body, key) for _ in range(2))
        assert first.json == second.json
        assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
        other = server.call("POST", path, body | {"title": "other", "notifications": [NOTE | {"user_id": "u-1"}]}, key)
        assert expect(400, other)["detail"] == "This Idempotency-Key was used for another request"
    assert len(engine.storage.sends) == 4
    assert people.admin().config()["notifications_today"] == 5


def test_the_tap_target_is_the_url_in_the_data(people: Gym, engine: MemoryEngine) -> None:
    for data in ({"url": "https://shop.example/schedule"}, {"url": "javascript:x"}, {"url": 7}):
        expect(200, people.server().send("u-1", data=data))
    targets = [stored.send.notification.url for stored in engine.storage.sends.values()]
    assert targets == ["https://shop.example/schedule", None, None]


@pytest.mark.row("KM-15")
def test_switched_off_nothing_is_sent(people: Gym, engine: MemoryEngine) -> None:
    server = people.server()
    expect(200, people.admin().configure(enabled=False))
    engine.clock.advance(31)
    assert expect(403, server.send("u-1")) == {"detail": "Push not enabled"}
    assert people.admin().devices()["total"] == 2


@pytest.mark.row("KM-24")
def test_the_day_ends_at_midnight_utc(people: Gym, engine: MemoryEngine) -> None:
    expect(200, people.admin().configure(daily_quota=1))
    engine.clock.advance(31)
    expect(200, people.server().send("u-1"))
    answer = people.server().send("u-1")
    assert expect(429, answer) == {"detail": "Daily quota exceeded"}
    engine.clock.advance(int(answer.headers["retry-after"]))
    assert int(engine.clock.now()) % 86_400 == 0
    expect(200, people.server().send("u-1"))
