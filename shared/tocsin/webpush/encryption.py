"""Message encryption for Web Push: RFC 8291 on top of the aes128gcm coding of RFC 8188."""

import hmac
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.webpush.encoding import from_base64url

RECORD_SIZE = 4096
# One record of 4096 bytes: 86 of header (salt 16, record size 4, key length 1, key 65), 1 delimiter, 16 of tag.
# Push services refuse bodies over 4096 bytes, so there is never a second record.
MAX_PLAINTEXT = 3993

_CURVE = ec.SECP256R1()
_POINT_SIZE = 65
_AUTH_SIZE = 16
_SALT_SIZE = 16
_AFTER_SALT = RECORD_SIZE.to_bytes(4, "big") + bytes([_POINT_SIZE])
_LAST_RECORD = b"\x02"
_KEY_INFO = b"WebPush: info\x00"
# The closing 0x01 is HKDF's counter: each output here is one block of HMAC or less (RFC 5869 section 2.3).
_CEK_INFO = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO = b"Content-Encoding: nonce\x00\x01"


class InvalidKeys(ValueError):
    """A subscription's keys cannot be used. `reason` never contains them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PayloadTooLarge(ValueError):
    """The plaintext does not fit into one record."""

    def __init__(self, size: int) -> None:
        super().__init__(f"payload of {size} bytes is over {MAX_PLAINTEXT}")
        self.size = size


@dataclass(frozen=True, slots=True)
class RecipientKeys:
    """The user agent's public key (65 bytes, uncompressed P-256 point) and authentication secret (16 bytes)."""

    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


def parse_keys(p256dh: str, auth: str) -> RecipientKeys:
    """Read the `keys` of a PushSubscription: base64url, padding optional; plain base64 too, since pages use `btoa`.

    Raises InvalidKeys: not base64, of another size, or no point on the curve.
    """
    point, secret = _decode(p256dh, "p256dh"), _decode(auth, "auth")
    if len(secret) != _AUTH_SIZE:
        raise InvalidKeys("auth is not 16 bytes")
    _load_point(point)
    return RecipientKeys(point, secret)


def encrypt(
    plaintext: bytes,
    keys: RecipientKeys,
    *,
    ephemeral: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt one push message into the body of its request.

    A key pair and a salt are made for each message, as RFC 8291 section 3.1 wants; only a test gives them.
    Raises PayloadTooLarge over 3993 bytes, InvalidKeys when the keys were never checked.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise PayloadTooLarge(len(plaintext))
    receiver = _load_point(keys.p256dh)
    sender = ephemeral or ec.generate_private_key(_CURVE)
    sender_point = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    salt = os.urandom(_SALT_SIZE) if salt is None else salt
    # HKDF written out: the library's own class costs as much as all the rest of this function.
    shared_key = hmac.digest(keys.auth, sender.exchange(ec.ECDH(), receiver), "sha256")
    key_material = hmac.digest(shared_key, _KEY_INFO + keys.p256dh + sender_point + b"\x01", "sha256")
    message_key = hmac.digest(salt, key_material, "sha256")
    content_key = hmac.digest(message_key, _CEK_INFO, "sha256")[:16]
    nonce = hmac.digest(message_key, _NONCE_INFO, "sha256")[:12]
    sealed = AESGCM(content_key).encrypt(nonce, plaintext + _LAST_RECORD, None)
    return salt + _AFTER_SALT + sender_point + sealed


def _decode(text: str, name: str) -> bytes:
    try:
        return from_base64url(text.replace("+", "-").replace("/", "_"))
    except ValueError as error:
        raise InvalidKeys(f"{name} is not base64url") from error


def _load_point(point: bytes) -> ec.EllipticCurvePublicKey:
    if len(point) != _POINT_SIZE:
        raise InvalidKeys("p256dh is not 65 bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError as error:
        raise InvalidKeys("p256dh is not a point on P-256") from error
