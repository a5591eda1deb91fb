"""The keys of another issuer as they are remembered: read once an hour, and when an unknown one is named."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from jwt.algorithms import AllowedPublicKeys

from tocsin.application.ports import Clock, IssuerKeys, Unavailable

KEPT_SECONDS = 3600
REFETCH_SECONDS = 60
"""An unknown key may be new, so they are read again; but no oftener, or anybody could make us ask all the time."""
MIN_RSA_BITS = 2048
_ALGORITHM = {"RSA": "RS256", "EC": "ES256"}
"""By the key's own type, never by what a token says of itself."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, and the one algorithm that it verifies."""

    key: AllowedPublicKeys
    algorithm: str


class KnownKeys:
    """An issuer's keys by their ids, for all threads."""

    def __init__(self, source: IssuerKeys, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: Mapping[str, VerificationKey] = {}
        self._fetched_at = self._tried_at = 0.0
        self._lock = threading.Lock()

    def key(self, kid: str) -> VerificationKey | None:
        """The key with this id, None if the issuer has none. Raises Unavailable: its keys could never be read."""
        with self._lock:
            now = self._clock.now()
            old = now >= self._fetched_at + KEPT_SECONDS
            if (old or kid not in self._keys) and now >= self._tried_at + REFETCH_SECONDS:
                self._read(now)
            if not self._fetched_at:
                raise Unavailable
            return self._keys.get(kid)

    def _read(self, now: float) -> None:
        self._tried_at = now
        try:
            keys = self._source.fetch()
        except Unavailable:
            return  # what was known before still holds: an issuer that is down has not changed its keys
        self._keys = {str(one["kid"]): key for one in keys if "kid" in one and (key := _key(one)) is not None}
        self._fetched_at = now


def _key(jwk: Mapping[str, object]) -> VerificationKey | None:
    """None where it is not for signatures, of another type than RSA or P-256, too short, or malformed."""
    algorithm = _ALGORITHM.get(str(jwk.get("kty")))
    if algorithm is None or jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm or "d" in jwk:
        return None
    if algorithm == "ES256" and jwk.get("crv") != "P-256":
        return None
    try:
        read = jwt.PyJWK.from_dict(dict(jwk), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and read.key_size < MIN_RSA_BITS else VerificationKey(read, algorithm)
