"""The JSON document that a push message carries: a whole notification, or a preview that says how to fetch the whole.

The whole is a Declarative Web Push document that an ordinary service worker reads as well, so one serves every browser.
A preview is none: a browser that needs no worker for showing it would never fetch the rest.

What differs from recipient to recipient stands last, so that the rest of a document is made once for a send.
"""

import json
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.domain.ids import SendId
from tocsin.domain.notification import WHO_LENGTH, Notification
from tocsin.domain.place_token import TOKEN_LENGTH
from tocsin.webpush.message import topic_of

MAX_TAG_BYTES = 128
_LEAST_BODY = 200
"""Bytes of text that a preview keeps before it shows a picture or the very page that a tap leads to."""
_ELLIPSIS = "…"
_END = "}}}"
_PICTURES = ("icon", "badge", "image")


@dataclass(frozen=True, slots=True)
class Document:
    """A document for any recipient of a send. shared: all of its UTF-8 but the end of `notification.data`."""

    shared: bytes

    def to(self, who: str | None, fetch: str | None = None, event: str | None = None) -> bytes:
        """The plaintext for one recipient.

        who: the token of the person that a personal message is for; the worker shows nothing personal to another one.
        fetch: what the worker fetches the whole with, None when this is it. event: with what it reports that the
        message was displayed, clicked or dismissed, None when nobody asks for that.
        """
        person = "" if who is None else f',"u":"{who}"'
        rest = "" if fetch is None else f',"f":"{fetch}"'
        report = "" if event is None else f',"k":"{event}"'
        return self.shared + f"{person}{rest}{report}{_END}".encode()


_OWN = len(Document(b"").to("u" * WHO_LENGTH, "f" * TOKEN_LENGTH)) - len(_END)
EVENT_BYTES = len(Document(b"").to(None, event="k" * TOKEN_LENGTH)) - len(_END)
"""What an event token adds to a document."""


def whole(notification: Notification, send: SendId, site_url: str, *, clicks_only: bool = False) -> Document:
    """All that a customer asks to show. The tag is the send's id unless there is one: a repeat replaces the first.

    clicks_only: the worker reports clicks and nothing else.
    """
    shown = {
        "title": notification.title,
        "body": notification.body,
        "navigate": notification.url or site_url,
        "tag": tag_of(notification, send),
        **_pictures(notification),
    }
    own = _own(send, clicks_only=clicks_only)
    if notification.data is not None:
        own["d"] = notification.data
    return _open({"web_push": 8030, "notification": {**shown, "data": own}})


def preview(
    notification: Notification, send: SendId, site_url: str, room: int, *, clicks_only: bool = False
) -> Document:
    """What fits `room` bytes together with a recipient's own members, for any notification from SMALLEST_ROOM on.

    The title and the tag are always whole. Then come the tap target, else the app's site, else none (the worker knows
    the site); then icon, badge and image, each as it fits; the text gets what is left, and at least 200 bytes.
    """
    own = _own(send, clicks_only=clicks_only)
    shown: dict[str, object] = {"title": notification.title, "body": "", "tag": tag_of(notification, send)}
    least = min(_LEAST_BODY, size_of(notification.body))

    def left() -> int:
        return room - _OWN - len(compact(_preview(shown, own)))

    # In order of importance. A name that comes twice is a second choice.
    for name, url in (("navigate", notification.url), ("navigate", site_url), *_pictures(notification).items()):
        if url is not None and name not in shown:
            shown[name] = url
            if left() < least:
                del shown[name]
    shown["body"] = shortened(notification.body, left())
    return _open(_preview(shown, own))


def _own(send: SendId, *, clicks_only: bool) -> dict[str, object]:
    return {"id": send, "c": 1} if clicks_only else {"id": send}


def _preview(shown: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    return {"notification": {**shown, "data": own}}


def tag_of(notification: Notification, send: SendId) -> str:
    """Browsers only compare tags, so a digest stands for a long one, everywhere the same."""
    tag = notification.tag or send
    return tag if size_of(tag) <= MAX_TAG_BYTES else topic_of(tag)


def _pictures(notification: Notification) -> dict[str, str]:
    pictures = ((name, getattr(notification, name)) for name in _PICTURES)
    return {name: url for name, url in pictures if url is not None}


def shortened(text: str, most: int) -> str:
    """A text of at most `most` bytes as JSON: this one, or its beginning and an ellipsis; never half a letter."""
    if size_of(text) <= most:
        return text
    room = most - size_of(_ELLIPSIS)
    return _begun(text, max(0, bisect_right(range(len(text)), room, key=lambda end: size_of(text[:end])) - 1))


def cut(text: str, most: int) -> str:
    """A text of at most `most` code points: this one, or its beginning and an ellipsis; never half a letter."""
    return text if len(text) <= most else _begun(text, most - len(_ELLIPSIS))


def _begun(text: str, end: int) -> str:
    """The letters of a text that are whole before `end`, and an ellipsis."""
    while end > 0 and _belongs(text[end], text[end - 1]):
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS


def _belongs(character: str, before: str) -> bool:
    """Whether two characters make one letter or emoji; of the rules of UAX #29 the common ones."""
    joiner = "\u200d"
    return (
        joiner in (character, before)
        or unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or (_is_flag(character) and _is_flag(before))
    )


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def size_of(text: str) -> int:
    return len(compact(text)) - len('""')


def _open(message: Mapping[str, object]) -> Document:
    return Document(compact(message).removesuffix(_END.encode()))


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
