"""POST /auth/token: the client-credentials grant of RFC 6749 (KM-1), and the key that its tokens are checked with."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tocsin.application.engine import Engine
from tocsin.dialect_kit.credentials import from_browser
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialects.keymaster.dialect import NAME, PREFIX
from tocsin.domain.errors import Fault, Refused

router = APIRouter()

MAX_BODY = 8192
TRIES, TRIES_SECONDS = 10, 900
"""What does not authenticate a client: so many requests in 15 minutes for each client id."""
KEY_SET_SECONDS = 3600
_FORM = "application/x-www-form-urlencoded"
_FIELDS = {"grant_type", "client_id", "client_secret", "scope"}
_CLIENT_ID = re.compile(rf"{PREFIX}_[0-9A-Za-z]{{8}}")


class _Invalid(Exception):
    """A token request that is refused, by its code in RFC 6749 section 5.2."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/auth/token")
def issue_token(body: Annotated[bytes, Depends(_body)], request: Request, engine: EngineDependency) -> Response:
    """A service token for the client of an API key, good for 15 minutes."""
    try:
        fields = _fields(request, body)
        client_id, secret = _client(request, fields)
        if fields.get("grant_type") != "client_credentials":
            code = "unsupported_grant_type" if fields.get("grant_type") else "invalid_request"
            raise _Invalid(code, "grant_type must be client_credentials")
        return _answer(_token(engine, request, client_id, secret, fields.get("scope")), 200)
    except _Invalid as invalid:
        return _refusal(request, invalid)


@router.get("/.well-known/jwks.json")
def key_set(engine: EngineDependency) -> Response:
    """The public key of our own tokens; it may be kept for an hour."""
    headers = {"Cache-Control": f"public, max-age={KEY_SET_SECONDS}", "Access-Control-Allow-Origin": "*"}
    return JSONResponse(engine.access_tokens.key_set(), headers=headers)


def _token(engine: Engine, request: Request, client_id: str, secret: str, scope: str | None) -> dict[str, object]:
    known = _CLIENT_ID.fullmatch(client_id) is not None
    try:
        if not known:
            raise Refused(Fault.CREDENTIAL_INVALID, "")
        # Also while push is switched off: what a token then opens says so by itself.
        caller = engine.authenticating.caller(
            client_id + secret, NAME, from_browser=from_browser(request), though_disabled=True
        )
    except Refused as refused:
        if refused.fault is not Fault.CREDENTIAL_INVALID:
            raise
        if known:
            # Only failures are counted, so nobody can lock a client out by trying.
            message = "Too many failed attempts for this client_id"
            engine.limiting.take(f"client.{client_id}", TRIES, TRIES_SECONDS, message)
        raise _Invalid("invalid_client", "Invalid client credentials") from None
    asked = set((scope or "").split())
    if not asked <= caller.scopes:
        raise _Invalid("invalid_scope", f"scope can be: {' '.join(sorted(caller.scopes))}")
    scopes = sorted(asked or caller.scopes)
    request.state.caller = caller
    issued = engine.access_tokens.for_service(caller.app, client_id, scopes)
    return {
        "access_token": issued.text,
        "token_type": "bearer",
        "expires_in": issued.seconds,
        "scope": " ".join(scopes),
    }


def _fields(request: Request, body: bytes) -> dict[str, str]:
    """The form's fields; what has no meaning here is ignored (section 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise _Invalid("invalid_request", f"Content-Type must be {_FORM}")
    try:
        if len(body) > MAX_BODY:
            raise ValueError
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise _Invalid("invalid_request", "The body must be a form of at most 8 KiB") from None
    given = [(name, value) for name, value in pairs if name in _FIELDS and value]
    if len(dict(given)) != len(given):
        raise _Invalid("invalid_request", "A parameter must not be given twice")
    return dict(given)


def _client(request: Request, fields: dict[str, str]) -> tuple[str, str]:
    """The client's id and secret, from the form or by HTTP Basic (section 2.3.1), but not both."""
    header = request.headers.get("authorization")
    if header is None:
        for name in ("client_id", "client_secret"):
            if name not in fields:
                raise _Invalid("invalid_client", f"{name} is required")
        return fields["client_id"], fields["client_secret"]
    if "client_secret" in fields:
        raise _Invalid("invalid_request", "Send the client's credentials in one way only")
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
        if not colon:
            raise ValueError
    except (ValueError, binascii.Error):
        raise _Invalid("invalid_client", "Invalid client credentials") from None
    if fields.get("client_id", name) != name:
        raise _Invalid("invalid_request", "client_id must be the one in the Authorization header")
    return unquote_plus(name), unquote_plus(secret)


def _refusal(request: Request, invalid: _Invalid) -> Response:
    """Section 5.2, with the text once more where all of this API's errors have theirs."""
    request.state.fault = invalid.code
    body = {"detail": invalid.detail, "error": invalid.code, "error_description": invalid.detail}
    if invalid.code != "invalid_client":
        return _answer(body, 400)
    basic = {"WWW-Authenticate": 'Basic realm="tocsin"'} if "authorization" in request.headers else {}
    return _answer(body, 401, basic)


def _answer(body: Mapping[str, object], status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})})
