"""The message for FCM: what each platform shows of it, and what fits."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.fcm_message import FcmMessage, fcm_message, fcm_preview
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import TOKEN_LENGTH
from tocsin.webpush.message import Urgency, topic_of
from tocsin.webpush.origins import PushService
from tocsin.webpush.room import SMALLEST_ROOM, room_of

SEND, SITE, TOKEN = SendId("0123456789abcdef01234567"), "https://shop.example/", "phone:token"
ROOM = room_of(PushService.FCM_V1)
FETCH = "f" * TOKEN_LENGTH


def whole(ttl: int = 60, **fields: Any) -> dict[str, Any]:
    notification = Notification(**{"title": "Title", "body": "Text"} | fields)
    return parsed(fcm_message(notification, SEND, SITE, ttl, 1_800_000_060))


def parsed(message: FcmMessage, **own: str) -> dict[str, Any]:
    (name,) = body = json.loads(message.to(TOKEN, **own))
    assert name == "message"
    return dict(body[name])


def payload(message: dict[str, Any]) -> int:
    counted = {name: message[name] for name in ("notification", "data")}
    return len(json.dumps(counted, ensure_ascii=False, separators=(",", ":")).encode())


def test_a_plain_notification() -> None:
    assert whole() == {
        "token": TOKEN,
        "notification": {"title": "Title", "body": "Text"},
        "data": {"tocsin_id": SEND, "tocsin_url": SITE},
        "android": {"priority": "HIGH", "ttl": "60s", "notification": {"tag": SEND}},
        "apns": {
            "headers": {"apns-priority": "10", "apns-expiration": "1800000060", "apns-collapse-id": SEND},
            "payload": {"aps": {"sound": "default"}},
        },
        "webpush": {
            "headers": {"TTL": "60", "Urgency": "normal"},
            "notification": {"tag": SEND},
            "fcm_options": {"link": SITE},
        },
    }


def test_a_picture_is_shown_where_the_platform_can() -> None:
    message = whole(image="https://x.example/i.png", icon="https://x.example/c.png", badge="https://x.example/b.png")
    assert message["notification"]["image"] == "https://x.example/i.png"
    assert message["apns"]["payload"]["aps"]["mutable-content"] == 1
    pictures = {"icon": "https://x.example/c.png", "badge": "https://x.example/b.png"}
    assert pictures.items() <= message["webpush"]["notification"].items()


def test_the_customers_tag_replaces_what_waits_and_what_is_shown() -> None:
    message = whole(tag="order-17")
    assert message["android"]["collapse_key"] == topic_of("order-17")
    assert message["android"]["notification"]["tag"] == "order-17"
    assert message["apns"]["headers"]["apns-collapse-id"] == "order-17"


def test_apple_takes_64_bytes_of_tag() -> None:
    assert whole(tag="x" * 64)["apns"]["headers"]["apns-collapse-id"] == "x" * 64
    assert whole(tag="x" * 65)["apns"]["headers"]["apns-collapse-id"] == topic_of("x" * 65)
    assert whole(tag="é")["apns"]["headers"]["apns-collapse-id"] == topic_of("é")


@pytest.mark.parametrize(
    ("urgency", "android", "apns"),
    [
        (Urgency.HIGH, "HIGH", "10"),
        (Urgency.NORMAL, "HIGH", "10"),
        (Urgency.LOW, "NORMAL", "5"),
        (Urgency.VERY_LOW, "NORMAL", "5"),
    ],
)
def test_what_is_not_urgent_waits_for_the_device_to_wake_up(urgency: Urgency, android: str, apns: str) -> None:
    message = whole(urgency=urgency)
    assert message["android"]["priority"] == android
    assert message["apns"]["headers"]["apns-priority"] == apns


def test_data_is_texts_by_name_and_reserved_names_get_an_underscore() -> None:
    data = {"text": "a", "number": 1, "none": None, "list": [1, "é"], "from": "x", "google.x": "y", "gcm.y": 1}
    assert whole(data=data | {"tocsin_id": "mine", "message_type": "z"})["data"] == {
        "text": "a",
        "number": "1",
        "none": "null",
        "list": '[1,"é"]',
        "_from": "x",
        "_google.x": "y",
        "_gcm.y": "1",
        "_tocsin_id": "mine",
        "_message_type": "z",
        "tocsin_id": SEND,
        "tocsin_url": SITE,
    }


def test_a_link_without_tls_is_left_to_the_app() -> None:
    message = whole(url="http://localhost:8000/x")
    assert "fcm_options" not in message["webpush"]
    assert message["data"]["tocsin_url"] == "http://localhost:8000/x"


def test_what_is_of_one_recipient_only_stands_in_the_data() -> None:
    message = parsed(fcm_message(Notification("t", "b"), SEND, SITE, 60, 0), fetch="F", event="C")
    assert (message["data"]["tocsin_fetch"], message["data"]["tocsin_event"]) == ("F", "C")


def test_an_app_that_is_to_report_clicks_only_is_told_so() -> None:
    shown = Notification("t", "b", data={"tocsin_clicks_only": "mine"})
    assert "tocsin_clicks_only" not in parsed(fcm_message(shown, SEND, SITE, 60, 0))["data"]
    for message in (
        fcm_message(shown, SEND, SITE, 60, 0, clicks_only=True),
        fcm_preview(shown, SEND, SITE, 60, 0, ROOM, clicks_only=True),
    ):
        assert parsed(message)["data"]["tocsin_clicks_only"] == "1"


TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
LETTERS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1)


@settings(max_examples=200, deadline=None)
@given(
    title=TEXT.map(lambda text: text[:256]),
    body=LETTERS.map(lambda text: (text * 4096)[:4096]),
    url=st.none() | st.integers(20, 2048).map(lambda size: "https://x.example/".ljust(size, "x")),
    image=st.none() | st.integers(20, 2048).map(lambda size: "https://y.example/".ljust(size, "y")),
    room=st.sampled_from([ROOM, SMALLEST_ROOM]),
)
def test_x_6_a_preview_fits_whatever_is_sent(
    title: str, body: str, url: str | None, image: str | None, room: int
) -> None:
    notification = Notification(title, body, url=url, image=image, data={"a": "b" * 4000})
    preview = fcm_preview(notification, SEND, SITE, 60, 0, room)
    message = parsed(preview, fetch=FETCH, event=FETCH)
    assert payload(message) <= preview.payload <= room
    assert message["notification"]["title"] == title
    assert message["data"].keys() <= {"tocsin_id", "tocsin_url", "tocsin_fetch", "tocsin_event"}
    shown = message["notification"]["body"]
    assert shown == body or (shown.endswith("…") and len(shown) > 1)


def test_x_6_a_preview_keeps_the_text_rather_than_a_picture() -> None:
    long = "https://y.example/".ljust(2048, "y")
    kept = parsed(fcm_preview(Notification("t", "b" * 4096, url=long, image=long), SEND, SITE, 60, 0, SMALLEST_ROOM))
    assert kept["data"]["tocsin_url"] == long
    assert "image" not in kept["notification"]
    assert len(kept["notification"]["body"]) > 200


@given(fields=st.dictionaries(TEXT, st.text(max_size=20), max_size=4))
def test_the_payload_is_counted_to_the_byte(fields: dict[str, str]) -> None:
    message = fcm_message(Notification("t", "b", data=fields), SEND, SITE, 60, 0)
    assert payload(parsed(message, fetch=FETCH, event=FETCH)) == message.payload
