"""How many bytes of plaintext a message to each push service may have."""

from tocsin.webpush.encryption import MAX_PLAINTEXT, RECORD_SIZE
from tocsin.webpush.origins import PushService

_ADDED = RECORD_SIZE - MAX_PLAINTEXT
"""What encrypting adds to a plaintext: header, delimiter and tag."""

# Of body. Every push service has to take 4,096 bytes (RFC 8030 section 7.2), and no record of ours is longer.
_BODY = {
    PushService.MOZILLA: 4096,
    PushService.FCM: 4096,
    PushService.APPLE: 4096,
    PushService.WNS: 4096,
}
_ROOM = {
    **{service: body - _ADDED for service, body in _BODY.items()},
    # Of the notification with its data: FCM takes 4,096 bytes, of which it spends some on Apple's devices itself.
    PushService.FCM_V1: 3800,
}

SMALLEST_ROOM = 2744 - _ADDED
"""What is left of a plaintext where even 4,096 bytes are answered with 413: Mozilla hands messages for its Android
browsers on to FCM in base64, where 2,744 bytes of body fit (autopush-rs, docs/src/http.md)."""


def room_of(service: PushService) -> int:
    """The most bytes of plaintext that a message to this push service may have."""
    return _ROOM[service]
