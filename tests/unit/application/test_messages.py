"""What each recipient of a send gets."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import ANNA, NOTIFICATION, app, email, endpoint, external, send_command, subscribe
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tocsin.application.jobs import Recipient
from tocsin.application.messages import Messages
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import Place, place_in
from tocsin.domain.send import Send
from tocsin.webpush.origins import PushService
from tocsin.webpush.room import SMALLEST_ROOM

ROOM = 3993
FIRST = Place(0, 0, PushService.MOZILLA)


def sent(engine: MemoryEngine, notification: Notification = NOTIFICATION) -> tuple[Send, list[Recipient]]:
    """A send to somebody who is known by an address only, and to two with names."""
    owner = app(engine, credits_=10)
    recipients = [
        Recipient.of(subscribe(engine, owner, number, *claims))
        for number, claims in enumerate([(email(ANNA),), (external("u-1"),), (external("u-2"),)])
    ]
    result = engine.sending.send(send_command(owner, notification=replace(notification, ttl=60), queued=True))
    assert result.send is not None
    send = engine.sends.get(owner.id, SendId(result.send))
    assert send is not None
    return send, recipients


def data(plaintext: bytes) -> dict[str, str]:
    found: dict[str, str] = json.loads(plaintext)["notification"]["data"]
    return found


@pytest.mark.row("X-6")
def test_x_6_what_just_fits_goes_whole_and_one_byte_more_goes_as_a_preview(engine: MemoryEngine) -> None:
    send, [anonymous, named, _] = sent(engine, Notification("t", "b" * 3500))
    messages = Messages(send, engine.derivation)
    for recipient in (anonymous, named):
        size = len(messages.plaintext(recipient, FIRST, ROOM))
        assert "f" not in data(messages.plaintext(recipient, FIRST, size))
        assert "f" in data(messages.plaintext(recipient, FIRST, size - 1))


@pytest.mark.row("X-6")
@pytest.mark.parametrize("letter", ["x", "é", "漢", "😀", "\x01"])
def test_x_6_length_is_counted_in_bytes_as_they_are_sent(engine: MemoryEngine, letter: str) -> None:
    send, [anonymous, named, _] = sent(engine, Notification(letter * 256, letter * 4096, data={"x": letter * 600}))
    messages = Messages(send, engine.derivation)
    for room in (SMALLEST_ROOM, ROOM):
        for recipient in (anonymous, named):
            plaintext = messages.plaintext(recipient, Place(3, 7, PushService.FCM), room)
            assert room - 25 < len(plaintext) <= room


def test_a_preview_has_a_token_for_its_recipients_place_and_names_the_person(engine: MemoryEngine) -> None:
    send, [anonymous, first, second] = sent(engine, Notification("t", "😀" * 4096))
    messages = Messages(send, engine.derivation)
    found = [
        data(messages.plaintext(recipient, Place(2, index, PushService.FCM), ROOM))
        for index, recipient in enumerate((anonymous, first, second))
    ]
    assert [sorted(each) for each in found] == [["f", "id", "k"], ["f", "id", "k", "u"], ["f", "id", "k", "u"]]
    assert len({each.get("u") for each in found}) == 3
    places = [Place(2, index, PushService.FCM) for index in range(3)]
    for member, secret in (
        ("f", engine.derivation.fetch_secret(send.app)),
        ("k", engine.derivation.event_secret(send.app)),
    ):
        assert [place_in(secret, send.id, each[member]) for each in found] == places
    assert place_in(engine.derivation.fetch_secret(send.app), send.id, found[0]["k"]) is None
    assert place_in(engine.derivation.fetch_secret(app(engine).id), send.id, found[0]["f"]) is None


def test_whole_messages_differ_by_the_person_and_the_place_only(engine: MemoryEngine) -> None:
    send, [anonymous, first, second] = sent(engine)
    messages = Messages(send, engine.derivation)
    texts = [messages.plaintext(recipient, FIRST, ROOM) for recipient in (anonymous, first, second)]
    whos = [data(text).get("u") for text in texts]
    assert len(set(whos)) == 3
    assert whos[0] is None
    assert texts[1].replace(str(whos[1]).encode(), str(whos[2]).encode()) == texts[2]
    elsewhere = messages.plaintext(first, Place(5, 9, PushService.WNS), ROOM)
    assert elsewhere.replace(data(elsewhere)["k"].encode(), data(texts[1])["k"].encode()) == texts[1]


def test_messages_carry_a_token_for_whoever_wants_to_know_what_became_of_them(engine: MemoryEngine) -> None:
    send, [recipient, *_] = sent(engine)

    def carried(**fields: Any) -> tuple[bool, bool]:
        """Whether there is a token, and whether it is for clicks only."""
        found = data(Messages(replace(send, **fields), engine.derivation).plaintext(recipient, FIRST, ROOM))
        return "k" in found, "c" in found

    assert carried(statistics=True) == (True, False)
    assert carried(statistics=True, traced=True) == (True, False)
    assert carried(statistics=False) == (False, False)
    assert carried(statistics=False, traced=True) == (True, True)
    assert carried(statistics=False, inbox="anna") == (True, True)


@pytest.mark.row("X-6")
def test_x_6_what_a_push_service_finds_too_large_goes_again_as_a_shorter_preview(engine: MemoryEngine) -> None:
    owner = app(engine, credits_=10)
    subscribe(engine, owner, 1)
    engine.transport.script(endpoint(1), Reply(413), Reply(201))
    result = engine.sending.send(send_command(owner, notification=Notification("t", "b" * 3500)))
    assert result.counts.accepted == 1
    whole, shorter = engine.transport.requests
    assert len(whole.body) > 3500
    assert 2700 < len(shorter.body) <= 2744


def test_what_is_too_large_even_then_is_given_up(engine: MemoryEngine) -> None:
    owner = app(engine, credits_=10)
    subscribe(engine, owner, 1)
    engine.transport.script(endpoint(1), Reply(413), Reply(413), Reply(201))
    result = engine.sending.send(send_command(owner, notification=Notification("t", "b" * 3500)))
    assert (result.counts.accepted, result.counts.failed) == (0, 1)
    assert len(engine.transport.requests) == 2
