"""What a customer asks to show, and the message that carries it.

The message is a Declarative Web Push document that an ordinary service worker reads as well, so one payload serves
every browser. Members are added when a worker exists that reads them.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.domain.ids import SendId
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.encryption import MAX_PLAINTEXT
from tocsin.webpush.message import Urgency

MAX_TITLE, MAX_BODY, MAX_URL = 256, 4096, 2048
DEFAULT_TTL = 86_400
WHO_LENGTH = 11


@dataclass(frozen=True, slots=True)
class Notification:
    """What a customer asks to show. url: the tap target, None for the app's site. tag: replaces an earlier one.

    data: the customer's own JSON object, handed to the site's pages.
    """

    title: str
    body: str
    url: str | None = None
    icon: str | None = None
    badge: str | None = None
    image: str | None = None
    data: Mapping[str, object] | None = None
    tag: str | None = None
    ttl: int = DEFAULT_TTL
    urgency: Urgency = Urgency.NORMAL


class NotificationTooLong(Exception):
    """The message would not fit one encrypted record. bytes_over: by how much."""

    def __init__(self, bytes_over: int) -> None:
        super().__init__(bytes_over)
        self.bytes_over = bytes_over


def payload(notification: Notification, send: SendId, site_url: str, who: str | None) -> bytes:
    """The plaintext of a push message (declarative, UTF-8 JSON).

    The tag is the send's id unless the customer gave one: a repeat then replaces instead of stacking up.
    who: a token of the person that a personal message is for; the worker shows nothing personal to another one.
    Raises NotificationTooLong above 3,993 bytes, the most one aes128gcm record carries (RFC 8291 section 4).
    """
    data: dict[str, object] = {"id": send}
    if who is not None:
        data["u"] = who
    if notification.data is not None:
        data["d"] = notification.data
    shown: dict[str, object] = {
        "title": notification.title,
        "body": notification.body,
        "navigate": notification.url or site_url,
        "tag": notification.tag or send,
        "data": data,
    }
    pictures = {"icon": notification.icon, "badge": notification.badge, "image": notification.image}
    shown |= {name: url for name, url in pictures.items() if url is not None}
    message = {"web_push": 8030, "notification": shown}
    plaintext = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(plaintext) > MAX_PLAINTEXT:
        raise NotificationTooLong(len(plaintext) - MAX_PLAINTEXT)
    return plaintext


def who_token(secret: bytes, external_id: str) -> str:
    """The token, of 11 characters, by which a worker knows its person without learning anybody's name."""
    return to_base64url(hmac.digest(secret, external_id.encode(), "sha256")[:8])
