"""The published keys of an OpenID Connect issuer (OpenID Connect Discovery 1.0, RFC 7517)."""

import json
from collections.abc import Mapping, Sequence

from tocsin.adapters.oauth_http import OauthHttp
from tocsin.application.ports import Unavailable

_OK = 200


class HttpIssuerKeys:
    """The IssuerKeys port. issuer: its https URL, as it stands in its tokens."""

    def __init__(self, http: OauthHttp, issuer: str) -> None:
        self._http = http
        self._issuer = issuer

    def fetch(self) -> Sequence[Mapping[str, object]]:
        """The keys that the issuer publishes now, by way of its metadata. Raises Unavailable."""
        metadata = self._object(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        place = metadata.get("jwks_uri")
        # Metadata of another issuer would have us believe that one's keys (section 4.3).
        if metadata.get("issuer") != self._issuer or not isinstance(place, str) or not place.startswith("https://"):
            raise Unavailable
        keys = self._object(place).get("keys")
        if not isinstance(keys, list):
            raise Unavailable
        return [key for key in keys if isinstance(key, dict)]

    def _object(self, url: str) -> Mapping[str, object]:
        answer = self._http.get(url)
        try:
            read = json.loads(answer.body) if answer.status == _OK else None
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise Unavailable
        return read
