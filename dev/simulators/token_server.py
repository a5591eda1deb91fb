"""Google's OAuth token endpoint, for the assertions of service accounts (RFC 7523), and as strict as it is."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import jwt

from dev.simulators.firebase import TOKEN_SECONDS, TOKEN_URI, Firebase
from dev.simulators.push_services import Reply, json_reply

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_SKEW_S, _LONGEST_S = 60, 3600
_UNREADABLE = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe"


class _Refused(Exception):
    """The error of RFC 6749 section 5.2, and its description."""


class TokenServer:
    """Exchanges assertions for access tokens."""

    def __init__(self, firebase: Firebase, clock: Callable[[], float]) -> None:
        self._firebase = firebase
        self._clock = clock

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request to the token host."""
        if path != "/token":
            return json_reply(404, {"error": "not_found"})
        if method != "POST":
            return json_reply(405, {"error": "invalid_request"})
        if headers.get("Content-Type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return json_reply(400, {"error": "invalid_request", "error_description": "Required form is missing"})
        try:
            project = self._project(dict(parse_qsl(body.decode("latin-1"), strict_parsing=True)))
        except _Refused as refused:
            error, description = refused.args
            return json_reply(400, {"error": error, "error_description": description})
        except ValueError:
            return json_reply(400, {"error": "invalid_request", "error_description": "malformed"})
        told = {"access_token": self._firebase.grant(project), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
        return json_reply(200, told, {"Cache-Control": "no-store", "X-Request": secrets.token_hex(4)})

    def _project(self, form: Mapping[str, str]) -> str:
        if form.get("grant_type") != _GRANT:
            raise _Refused("unsupported_grant_type", "Invalid grant_type")
        assertion = form.get("assertion", "")
        try:
            unread: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
            header = jwt.get_unverified_header(assertion)
        except jwt.InvalidTokenError as error:
            raise _Refused("invalid_grant", "Bad Request") from error
        project = self._firebase.project_of(str(unread.get("iss")))
        if project is None:
            raise _Refused("invalid_grant", "Invalid grant: account not found")
        if header.get("kid") != project.key_id:
            raise _Refused("invalid_grant", "Invalid JWT Signature.")
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion, project.public_key, ["RS256"], options={"verify_aud": False, "verify_exp": False}
            )
        except jwt.InvalidTokenError as error:
            raise _Refused("invalid_grant", "Invalid JWT Signature.") from error
        self._check(claims)
        return project.id

    def _check(self, claims: Mapping[str, Any]) -> None:
        now, iat, exp = self._clock(), claims.get("iat"), claims.get("exp")
        if claims.get("aud") != TOKEN_URI:
            raise _Refused("invalid_grant", "Invalid JWT: Failed audience check")
        if type(iat) is not int or type(exp) is not int:
            raise _Refused("invalid_grant", _UNREADABLE)
        if not (iat <= now + _SKEW_S and now < exp <= iat + _LONGEST_S):
            raise _Refused("invalid_grant", _UNREADABLE)
        if _SCOPE not in str(claims.get("scope")).split():
            raise _Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
