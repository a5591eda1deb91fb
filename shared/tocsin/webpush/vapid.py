"""Voluntary application server identification: keys, subjects and tokens of RFC 8292."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from py_vapid.jwt import sign

from tocsin.webpush.encoding import from_base64url, to_base64url

# Push services refuse tokens whose exp is over a day ahead; 12 h leaves room for skewed clocks.
LIFETIME = 12 * 3600
# Renewed at half of it, so that no token is near its end; Apple asks not to renew more than once an hour.
RENEWAL = 6 * 3600
_CACHED_TOKENS = 4096

_CURVE = ec.SECP256R1()
_POINT_SIZE = 65
_SCALAR_SIZE = 32
_MAX_KEY_TEXT = 4096

# Names that no public DNS resolves: RFC 6761, 6762, 7686, 9476, ICANN's .internal, and what home networks use.
_PRIVATE_DOMAINS = {
    *("alt", "arpa", "corp", "example", "home", "internal", "invalid", "lan", "local"),
    *("localdomain", "localhost", "onion", "test"),
}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_LABEL}\.)+(?P<top>[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?)"
_SUBJECT = re.compile(
    rf"(?=[!-~]{{1,255}}\Z)(?:mailto:[A-Za-z0-9.!#$%&'*+/=^_`{{|}}~-]{{1,64}}@{_DOMAIN}"
    rf"|https://{_DOMAIN.replace('top', 'site_top')}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)",
    re.ASCII,
)


class InvalidVapidKey(ValueError):
    """The text is no P-256 key, or the two are no pair. `reason` never contains key material."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidSubject(ValueError):
    """The subject would be refused by a push service. `reason` never contains it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def key_id(public: str) -> str | None:
    """The id of a public key (base64url of the 65-byte point); None when the text is no such key."""
    try:
        point = from_base64url(public.rstrip("="))
    except ValueError:
        return None
    return _id_of(point) if len(point) == _POINT_SIZE else None


def _id_of(point: bytes) -> str:
    return to_base64url(hashlib.sha256(point).digest())[:12]


class VapidKey:
    """An application server's key pair. Its `repr` shows the id only."""

    __slots__ = ("id", "private_raw", "public", "signer")

    def __init__(self, signer: ec.EllipticCurvePrivateKey) -> None:
        point = _point_of(signer.public_key())
        self.signer = signer
        self.private_raw = signer.private_numbers().private_value.to_bytes(_SCALAR_SIZE, "big")
        self.public = to_base64url(point)
        self.id = _id_of(point)

    def __repr__(self) -> str:
        return f"VapidKey(id={self.id!r})"

    @classmethod
    def generate(cls) -> "VapidKey":
        """Make a new key pair."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def from_raw(cls, private: bytes) -> "VapidKey":
        """Load the 32 bytes of `private_raw`. Raises InvalidVapidKey."""
        if len(private) != _SCALAR_SIZE:
            raise InvalidVapidKey("private key is not 32 bytes")
        try:
            return cls(ec.derive_private_key(int.from_bytes(private, "big"), _CURVE))
        except ValueError as error:
            raise InvalidVapidKey("private key is out of range") from error

    @classmethod
    def from_text(cls, private: str, public: str | None = None) -> "VapidKey":
        """Load a private key in any form that other servers export, and prove that `public` belongs to it.

        `private`: PEM (PKCS#8 or SEC 1), base64 of DER, base64url of the raw 32 bytes, or a JWK.
        `public`: base64url of the 65-byte point, PEM, or base64 of DER. Raises InvalidVapidKey.
        """
        text = private.strip()
        if len(text) > _MAX_KEY_TEXT:
            raise InvalidVapidKey("private key is too long")
        if text.startswith("{"):
            key, claimed = _from_jwk(text)
        else:
            key, claimed = _from_pem_or_base64(text), None
        if public is not None:
            claimed = _public_point(public.strip())
        if claimed is not None and not hmac.compare_digest(claimed, _decode(key.public, "public key")):
            raise InvalidVapidKey("public and private key are not a pair")
        return key


def check_subject(subject: str) -> str:
    """Accept a contact that every push service takes: `mailto:` an address, or an `https:` URL, at a public domain.

    Apple answers 403 BadJwtToken for localhost, .local, .invalid and a bare e-mail address, where others look away.
    Returns the subject unchanged. Raises InvalidSubject.
    """
    if not subject.startswith(("mailto:", "https://")):
        raise InvalidSubject("subject must begin with mailto: or https://")
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        raise InvalidSubject("subject is not a plain address at a domain name")
    if (match["top"] or match["site_top"]).lower() in _PRIVATE_DOMAINS:
        raise InvalidSubject("subject is not at a public domain")
    return subject


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    issued: int


class VapidTokens:
    """Authorization headers by origin, key and subject, kept for half of their life: a signature is dear."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str, str], _Token] = {}

    def authorization(self, key: VapidKey, subject: str, origin: str, now: int) -> str:
        """Return the Authorization value for `origin` (`https://host`) at `now`, Unix seconds. RFC 8292 section 3."""
        place = (origin, key.id, subject)
        known = self._tokens.get(place)
        if known is not None and 0 <= now - known.issued < RENEWAL:
            return known.header
        jwt: str = sign({"aud": origin, "exp": now + LIFETIME, "sub": subject}, key.signer)
        header = f"vapid t={jwt}, k={key.public}"
        self._tokens.pop(place, None)
        if len(self._tokens) >= _CACHED_TOKENS:
            del self._tokens[next(iter(self._tokens))]  # the oldest: a renewed one is put in again at the end
        self._tokens[place] = _Token(header, now)
        return header

    def forget(self, header: str) -> None:
        """Sign anew next time: for the one retry after a 401. No change if the header was replaced already."""
        for place in [place for place, token in self._tokens.items() if token.header == header]:
            del self._tokens[place]


def _from_pem_or_base64(text: str) -> VapidKey:
    try:
        if "-----BEGIN" in text:
            # Environment variables often carry the line ends of a PEM as a backslash and an n.
            key = load_pem_private_key(text.replace("\\n", "\n").encode("ascii"), password=None)
        else:
            raw = _decode("".join(text.split()), "private key")
            if len(raw) == _SCALAR_SIZE:
                return VapidKey.from_raw(raw)
            key = load_der_private_key(raw, password=None)
    except InvalidVapidKey:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: an encrypted key
        raise InvalidVapidKey("private key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidVapidKey("private key is not on P-256")
    return VapidKey(key)


def _from_jwk(text: str) -> tuple[VapidKey, bytes | None]:
    try:
        jwk = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidVapidKey("private key is not a JWK") from None  # the parser's error holds the whole text
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or not isinstance(jwk.get("d"), str):
        raise InvalidVapidKey("private key is not on P-256")
    key = VapidKey.from_raw(_decode(jwk["d"], "private key"))
    x, y = jwk.get("x"), jwk.get("y")
    if isinstance(x, str) and isinstance(y, str):
        return key, b"\x04" + _decode(x, "public key") + _decode(y, "public key")
    return key, None


def _public_point(text: str) -> bytes:
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.replace("\\n", "\n").encode("ascii"))
        else:
            raw = _decode("".join(text.split()), "public key")
            if len(raw) == _POINT_SIZE:
                return raw
            key = load_der_public_key(raw)
    except InvalidVapidKey:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidVapidKey("public key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidVapidKey("public key is not on P-256")
    return _point_of(key)


def _point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _decode(text: str, name: str) -> bytes:
    if len(text) > _MAX_KEY_TEXT:
        raise InvalidVapidKey(f"{name} is too long")
    try:
        return from_base64url(text.replace("+", "-").replace("/", "_"))
    except ValueError as error:
        raise InvalidVapidKey(f"{name} is not base64") from error
