"""What a service worker shows to speak for one recipient of one send: to fetch the whole of a message that was too long
(X-6), or to report what became of it. Good for one of the two, by the secret."""

import hmac
from dataclasses import dataclass

from tocsin.domain.ids import SendId
from tocsin.webpush.encoding import from_base64url, to_base64url
from tocsin.webpush.origins import PushService

_CHUNK, _INDEX, _SERVICE, _MAC = 3, 2, 1, 12
_PLACE = _CHUNK + _INDEX + _SERVICE
TOKEN_LENGTH = 24
"""Characters: base64url of 18 bytes, the recipient's place and 96 bits of HMAC-SHA-256 over send and place."""
# Tokens are good for as long as a send is kept: a number that stood for one push service never stands for another.
_NUMBERS = {
    PushService.MOZILLA: 1,
    PushService.FCM: 2,
    PushService.APPLE: 3,
    PushService.WNS: 4,
    PushService.FCM_V1: 5,
}
_SERVICES = {number: service for service, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recipient stands in a send, and by whom it was reached."""

    chunk: int
    index: int
    service: PushService


def place_token(secret: bytes, send: SendId, place: Place) -> str:
    """The token of a recipient. secret: of the app and the purpose."""
    shown = (place.chunk << 24 | place.index << 8 | _NUMBERS[place.service]).to_bytes(_PLACE, "big")
    return to_base64url(shown + _mac(secret, send, shown))


def place_in(secret: bytes, send: SendId, token: str) -> Place | None:
    """The recipient whom a token was made for; None when it was not made by us for this send."""
    try:
        shown = from_base64url(token)
        place, mac = shown[:_PLACE], shown[_PLACE:]
        if not hmac.compare_digest(mac, _mac(secret, send, place)):
            return None
    except ValueError:
        return None
    number = int.from_bytes(place, "big")
    return Place(number >> 24, number >> 8 & 0xFFFF, _SERVICES[number & 0xFF])


def _mac(secret: bytes, send: SendId, place: bytes) -> bytes:
    return hmac.digest(secret, send.encode() + place, "sha256")[:_MAC]
