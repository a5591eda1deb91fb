"""What the claims of a token whose signature holds must say, and of whom they speak."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.domain import uuids
from tocsin.domain.access import Bearer, TokenKind
from tocsin.domain.identity import MAX_EXTERNAL
from tocsin.domain.ids import AppId

AUDIENCE = "tocsin"
"""Of our service and admin tokens; a user token is for its app alone."""
MAX_SECONDS = 3600
MAX_FOREIGN_SECONDS = 86_400
"""How long a token of another issuer may live: it is the one who can revoke it earlier."""
SKEW_SECONDS = 60

Claims = Mapping[str, object]


class Unacceptable(Exception):
    """A token that says what it may not."""


@dataclass(frozen=True, slots=True)
class RoleMapping:
    """Where another issuer's tokens list a person's roles, and which of ours each is; empty: they list our own."""

    claim: str = "roles"
    roles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, claim: str, roles: str) -> "RoleMapping":
        """As operators write it: `theirs=ours`, with commas in between; the last `=` parts them."""
        pairs = (pair.strip().rpartition("=") for pair in roles.split(",") if pair.strip())
        return cls(claim or "roles", {theirs: ours for theirs, _, ours in pairs})

    def of(self, claims: Claims) -> frozenset[str]:
        """The roles, as our own tokens have them. Raises Unacceptable."""
        given = _texts(claims.get(self.claim, []))
        return frozenset(self.roles[role] for role in given if role in self.roles) if self.roles else given


def own_bearer(claims: Claims, now: float) -> Bearer:
    """Who shows a token that we issued. Raises Unacceptable, or ValueError for an unknown kind of token."""
    _check_times(claims, now, MAX_SECONDS)
    audience, subject = _text(claims, "aud"), _text(claims, "sub")
    kind = TokenKind(_text(claims, "token_type"))
    if kind is TokenKind.USER:
        return Bearer(kind, subject, frozenset({_app(audience)}))
    if audience != AUDIENCE:
        raise Unacceptable
    if kind is TokenKind.ADMIN:
        return Bearer(kind, subject, roles=_texts(claims.get("roles")))
    scopes = frozenset(_text(claims, "scope").split(" "))
    return Bearer(kind, subject, frozenset({_app(subject)}), _text(claims, "client_id"), scopes)


def foreign_bearer(claims: Claims, now: float, audience: str, roles: RoleMapping) -> Bearer:
    """Who shows a token of another issuer: always a person, who may administer, and never a server.

    audience: must be in the token's `aud`, beside which only apps may be named: it is then for these only (KM-19).
    Raises Unacceptable.
    """
    _check_times(claims, now, MAX_FOREIGN_SECONDS)
    if claims.get("token_type", "user") not in {"user", "access", "admin", "Bearer"}:
        raise Unacceptable
    named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if audience not in named:
        raise Unacceptable
    apps = frozenset(_app(other) for other in named if other != audience)
    return Bearer(TokenKind.USER, _text(claims, "sub"), apps or None, roles=roles.of(claims))


def _check_times(claims: Claims, now: float, longest: int) -> None:
    issued, ends, begins = _number(claims["iat"]), _number(claims["exp"]), _number(claims.get("nbf", 0))
    if not (issued <= now + SKEW_SECONDS and begins <= now + SKEW_SECONDS and now < ends <= issued + longest):
        raise Unacceptable


def _number(value: object) -> float:
    """A NumericDate (RFC 7519 section 2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unacceptable
    return value


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_EXTERNAL:
        raise Unacceptable
    return value


def _texts(value: object) -> frozenset[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise Unacceptable
    return frozenset(given)


def _app(text: object) -> AppId:
    parsed = uuids.APP.parse(text) if isinstance(text, str) else None
    if parsed is None:
        raise Unacceptable
    return AppId(parsed[0])
