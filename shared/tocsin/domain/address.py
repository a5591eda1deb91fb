"""E-mail addresses at rest, for the dialects that have to show them (CS-29); everywhere else a keyed hash is kept."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tocsin.domain.ids import SubscriptionId


def seal(secret: bytes, subscription: SubscriptionId, address: str) -> bytes:
    """The address under AES-SIV (RFC 5297), bound to its subscription. secret: 64 bytes."""
    return AESSIV(secret).encrypt(address.encode(), [subscription.encode()])


def unseal(secret: bytes, subscription: SubscriptionId, sealed: bytes) -> str | None:
    """The address; None when it was not sealed for this subscription under this secret."""
    try:
        return AESSIV(secret).decrypt(sealed, [subscription.encode()]).decode()
    except InvalidTag:
        return None
