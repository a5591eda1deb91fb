"""What stands in a push message: the whole, or a preview that fits whatever was asked for."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.document import Document, preview, whole
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.webpush.room import SMALLEST_ROOM

SEND = SendId("0123456789abcdef01234567")
SITE = "https://shop.example/"
WHO, TOKEN, EVENT = "A" * 11, "B" * 24, "C" * 24
ROOM = 3993
WORDS = "Ein Satz über Zürich. "
FULL = Notification(
    "Grüezi",
    "Text 😀",
    "https://shop.example/x",
    icon="https://shop.example/i.png",
    badge="https://shop.example/b.png",
    image="https://shop.example/l.jpg",
    data={"orderId": "12345"},
    tag="tag",
)


def shown(plaintext: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plaintext)["notification"]
    return found


def previewed(notification: Notification, room: int = ROOM, site: str = SITE) -> dict[str, Any]:
    return shown(preview(notification, SEND, site, room).to(WHO, TOKEN))


# --- the whole ---


def test_the_whole_is_declarative_and_complete() -> None:
    assert json.loads(whole(FULL, SEND, SITE).to(WHO)) == {
        "web_push": 8030,
        "notification": {
            "title": "Grüezi",
            "body": "Text 😀",
            "navigate": "https://shop.example/x",
            "icon": "https://shop.example/i.png",
            "badge": "https://shop.example/b.png",
            "image": "https://shop.example/l.jpg",
            "tag": "tag",
            "data": {"id": SEND, "u": WHO, "d": {"orderId": "12345"}},
        },
    }


@pytest.mark.row("PS-15")
def test_ps_15_without_a_url_a_tap_leads_to_the_apps_site() -> None:
    assert shown(whole(Notification("t", "b"), SEND, SITE).to(None))["navigate"] == SITE


def test_without_a_tag_the_send_is_the_tag_so_that_a_repeat_replaces() -> None:
    assert shown(whole(Notification("t", "b"), SEND, SITE).to(None))["tag"] == SEND


def test_a_message_to_nobody_in_particular_names_nobody() -> None:
    assert shown(whole(Notification("t", "b"), SEND, SITE).to(None))["data"] == {"id": SEND}


def test_what_a_message_costs_beside_its_words_is_at_most_240_bytes() -> None:
    assert len(whole(Notification("", "", "", ""), SEND, "", clicks_only=True).to(WHO, event=EVENT)) <= 240


def test_a_message_says_with_what_to_report_what_became_of_it_and_whether_only_clicks_are_wanted() -> None:
    for made in (whole(FULL, SEND, SITE), preview(FULL, SEND, SITE, ROOM)):
        data = shown(made.to(WHO, event=EVENT))["data"]
        assert (data["k"], "c" in data) == (EVENT, False)
    for made in (whole(FULL, SEND, SITE, clicks_only=True), preview(FULL, SEND, SITE, ROOM, clicks_only=True)):
        assert shown(made.to(WHO, event=EVENT))["data"]["c"] == 1


def test_letters_travel_as_utf_8_and_not_escaped() -> None:
    assert "é😀".encode() in whole(Notification("é😀", "b"), SEND, SITE).to(None)


# --- previews ---


def test_a_preview_begins_the_text_and_says_how_to_fetch_the_whole() -> None:
    text = WORDS * 300
    found = previewed(Notification("Grüezi", text, "https://shop.example/x", data={"orderId": "1"}))
    begun = found.pop("body")
    assert found == {
        "title": "Grüezi",
        "navigate": "https://shop.example/x",
        "tag": SEND,
        "data": {"id": SEND, "u": WHO, "f": TOKEN},
    }
    assert begun[-1] == "…"
    assert text.startswith(begun[:-1])


def test_a_preview_needs_a_worker_so_that_no_browser_shows_it_without_asking_for_the_rest() -> None:
    assert "web_push" not in json.loads(preview(FULL, SEND, SITE, ROOM).to(None, TOKEN))


def test_a_preview_uses_the_room_that_there_is() -> None:
    for room in (SMALLEST_ROOM, 3000, ROOM):
        assert len(preview(Notification("t", "x" * 4096), SEND, SITE, room).to(WHO, TOKEN)) == room


def test_a_text_that_fits_is_whole_in_a_preview_too() -> None:
    assert previewed(Notification("t", WORDS, data={"x": "y" * 4000}))["body"] == WORDS


def test_pictures_are_in_a_preview_where_there_is_room_and_go_before_the_tap_target_does() -> None:
    icon, image = "https://shop.example/i.png", "https://shop.example/" + "l" * 2000
    target = "https://shop.example/" + "x" * 1900
    found = previewed(Notification("t", WORDS * 300, target, icon=icon, image=image))
    assert (found["navigate"], found["icon"]) == (target, icon)
    assert "image" not in found
    assert previewed(Notification("t", WORDS * 300, icon=icon, image=image))["image"] == image


def test_where_the_tap_target_does_not_fit_the_preview_leads_to_the_site() -> None:
    target = "https://shop.example/" + "😀" * 1000
    assert previewed(Notification("t", "b", target))["navigate"] == SITE
    site = "https://x/" + "😀" * 500
    assert "navigate" not in previewed(Notification("😀" * 256, "b", target), SMALLEST_ROOM, site)


def test_a_long_tag_is_the_same_digest_in_whole_and_preview() -> None:
    long, other = (Notification("t", "b", tag=letter * 200) for letter in "xy")
    tag = previewed(long)["tag"]
    assert shown(whole(long, SEND, SITE).to(None))["tag"] == tag != previewed(other)["tag"]
    assert len(tag) == 32


@pytest.mark.parametrize(
    "letter",
    ["é", "漢", "😀", "e\u0301\u0323", "👨\u200d👩\u200d👦", "👍🏽", "❤\ufe0f", "नि", '"', "\\", "\x01", "\n"],
    ids=ascii,
)
@pytest.mark.parametrize("start", ["", "x", "xy", "xyz"])
def test_a_text_is_never_cut_within_a_letter(letter: str, start: str) -> None:
    body = previewed(Notification("t", start + letter * 4000))["body"]
    assert body[-1] == "…"
    rest = body[:-1].removeprefix(start)
    assert rest == (letter * (len(rest) // len(letter))).rstrip()


def test_flags_are_not_cut_in_halves() -> None:
    text = ("x" * 70 + "🇨🇭") * 100
    for room in range(ROOM - 20, ROOM):
        assert not previewed(Notification("t", text), room)["body"].endswith("🇨…")


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)
FILLED = st.sampled_from(["a", "é", "漢", "😀", '"', "\\", "\x01", "\n", "\u0301", "\u200d", "🇨"])


def longest(most: int) -> st.SearchStrategy[str]:
    """Texts of any length up to `most`, mostly long ones of a letter that takes much room."""
    return st.one_of(TEXTS.filter(lambda text: len(text) <= most), FILLED.map(lambda letter: letter * most))


def urls(most: int) -> st.SearchStrategy[str]:
    letters = st.sampled_from(["a", "é", "😀", '"'])
    start = "https://x/"
    return st.builds(lambda letter, length: start + letter * length, letters, st.integers(0, most - len(start)))


@pytest.mark.row("X-6")
@settings(max_examples=400, deadline=None)
@given(
    notification=st.builds(
        Notification,
        title=longest(256),
        body=longest(4096),
        url=st.none() | urls(2048),
        icon=st.none() | urls(2048),
        badge=st.none() | urls(2048),
        image=st.none() | urls(2048),
        data=st.none() | longest(1300).map(lambda text: {"x": text}),
        tag=st.none() | longest(256),
    ),
    site=urls(512),
    room=st.sampled_from([SMALLEST_ROOM, 3000, ROOM]),
)
def test_x_6_whatever_a_document_allows_has_a_preview_that_fits(
    notification: Notification, site: str, room: int
) -> None:
    plaintext = preview(notification, SEND, site, room).to(WHO, TOKEN)
    assert len(plaintext) <= room
    found = shown(plaintext)
    assert found["title"] == notification.title
    assert found["data"] == {"id": SEND, "u": WHO, "f": TOKEN}
    assert found["tag"] == shown(whole(notification, SEND, site).to(None))["tag"]
    assert found["body"] == notification.body or found["body"].endswith("…")
    assert found.get("navigate") in {notification.url or site, site, None}


def test_a_document_is_the_same_but_for_what_is_the_recipients_own() -> None:
    document = Document(b'{"notification":{"data":{"id":"1"')
    assert json.loads(document.to(None)) == {"notification": {"data": {"id": "1"}}}
    assert json.loads(document.to("w", "t")) == {"notification": {"data": {"id": "1", "u": "w", "f": "t"}}}
