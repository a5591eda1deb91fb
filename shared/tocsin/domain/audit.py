"""The audit log: who changed what of an app, and when. Money has its own: the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.domain.ids import AppId


class Action(StrEnum):
    """Everything that is written down."""

    APP_CREATED = "app.created"
    APP_CHANGED = "app.changed"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    VAPID_KEY_ADDED = "vapid_key.added"
    VAPID_KEY_RETIRED = "vapid_key.retired"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASED = "person.erased"
    CLIENT_UNREGISTERED = "client.unregistered"
    SEND_PAUSED = "send.paused"
    SEND_RESUMED = "send.resumed"
    SEND_CANCELLED = "send.cancelled"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. name: "operator", or the id of an API key. request_id: of the request, for its logs (X-5)."""

    name: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. details: what it was about, by plain names; never a secret, an address or an endpoint."""

    id: str
    app: AppId
    at: int
    actor: Actor
    action: Action
    details: Mapping[str, object] = field(default_factory=dict)
