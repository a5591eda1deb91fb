"""The message that FCM HTTP v1 shows on a device: a notification, the customer's data, and options for each platform.

The app gets the customer's data as FCM has it, texts by name, and beside it members of ours that start with `tocsin_`.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.domain.document import compact, shortened, size_of, tag_of
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import TOKEN_LENGTH
from tocsin.webpush.message import Urgency, topic_of

MAX_COLLAPSE_ID = 64
"""Bytes of apns-collapse-id."""
_RESERVED = {"from", "message_type", "collapse_key"}
_RESERVED_STARTS = ("google", "gcm", "tocsin_")
_PROMPT = {Urgency.NORMAL, Urgency.HIGH}
"""What RFC 8030 has shown whatever the battery; FCM's normal priority waits for the device to wake up by itself."""
_LEAST_BODY = 200
"""Bytes of text that a preview keeps before it has a link or a picture."""
_END = b"}}"


@dataclass(frozen=True, slots=True)
class FcmMessage:
    """A message for any device of a send. shared: its UTF-8 up to the end of `data`. payload: bytes that FCM counts."""

    shared: bytes
    payload: int

    def to(self, token: str, fetch: str | None = None, event: str | None = None) -> bytes:
        """The body of a request. token: of the device. fetch, event: as in a document for browsers."""
        own = _member("tocsin_fetch", fetch) + _member("tocsin_event", event)
        return self.shared + own + b'},"token":' + compact(token) + _END


def _member(name: str, value: str | None) -> bytes:
    return b"" if value is None else f',"{name}":"{value}"'.encode()


_OWN = 2 * len(_member("tocsin_fetch", "f" * TOKEN_LENGTH))


def fcm_message(
    notification: Notification, send: SendId, site_url: str, ttl: int, expires_at: int, *, clicks_only: bool = False
) -> FcmMessage:
    """All that a customer asks to show. ttl: seconds from now; expires_at: Unix seconds, 0 for "now or never".

    clicks_only: as in a document for browsers.
    """
    shown = {"title": notification.title, "body": notification.body}
    if notification.image is not None:
        shown["image"] = notification.image
    data = _texts(notification.data or {}) | _own(send, clicks_only=clicks_only)
    data["tocsin_url"] = notification.url or site_url
    return _message(notification, shown, data, send, ttl, expires_at)


def fcm_preview(
    notification: Notification,
    send: SendId,
    site_url: str,
    ttl: int,
    expires_at: int,
    room: int,
    *,
    clicks_only: bool = False,
) -> FcmMessage:
    """What fits `room` bytes: the title, then link and picture as they fit, then as much of the text; no data."""
    shown, data = {"title": notification.title, "body": ""}, _own(send, clicks_only=clicks_only)
    least = min(_LEAST_BODY, size_of(notification.body))

    def left() -> int:
        return room - _OWN - _payload(shown, data)

    places = (data, "tocsin_url", notification.url or site_url), (shown, "image", notification.image)
    for members, name, url in places:
        if url is not None:
            members[name] = url
            if left() < least:
                del members[name]
    shown["body"] = shortened(notification.body, left())
    return _message(notification, shown, data, send, ttl, expires_at)


def _own(send: SendId, *, clicks_only: bool) -> dict[str, str]:
    return {"tocsin_id": send, "tocsin_clicks_only": "1"} if clicks_only else {"tocsin_id": send}


def _texts(data: Mapping[str, object]) -> dict[str, str]:
    """A customer's object as FCM takes it: what is no text becomes one, as JSON; FCM's own names get an underscore."""
    return {
        f"_{name}" if name in _RESERVED or name.startswith(_RESERVED_STARTS) else name: (
            value if isinstance(value, str) else compact(value).decode()
        )
        for name, value in data.items()
    }


def _message(
    notification: Notification,
    shown: Mapping[str, str],
    data: Mapping[str, str],
    send: SendId,
    ttl: int,
    expires_at: int,
) -> FcmMessage:
    message = {
        "notification": shown,
        "android": _android(notification, send, ttl),
        "apns": _apns(notification, send, expires_at, pictured="image" in shown),
        "webpush": _webpush(notification, send, ttl, data.get("tocsin_url", "")),
        "data": data,
    }
    return FcmMessage(compact({"message": message}).removesuffix(b"}" + _END), _payload(shown, data) + _OWN)


def _payload(shown: Mapping[str, str], data: Mapping[str, str]) -> int:
    return len(compact({"notification": shown, "data": data}))


def _android(notification: Notification, send: SendId, ttl: int) -> dict[str, object]:
    options: dict[str, object] = {
        "priority": "HIGH" if notification.urgency in _PROMPT else "NORMAL",
        "ttl": f"{ttl}s",
        "notification": {"tag": tag_of(notification, send)},
    }
    if notification.tag is not None:
        # Only the customer's own: FCM keeps at most four different ones for a device, and a send's id would be a fifth.
        options["collapse_key"] = topic_of(notification.tag)
    return options


def _apns(notification: Notification, send: SendId, expires_at: int, *, pictured: bool) -> dict[str, object]:
    tag = tag_of(notification, send)
    aps: dict[str, object] = {"sound": "default"}
    if pictured:
        aps["mutable-content"] = 1  # only the app's own extension can load it
    return {
        "headers": {
            "apns-priority": "10" if notification.urgency in _PROMPT else "5",
            "apns-expiration": str(expires_at),
            "apns-collapse-id": tag if tag.isascii() and len(tag) <= MAX_COLLAPSE_ID else topic_of(tag),
        },
        "payload": {"aps": aps},
    }


def _webpush(notification: Notification, send: SendId, ttl: int, link: str) -> dict[str, object]:
    pictures = {"icon": notification.icon, "badge": notification.badge}
    options: dict[str, object] = {
        "headers": {"TTL": str(ttl), "Urgency": notification.urgency.value},
        "notification": {
            "tag": tag_of(notification, send),
            **{name: url for name, url in pictures.items() if url is not None},
        },
    }
    if link.startswith("https://"):
        options["fcm_options"] = {"link": link}
    return options
