"""The judge of VAPID credentials (RFC 8292), written apart from the product's own `webpush.vapid`."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

MAX_LIFETIME = 24 * 3600  # RFC 8292 section 2: "exp" MUST NOT be more than 24 hours ahead
_PARAMETER = re.compile(r"\s*([tk])=([A-Za-z0-9_.\-=]+)\s*")


class VapidFault(StrEnum):
    """Why credentials are refused."""

    MISSING = "no Authorization header"
    SCHEME = "the Authorization scheme is not vapid"
    PARAMETERS = "the parameters t and k are missing, repeated or malformed"
    KEY = "k is not an uncompressed P-256 point"
    TOKEN = "t is not a JWT with the algorithm ES256"
    SIGNATURE = "the signature does not match k"
    AUDIENCE = "aud is not the origin of the endpoint"
    EXPIRED = "exp is missing or in the past"
    TOO_LONG = "exp is more than 24 hours ahead"
    SUBJECT = "sub is neither a mailto: nor an https: URI"
    PRIVATE_SUBJECT = "sub has no public domain"
    KEY_MISMATCH = "k is not the key that the subscription was made with"


@dataclass(frozen=True, slots=True)
class VapidClaims:
    """Credentials that passed every check; `key` is the 65-byte public key."""

    claims: Mapping[str, object]
    key: bytes


def check(authorization: str | None, *, origin: str, bound_to: bytes | None, now: float) -> VapidClaims | VapidFault:
    """Judge the value of an Authorization header for an endpoint of `origin`.

    `bound_to` is the subscription's applicationServerKey (65 bytes), or None when any key will do. `now` is in seconds.
    """
    if authorization is None:
        return VapidFault.MISSING
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "vapid":
        return VapidFault.SCHEME
    parameters = [_PARAMETER.fullmatch(part) for part in rest.split(",")]
    values = {match[1]: match[2] for match in parameters if match}
    if len(parameters) != 2 or len(values) != 2:
        return VapidFault.PARAMETERS
    key = decode_base64url(values["k"])
    if key is None or not is_public_key(key):
        return VapidFault.KEY
    claims = _verified(values["t"], key)
    if isinstance(claims, VapidFault):
        return claims
    fault = _judge_claims(claims, origin, now)
    if fault is None and bound_to is not None and key != bound_to:
        fault = VapidFault.KEY_MISMATCH
    return fault or VapidClaims(claims, key)


def has_public_subject(claims: Mapping[str, object]) -> bool:
    """Whether sub names a public domain, as Apple demands and the other services do not."""
    subject = str(claims["sub"])
    host = subject.rpartition("@")[2] if subject.startswith("mailto:") else urlsplit(subject).hostname or ""
    labels = host.rstrip(".").lower().split(".")
    return len(labels) > 1 and labels[-1] not in {"localhost", "local", "invalid"} and not labels[-1].isdigit()


def decode_base64url(text: str) -> bytes | None:
    """Bytes of base64url text with or without padding; None when it is not base64url."""
    bare = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", bare):
        return None
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        return None


def encode_base64url(content: bytes) -> str:
    """Base64url without padding, as every text of the Web Push specifications has it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def is_public_key(key: bytes) -> bool:
    """Whether these are the 65 bytes of an uncompressed point on P-256."""
    if len(key) != 65 or key[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _verified(token: str, key: bytes) -> Mapping[str, object] | VapidFault:
    """Claims of a JWT whose signature holds. Cached because a sender reuses one token for hours; time is not judged."""
    parts = token.split(".")
    if len(parts) != 3:
        return VapidFault.TOKEN
    header, claims = _json_object(parts[0]), _json_object(parts[1])
    signature = decode_base64url(parts[2])
    if header is None or header.get("alg") != "ES256" or claims is None or signature is None or len(signature) != 64:
        return VapidFault.TOKEN
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    try:
        public.verify(utils.encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return VapidFault.SIGNATURE
    return claims


def _json_object(segment: str) -> dict[str, object] | None:
    try:
        value: object = json.loads(decode_base64url(segment) or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _judge_claims(claims: Mapping[str, object], origin: str, now: float) -> VapidFault | None:
    expires, subject = claims.get("exp"), claims.get("sub")
    if claims.get("aud") != origin:
        return VapidFault.AUDIENCE
    # Written so that NaN, which Python's JSON reads and which is never greater, counts as expired.
    if not isinstance(expires, int | float) or not expires > now:
        return VapidFault.EXPIRED
    if expires > now + MAX_LIFETIME:
        return VapidFault.TOO_LONG
    if not isinstance(subject, str) or not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+|https://\S+", subject):
        return VapidFault.SUBJECT
    return None
