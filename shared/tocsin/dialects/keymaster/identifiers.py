"""Ids as Keymaster shows them: UUIDs of version 4 (KM-26)."""

from tocsin.domain import uuids
from tocsin.domain.ids import AppId, SendId, SubscriptionId

_DEVICE = uuids.UuidForm("device")
_DELIVERY = uuids.UuidForm("delivery")
# A notification is what one person gets of a send of up to 500: the send, and the person's place among its people.
_NOTIFICATION = uuids.UuidForm("notification", number_bits=9)


def app_id(app: AppId) -> str:
    """An app's UUID."""
    return uuids.APP.render(app)


def app_in(text: str) -> AppId | None:
    """The app that a UUID names; None when it names none."""
    parsed = uuids.APP.parse(text)
    return None if parsed is None else AppId(parsed[0])


def device_id(device: SubscriptionId) -> str:
    """A device's UUID."""
    return _DEVICE.render(device)


def device_in(text: str) -> SubscriptionId | None:
    """The device that a UUID names; None when it names none."""
    parsed = _DEVICE.parse(text)
    return None if parsed is None else SubscriptionId(parsed[0])


def notification_id(send: SendId, place: int) -> str:
    """The UUID of what the person at this place (0 to 499) gets of a send."""
    return _NOTIFICATION.render(send, place)


def delivery_id(event: str) -> str:
    """The UUID of what a webhook is told, the same each time it is tried."""
    return _DELIVERY.render(event)
