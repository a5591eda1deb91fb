"""The bytes of a push message."""

import json

import pytest

from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification, NotificationTooLong, payload, who_token

SEND = SendId("0123456789abcdef01234567")
SITE = "https://shop.example/"
MOST = 3993


def shown(notification: Notification, who: str | None = None) -> dict[str, object]:
    message = json.loads(payload(notification, SEND, SITE, who))
    assert message["web_push"] == 8030
    found = message["notification"]
    assert isinstance(found, dict)
    return found


def test_a_message_is_declarative_and_complete() -> None:
    notification = Notification(
        "Grüezi",
        "Text 😀",
        "https://shop.example/x",
        icon="https://shop.example/i.png",
        badge="https://shop.example/b.png",
        image="https://shop.example/l.jpg",
        data={"orderId": "12345"},
        tag="tag",
    )
    assert shown(notification, "AAAAAAAAAAA") == {
        "title": "Grüezi",
        "body": "Text 😀",
        "navigate": "https://shop.example/x",
        "icon": "https://shop.example/i.png",
        "badge": "https://shop.example/b.png",
        "image": "https://shop.example/l.jpg",
        "tag": "tag",
        "data": {"id": SEND, "u": "AAAAAAAAAAA", "d": {"orderId": "12345"}},
    }


@pytest.mark.row("PS-15")
def test_ps_15_without_a_url_a_tap_leads_to_the_apps_site() -> None:
    assert shown(Notification("t", "b"))["navigate"] == SITE


def test_without_a_tag_the_send_is_the_tag_so_that_a_repeat_replaces() -> None:
    assert shown(Notification("t", "b"))["tag"] == SEND


def test_a_message_to_nobody_in_particular_names_nobody() -> None:
    assert shown(Notification("t", "b"))["data"] == {"id": SEND}


def test_what_a_message_costs_beside_its_words_is_at_most_240_bytes() -> None:
    words = Notification("", "", "", "")
    assert len(payload(words, SEND, "", "A" * 11)) <= 240


def test_letters_travel_as_utf_8_and_not_escaped() -> None:
    assert "é😀".encode() in payload(Notification("é😀", "b"), SEND, SITE, None)


def test_the_longest_message_fits_and_one_byte_more_does_not() -> None:
    room = MOST - len(payload(Notification("t", ""), SEND, SITE, None))
    assert len(payload(Notification("t", "x" * room), SEND, SITE, None)) == MOST
    with pytest.raises(NotificationTooLong) as refused:
        payload(Notification("t", "x" * (room + 1)), SEND, SITE, None)
    assert refused.value.bytes_over == 1


def test_length_is_counted_in_bytes_not_in_letters() -> None:
    room = MOST - len(payload(Notification("t", ""), SEND, SITE, None))
    with pytest.raises(NotificationTooLong) as refused:
        payload(Notification("t", "é" * room), SEND, SITE, None)
    assert refused.value.bytes_over == room


def test_a_person_token_depends_on_secret_and_name_and_is_11_characters() -> None:
    tokens = {who_token(secret, name) for secret in (b"a", b"b") for name in ("17", "18")}
    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {11}
