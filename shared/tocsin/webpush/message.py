"""What RFC 8030 lets an application server say about one push message."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from tocsin.webpush.encoding import to_base64url

# Four weeks: the most that FCM keeps a message; Mozilla and Apple keep 30 days.
MAX_TTL = 2419200

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class Urgency(StrEnum):
    """How much of a device's battery a message is worth. RFC 8030 section 5.3."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class PushMessage:
    """Beside its text: seconds to keep it (0: only if the device is there now), urgency, what it replaces."""

    ttl: int
    urgency: Urgency
    topic: str | None

    def __post_init__(self) -> None:
        if not 0 <= self.ttl <= MAX_TTL:
            raise ValueError(f"TTL must be from 0 to {MAX_TTL} seconds")
        # Apple decodes the topic, and no base64 text has a length of 4n + 1 (400 BadWebPushTopic).
        if self.topic is not None and (not _TOPIC.fullmatch(self.topic) or len(self.topic) % 4 == 1):
            raise ValueError("topic must be up to 32 characters of whole base64url")


def topic_of(text: str) -> str:
    """Make the topic that stands for any text: 32 characters of base64url, a length that Apple can decode too."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return to_base64url(digest)[:32]
