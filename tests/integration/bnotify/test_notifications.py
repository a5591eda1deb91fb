"""Notifications at the deployed template: one record for a user, read and muted by its person."""

import pytest

from tests.customer import expect
from tests.integration.bnotify.channel import Channel

NO_SUBSCRIPTION = {"statusCode": 404, "message": "Subscription not found", "error": "Not Found"}


@pytest.mark.row("BN-5", "BN-17", "BN-18", "BN-22")
def test_bn_18_one_record_is_answered_and_every_device_is_pushed_to(channel: Channel) -> None:
    assert channel.server.notify("u-17").json == NO_SUBSCRIPTION
    phones = [channel.phone(), channel.phone(service="fcm")]
    before = channel.customer.credits()
    answer = channel.server.notify("u-17", title="🔔" * 30, text=" ü\n")
    told = expect(200, answer)
    assert list(told) == ["subscription", "title", "text", "readedAt", "createdAt", "id"]
    assert told == {
        "subscription": expect(200, channel.server.subscription("u-17"))["id"],
        "title": "🔔" * 30,
        "text": " ü\n",
        "readedAt": 0,
        "createdAt": told["createdAt"],
        "id": told["id"],
    }
    assert len(bytes.fromhex(told["id"])) == 12
    for phone in phones:
        [message] = phone.agent.messages(1)
        shown = message["json"]["notification"]
        assert (shown["title"], shown["body"]) == (told["title"], told["text"])
        assert [note["id"] for note in phone.inbox()] == [told["id"]]
    for fields, rule in (
        ({"title": "ab"}, "title must be longer than or equal to 3 characters"),
        ({"title": "🔔" * 31}, "title must be shorter than or equal to 30 characters"),
        ({"text": "x" * 201, "title": "abc"}, "text must be shorter than or equal to 200 characters"),
        ({"text": None}, "text must be a string"),
    ):
        refused = channel.server.notify("u-17", None, **fields)
        assert (refused.status, refused.json) == (400, {"statusCode": 400, "message": rule, "error": "Bad Request"})
    assert channel.customer.credits() == before
    assert len(phones[0].inbox()) == 1


@pytest.mark.row("BN-19")
def test_bn_19_a_notification_is_read_when_it_is_opened_in_the_inbox(channel: Channel) -> None:
    phone, other = channel.phone(), channel.phone("u-18")
    told = expect(200, channel.server.notify("u-17"))
    [note] = phone.inbox()
    assert note == {name: told[name] for name in ("id", "title", "text", "createdAt", "readedAt")}
    assert note["readedAt"] == 0
    assert other.call("read", notification=told["id"]).status == 404
    expect(200, phone.call("read", notification=told["id"]))
    [read] = phone.inbox()
    assert read["readedAt"] >= told["createdAt"]
    shown = expect(200, channel.server.call("GET", "/notifications/u-17"))
    assert shown == [{**told, "readedAt": read["readedAt"]}]
    assert other.inbox() == []


@pytest.mark.row("BN-20")
def test_bn_20_who_muted_keeps_the_record_and_is_not_pushed_to(channel: Channel) -> None:
    phone = channel.phone()
    expect(200, phone.call("mute", muted=True))
    assert expect(200, channel.server.subscription("u-17"))["mute"] is True
    quiet = expect(200, channel.server.notify("u-17", title="Quiet"))
    expect(200, phone.call("mute", muted=False))
    loud = expect(200, channel.server.notify("u-17", title="Loud"))
    assert [message["json"]["notification"]["title"] for message in phone.agent.messages(1)] == ["Loud"]
    assert {note["id"] for note in phone.inbox()} == {quiet["id"], loud["id"]}


@pytest.mark.row("X-4")
def test_x_4_a_repeated_request_is_answered_alike_and_sent_once(channel: Channel) -> None:
    phone = channel.phone()
    key = {"Idempotency-Key": "order-17"}
    first, again = (channel.server.notify("u-17", key) for _ in range(2))
    assert (first.json, again.headers["idempotency-replayed"]) == (again.json, "true")
    assert len(phone.agent.messages(1)) == len(phone.inbox()) == 1
    assert channel.server.notify("u-17", key, title="Another").status == 400
