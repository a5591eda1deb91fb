"""User tokens: short-lived JWTs that name a person, for apps whose own servers issue none."""

import jwt
from jwt.types import Options

from tocsin.application.ports import Clock
from tocsin.domain.derivation import Derivation
from tocsin.domain.identity import MAX_EXTERNAL, UserToken
from tocsin.domain.tenancy import App

MAX_SECONDS = 3600
SKEW_SECONDS = 60
"""How far ahead the clock of the container that issued a token may be."""
ISSUER = "tocsin"
_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp"]
# Ours is the clock, and the library takes a list as audience and any size of exp: see _acceptable.
_OPTIONS: Options = {
    "require": _CLAIMS,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


class UserTokens:
    """Issues and reads tokens of one app each: HS256 under a secret of the app that nothing else uses."""

    def __init__(self, derivation: Derivation, clock: Clock) -> None:
        self._derivation = derivation
        self._clock = clock

    def issue(self, app: App, user_id: str, seconds: int) -> tuple[UserToken, int]:
        """A token for `seconds` (at most 3,600), and when it ends (Unix seconds)."""
        now = int(self._clock.now())
        claims = {"iss": ISSUER, "aud": app.id, "sub": user_id, "iat": now, "exp": now + seconds}
        return UserToken(jwt.encode(claims, self._secret(app), algorithm=_ALGORITHM)), now + seconds

    def name_in(self, app: App, token: UserToken) -> str | None:
        """Whom a token names, as the customer's own id; None when it is not ours, of another app, or over."""
        try:
            claims = jwt.decode(token.text, self._secret(app), algorithms=[_ALGORITHM], issuer=ISSUER, options=_OPTIONS)
        except (jwt.InvalidTokenError, RecursionError, UnicodeError):
            return None  # the header is read before the signature: anybody may have written it
        return claims["sub"] if self._acceptable(app, claims) else None

    def _acceptable(self, app: App, claims: dict[str, object]) -> bool:
        now, sub, iat, exp = self._clock.now(), claims["sub"], claims["iat"], claims["exp"]
        return (
            claims["aud"] == app.id
            and isinstance(sub, str)
            and 0 < len(sub) <= MAX_EXTERNAL
            and isinstance(iat, int)
            and isinstance(exp, int)
            and iat <= now + SKEW_SECONDS
            and now < exp <= iat + MAX_SECONDS
        )

    def _secret(self, app: App) -> bytes:
        return self._derivation.user_token_secret(app.id, app.identity_version)
