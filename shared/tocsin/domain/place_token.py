"""What a service worker shows to speak for one recipient of one send: to fetch the whole of a message that was too long
(X-6), or to report a click. Good for one of the two, by the secret."""

import hmac

from tocsin.domain.ids import SendId
from tocsin.webpush.encoding import from_base64url, to_base64url

_CHUNK, _INDEX, _MAC = 3, 2, 12
TOKEN_LENGTH = 23
"""Characters: base64url of 17 bytes, the recipient's place and 96 bits of HMAC-SHA-256 over send and place."""


def place_token(secret: bytes, send: SendId, chunk: int, index: int) -> str:
    """The token of a recipient. chunk, index: its place in the send. secret: of the app and the purpose."""
    place = chunk.to_bytes(_CHUNK, "big") + index.to_bytes(_INDEX, "big")
    return to_base64url(place + _mac(secret, send, place))


def place_in(secret: bytes, send: SendId, token: str) -> tuple[int, int] | None:
    """Chunk and index of the recipient whom a token was made for; None when it was not made by us for this send."""
    try:
        shown = from_base64url(token)
    except ValueError:
        return None
    place, mac = shown[: _CHUNK + _INDEX], shown[_CHUNK + _INDEX :]
    if not hmac.compare_digest(mac, _mac(secret, send, place)):
        return None
    return int.from_bytes(place[:_CHUNK], "big"), int.from_bytes(place[_CHUNK:], "big")


def _mac(secret: bytes, send: SendId, place: bytes) -> bytes:
    return hmac.digest(secret, send.encode() + place, "sha256")[:_MAC]
