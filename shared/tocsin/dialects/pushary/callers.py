"""Who calls: a server with both halves of its key (PU-2), each request counted and told so (PU-4 to PU-6)."""

from collections.abc import Callable
from math import ceil
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.dialect_kit.callers import MINUTE, caller_by
from tocsin.dialect_kit.credentials import credential
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.domain.api_key import Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import DialectName

NAME = DialectName("pushary")
SITE = "pk"
REQUESTS_PER_MINUTE = 1000
"""The document's Enterprise plan, for each key that was not made with a limit of its own."""


def both_halves(app: AppId, secret: str) -> str:
    """A key as its owner is told it: the site's public half, and the secret one."""
    return f"{render(SITE, app)}.{secret}"


def counted(request: Request, engine: Engine) -> str:
    """The secret half of the key of who calls, with the request counted; what is left stands in the answer's headers.

    Counted before anything else is looked at, so that every other answer can tell it (PU-5).
    Raises Refused: CREDENTIAL_MISSING, CREDENTIAL_INVALID, CREDENTIAL_AMBIGUOUS, RATE_LIMITED.
    """
    site, key = _halves(credential(request, "authorization"))
    caller = engine.authenticating.caller(key, NAME, from_browser=False, though_disabled=True)
    if caller.app.id != site:
        raise Refused(Fault.CREDENTIAL_INVALID, "The halves of this key belong to two sites")
    request.state.caller = caller
    limit = caller.requests_per_minute or REQUESTS_PER_MINUTE
    window = engine.limiting.window(f"key.{caller.key}.any", limit, MINUTE)
    request.state.headers = {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(window.reset_at),
    }
    if not window.allowed:
        wait = max(1, ceil(window.reset_at - engine.clock.now()))
        raise Refused(Fault.RATE_LIMITED, f"Rate limit exceeded. Please retry after {wait} seconds.", retry_after=wait)
    return key


def _halves(authorization: str) -> tuple[str | None, str]:
    """The site that the public half names, if it can be one, and the secret half."""
    scheme, _, key = authorization.partition(" ")
    site, dot, secret = key.strip().partition(".")
    if scheme.lower() != "bearer" or not dot:
        raise Refused(Fault.CREDENTIAL_INVALID, "This is not a whole key")
    return parse(SITE, site), secret


def _server(scope: Scope, *further: Scope) -> Callable[[Request, EngineDependency], Caller]:
    def caller(request: Request, engine: EngineDependency) -> Caller:
        found = caller_by(request, engine, counted(request, engine), NAME, scope)
        for one in further:
            found.require(one)
        return found

    return caller


Sender = Annotated[Caller, Depends(_server(Scope.SEND))]
SubscriberReader = Annotated[Caller, Depends(_server(Scope.CLIENTS_READ))]
# Who words rules and is told how many they mean could spell out what is kept of a single subscriber.
RuleWriter = Annotated[Caller, Depends(_server(Scope.SEND, Scope.CLIENTS_READ))]
SubscriberWriter = Annotated[Caller, Depends(_server(Scope.CLIENTS_WRITE))]
