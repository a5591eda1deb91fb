"""Who a subscription belongs to, in the words of the customer's own system."""

import hmac
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256


class IdentityKind(StrEnum):
    """What sort of name the customer knows a person by."""

    EMAIL = "email"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, named by the customer's system.

    An e-mail identity holds the keyed hash of the address, never the address (PS-13).
    """

    kind: IdentityKind
    value: str


MAX_EMAIL = 254
MAX_EXTERNAL = 256


def normalise_email(address: str) -> str:
    """The form of an address that is hashed: NFC, trimmed, lower case (PS-13).

    Raises ValueError: not exactly one @, empty on a side, or longer than 254 characters (PS-12).
    """
    text = unicodedata.normalize("NFC", address).strip().lower()
    local, at, domain = text.partition("@")
    if not (local and at and domain) or "@" in domain or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("must be an e-mail address")
    if len(text) > MAX_EMAIL:
        raise ValueError(f"must be at most {MAX_EMAIL} characters")
    return text


def email_identity(address: str, pepper: bytes) -> Identity:
    """The identity of an address under one app's pepper; equal addresses of two apps do not join.

    Raises ValueError, as normalise_email does.
    """
    digest = hmac.new(pepper, normalise_email(address).encode(), sha256).hexdigest()
    return Identity(IdentityKind.EMAIL, f"1:{digest[:40]}")


@dataclass(frozen=True, slots=True)
class Proof:
    """The customer's word for an identity: an HMAC by the app's identity secret, until exp (Unix seconds)."""

    exp: int
    mac: str


@dataclass(frozen=True, slots=True)
class UserToken:
    """The customer's word for an identity as a signed token (a JWT) that names the person itself."""

    text: str = field(repr=False)


MAX_PROOF_LIFE = 7 * 24 * 3600


def proof_mac(secret: bytes, kind: IdentityKind, name: str, exp: int) -> str:
    """The hex HMAC-SHA-256 that proves `name` until `exp`.

    Over `email:<normalised address>.<exp>` or `external:<id>.<exp>`, so that a proof for one kind is none for another.
    """
    return hmac.new(secret, f"{kind}:{name}.{exp}".encode(), sha256).hexdigest()


def proves(proof: Proof, secret: bytes, kind: IdentityKind, name: str, now: int) -> bool:
    """Whether a proof holds now: right secret, right name, not over, and not made for longer than seven days."""
    if not now <= proof.exp <= now + MAX_PROOF_LIFE:
        return False
    return hmac.compare_digest(proof_mac(secret, kind, name, proof.exp).encode(), proof.mac.encode(errors="replace"))
