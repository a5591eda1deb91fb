"""Cursors that customers hold: sealed, so that none can be made up, altered, or used at another app or listing."""

import hmac
from hashlib import sha256

from tocsin.application.ports import Clock, MalformedCursor
from tocsin.domain.derivation import Derivation
from tocsin.domain.ids import AppId
from tocsin.webpush.encoding import from_base64url, to_base64url

LIFE = 24 * 3600
_TIME_BYTES, _MAC_BYTES = 5, 16


class Cursors:
    """Seals places in listings for 24 hours."""

    def __init__(self, derivation: Derivation, clock: Clock) -> None:
        self._derivation = derivation
        self._clock = clock

    def seal(self, app: AppId, listing: str, place: str) -> str:
        """The cursor for a place. listing: names the route and everything that it filters by."""
        body = (int(self._clock.now()) + LIFE).to_bytes(_TIME_BYTES, "big") + place.encode()
        return to_base64url(body + self._mac(app, listing, body))

    def open(self, app: AppId, listing: str, cursor: str) -> str:
        """The place in a cursor. Raises MalformedCursor: altered, over, or of another app or listing."""
        try:
            sealed = from_base64url(cursor)
        except ValueError as error:
            raise MalformedCursor from error
        if to_base64url(sealed) != cursor:  # spare bits and padding, which say nothing, are as altered as all else
            raise MalformedCursor
        body, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(app, listing, body)):
            raise MalformedCursor
        if int.from_bytes(body[:_TIME_BYTES], "big") < self._clock.now():
            raise MalformedCursor
        return body[_TIME_BYTES:].decode()

    def _mac(self, app: AppId, listing: str, body: bytes) -> bytes:
        secret = self._derivation.cursor_secret(app)
        return hmac.new(secret, listing.encode() + b"\0" + body, sha256).digest()[:_MAC_BYTES]
