"""Receipts of what became of notifications (KM-25). Pure: the worker that posts them knows no web framework."""

import hmac
import json
from hashlib import sha256

from tocsin.dialect_kit.times import iso
from tocsin.dialects.keymaster.identifiers import app_id, delivery_id, device_id, notification_id
from tocsin.domain.event import Event, EventKind
from tocsin.domain.webhook import Attempt, WebhookRequest

_NAMES = {
    EventKind.DELIVERED: "push.delivered",
    EventKind.FAILED: "push.failed",
    EventKind.CLICKED: "push.clicked",
    EventKind.EXPIRED: "push.expired",
}
KINDS = frozenset(_NAMES)


def request(event: Event, attempt: Attempt) -> WebhookRequest:
    """The receipt of one notification at one device; null where that is not known (any more).

    X-Keymaster-Signature is an HMAC-SHA-256 of the body, in hex, by the secret as its text stands in the settings.
    """
    name = _NAMES[event.kind]
    send, place = event.send, event.place
    data = {
        "notification_id": None if send is None or place is None else notification_id(send, place),
        "user_id": event.person,
        "device_id": None if event.subscription is None else device_id(event.subscription),
        "platform": event.platform,
    }
    if event.reason is not None:
        data["reason"] = event.reason
    receipt = {"event": name, "timestamp": iso(event.at), "app_id": app_id(event.app), "data": data}
    body = json.dumps(receipt, ensure_ascii=False, separators=(",", ":")).encode()
    signature = hmac.new(attempt.secret.encode(), body, sha256).hexdigest()
    headers = {
        "X-Keymaster-Event": name,
        "X-Keymaster-Delivery": delivery_id(event.id),
        "X-Keymaster-Timestamp": str(attempt.at),
        "X-Keymaster-Signature": f"sha256={signature}",
    }
    return WebhookRequest(body, headers)
