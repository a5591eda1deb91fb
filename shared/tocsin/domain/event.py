"""What a customer's server is told about by webhook."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from tocsin.domain.ids import ID_BYTES, AppId, SendId, SubscriptionId
from tocsin.domain.tenancy import DialectName


class EventKind(StrEnum):
    """What happened. DELIVERED: the push service accepted the message; EXPIRED: its TTL ended first."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True)
class Event:
    """One happening at an app. Receivers tell repeats by its id, so the same happening always has the same one.

    id: 24 hex digits. at: Unix seconds. person: the customer's own name of whom it is about. place: the index of the
    person among the send's identities. platform: of the device. reason: why it failed, in our words. dialect: whose
    send it was; None where it concerns every API of the app.
    """

    id: str
    app: AppId
    kind: EventKind
    at: int
    person: str | None = None
    subscription: SubscriptionId | None = None
    send: SendId | None = None
    place: int | None = None
    platform: str | None = None
    reason: str | None = None
    dialect: DialectName | None = None


def event_id(*happening: object) -> str:
    """An id that follows from what tells a happening from all others: its send, chunk and index, for instance."""
    return sha256("\0".join(map(str, happening)).encode()).digest()[:ID_BYTES].hex()
