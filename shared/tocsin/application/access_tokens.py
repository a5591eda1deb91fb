"""Access tokens: JSON Web Tokens by which Keymaster's callers say who they are (KM-1 to KM-4).

Ours are signed by a key in KMS, and end within an hour. People and administrators may also come with tokens of another
issuer that the operator trusts. What a token is checked with depends on who issued it, never on what it says of itself.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from jwt.types import Options

from tocsin.application.known_keys import KnownKeys, VerificationKey
from tocsin.application.ports import Clock, Randomness, Signer
from tocsin.application.token_claims import AUDIENCE, Claims, RoleMapping, Unacceptable, foreign_bearer, own_bearer
from tocsin.domain import uuids
from tocsin.domain.access import Bearer, RoleName, TokenKind
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import App
from tocsin.webpush.encoding import to_base64url

ISSUER = "tocsin"
SERVICE_SECONDS = 900
MAX_LENGTH = 8192
_ALGORITHM = "ES256"
# A token that brings its own key along, or asks for extensions, is none: every key here is known beforehand.
_SUSPICIOUS = frozenset({"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "enc", "zip"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# Ours is the clock, and the library takes lists as audience and any size of exp: token_claims checks them.
_OPTIONS: Options = {
    "require": ["iss", "aud", "sub", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}
_UNCHECKED: Options = {"verify_signature": False}


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was just made, and for how many seconds it is good."""

    text: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class OtherIssuer:
    """An OpenID Connect issuer whose people and administrators are believed; names as they stand in its tokens."""

    issuer: str
    audience: str
    keys: KnownKeys
    roles: RoleMapping


class AccessTokens:
    """Issues our own tokens, and reads all that are believed."""

    def __init__(self, signer: Signer, other: OtherIssuer | None, clock: Clock, randomness: Randomness) -> None:
        self._signer = signer
        self._other = other
        self._clock = clock
        self._randomness = randomness

    def for_service(self, app: App, client_id: str, scopes: Collection[str]) -> Issued:
        """A token for an app's server, good for 15 minutes (KM-1). Raises Unavailable."""
        named = {"sub": uuids.APP.render(app.id), "client_id": client_id, "scope": " ".join(sorted(scopes))}
        return self._issued(TokenKind.SERVICE, named | {"aud": AUDIENCE}, SERVICE_SECONDS)

    def for_user(self, app: App, user_id: str, seconds: int) -> Issued:
        """A token for a person at one app, good for at most 3,600 seconds. Raises Unavailable."""
        return self._issued(TokenKind.USER, {"sub": user_id, "aud": uuids.APP.render(app.id)}, seconds)

    def for_admin(self, app: App, name: str, roles: Collection[RoleName], seconds: int) -> Issued:
        """A token for who administers this app, its tenant's apps, or all; good for at most 3,600 seconds.

        Raises Unavailable.
        """
        held = sorted(role.at(app) for role in roles)
        return self._issued(TokenKind.ADMIN, {"sub": name, "aud": AUDIENCE, "roles": held}, seconds)

    def key_set(self) -> dict[str, object]:
        """Our public key as a JSON Web Key Set (RFC 7517). Raises Unavailable."""
        return {"keys": [{**self._jwk, "kid": self._kid, "use": "sig", "alg": _ALGORITHM}]}

    def bearer(self, text: str) -> Bearer:
        """Who a token speaks for.

        Raises Refused: CREDENTIAL_INVALID (forged, over, of an unknown issuer: all alike); Unavailable.
        """
        try:
            return self._bearer(text)
        # The header is read before the signature: anybody may have written it.
        except (jwt.PyJWTError, Unacceptable, RecursionError, ValueError, TypeError, OverflowError):
            raise Refused(Fault.CREDENTIAL_INVALID, "Invalid token") from None

    def _bearer(self, text: str) -> Bearer:
        if len(text) > MAX_LENGTH or not text.isascii():
            raise Unacceptable
        issuer, other = jwt.decode(text, options=_UNCHECKED).get("iss"), self._other
        if issuer == ISSUER:
            return own_bearer(self._verified(text, self._own_key, ISSUER), self._clock.now())
        if other is None or issuer != other.issuer:
            raise Unacceptable
        claims = self._verified(text, other.keys.key, other.issuer)
        return foreign_bearer(claims, self._clock.now(), other.audience, other.roles)

    def _verified(self, text: str, key_of: Callable[[str], VerificationKey | None], issuer: str) -> Claims:
        """The claims of a token that this issuer signed."""
        header = jwt.get_unverified_header(text)
        kid, typ = header.get("kid"), header.get("typ", "JWT")
        if header.keys() & _SUSPICIOUS or not isinstance(typ, str) or typ.lower() not in _TYPES:
            raise Unacceptable
        key = key_of(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unacceptable
        claims: Claims = jwt.decode(text, key.key, algorithms=[key.algorithm], issuer=issuer, options=_OPTIONS)
        return claims

    def _issued(self, kind: TokenKind, claims: Mapping[str, object], seconds: int) -> Issued:
        now = int(self._clock.now())
        head = {"alg": _ALGORITHM, "kid": self._kid, "typ": "JWT"}
        times = {"iat": now, "exp": now + seconds, "jti": self._randomness.new_id()}
        signed = f"{_part(head)}.{_part({'iss': ISSUER, **claims, 'token_type': kind, **times})}"
        return Issued(f"{signed}.{to_base64url(self._signer.sign(signed.encode()))}", seconds)

    def _own_key(self, kid: str) -> VerificationKey | None:
        return VerificationKey(self._public, _ALGORITHM) if kid == self._kid else None

    @cached_property
    def _public(self) -> EllipticCurvePublicKey:
        key = load_der_public_key(self._signer.public_key())
        if not isinstance(key, EllipticCurvePublicKey):
            raise AssertionError("tokens are signed by a key on P-256")
        return key

    @cached_property
    def _jwk(self) -> dict[str, str]:
        point = self._public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"crv": "P-256", "kty": "EC", "x": to_base64url(point[1:33]), "y": to_base64url(point[33:])}

    @cached_property
    def _kid(self) -> str:
        """The key's thumbprint (RFC 7638): it names the key by what it is."""
        canonical = json.dumps(self._jwk, sort_keys=True, separators=(",", ":"))
        return to_base64url(sha256(canonical.encode()).digest())


def _part(value: Mapping[str, object]) -> str:
    # As UTF-8, so that even the longest name in the rarest letters stays below what KMS signs at once.
    return to_base64url(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
