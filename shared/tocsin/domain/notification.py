"""What a customer asks to show."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.webpush.encoding import to_base64url
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


def who_token(secret: bytes, external_id: str) -> str:
    """The token, of 11 characters, by which a worker knows its person without learning anybody's name."""
    return to_base64url(hmac.digest(secret, external_id.encode(), "sha256")[:8])
