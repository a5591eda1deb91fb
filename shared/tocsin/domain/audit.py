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
    FCM_ACCOUNT_SET = "fcm_account.set"
    FCM_ACCOUNT_REMOVED = "fcm_account.removed"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASED = "person.erased"
    CLIENT_UNREGISTERED = "client.unregistered"
    CLIENT_ERASED = "client.erased"
    SEND_PAUSED = "send.paused"
    SEND_RESUMED = "send.resumed"
    SEND_CANCELLED = "send.cancelled"
    IMPORT_STARTED = "import.started"
    IMPORT_FINISHED = "import.finished"
    APP_EXPORTED = "app.exported"
    VAPID_KEYS_EXPORTED = "vapid_keys.exported"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_REPLAYED = "webhook.replayed"
    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_CHANGED = "campaign.changed"
    CAMPAIGN_SENT = "campaign.sent"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_CANCELLED = "campaign.cancelled"
    CAMPAIGN_DELETED = "campaign.deleted"
    TEMPLATE_CREATED = "template.created"
    TEMPLATE_CHANGED = "template.changed"
    TEMPLATE_DELETED = "template.deleted"
    SEGMENT_CREATED = "segment.created"
    SEGMENT_CHANGED = "segment.changed"
    SEGMENT_DELETED = "segment.deleted"
    FLOW_CREATED = "flow.created"
    FLOW_CHANGED = "flow.changed"
    FLOW_DELETED = "flow.deleted"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. name: "operator", "schedule", or the id of an API key.

    request_id: of the request, for its logs (X-5).
    """

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
