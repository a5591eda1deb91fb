"""What receipts look like, and how a receiver knows that we sent them."""

import hmac
import json
from hashlib import sha256

import pytest

from tocsin.dialects.keymaster.identifiers import app_id, delivery_id, device_id, notification_id
from tocsin.dialects.keymaster.webhooks import KINDS, request
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.webhook import Attempt

APP, SEND, DEVICE = AppId("a0" * 12), SendId("b0" * 12), SubscriptionId("c0" * 12)
EVENT = Event("d0" * 12, APP, EventKind.DELIVERED, 1_800_000_000, "u-é", DEVICE, SEND, 3, "web")
ATTEMPT = Attempt(1_800_000_060, 1, "whsec_c2VjcmV0", None)


@pytest.mark.row("KM-25", "KM-26")
def test_a_receipt_says_what_became_of_a_notification_at_a_device() -> None:
    told = request(EVENT, ATTEMPT)
    assert json.loads(told.body) == {
        "event": "push.delivered",
        "timestamp": "2027-01-15T08:00:00Z",
        "app_id": app_id(APP),
        "data": {
            "notification_id": notification_id(SEND, 3),
            "user_id": "u-é",
            "device_id": device_id(DEVICE),
            "platform": "web",
        },
    }
    assert told.headers == {
        "X-Keymaster-Event": "push.delivered",
        "X-Keymaster-Delivery": delivery_id(EVENT.id),
        "X-Keymaster-Timestamp": "1800000060",
        "X-Keymaster-Signature": f"sha256={hmac.new(b'whsec_c2VjcmV0', told.body, sha256).hexdigest()}",
    }


@pytest.mark.row("KM-25")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EventKind.DELIVERED, "push.delivered"),
        (EventKind.FAILED, "push.failed"),
        (EventKind.CLICKED, "push.clicked"),
        (EventKind.EXPIRED, "push.expired"),
    ],
)
def test_every_receipt_has_its_name(kind: EventKind, name: str) -> None:
    told = request(Event("d0" * 12, APP, kind, 1_800_000_000), ATTEMPT)
    assert json.loads(told.body)["event"] == told.headers["X-Keymaster-Event"] == name


def test_of_subscribing_nobody_is_told() -> None:
    assert {EventKind.DELIVERED, EventKind.FAILED, EventKind.CLICKED, EventKind.EXPIRED} == KINDS


@pytest.mark.row("KM-21")
def test_whoever_has_no_device_has_a_receipt_without_one() -> None:
    failed = Event("d0" * 12, APP, EventKind.FAILED, 1_800_000_000, "u-1", None, SEND, 0, reason="no_devices")
    assert json.loads(request(failed, ATTEMPT).body)["data"] == {
        "notification_id": notification_id(SEND, 0),
        "user_id": "u-1",
        "device_id": None,
        "platform": None,
        "reason": "no_devices",
    }
