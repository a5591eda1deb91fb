"""Who calls: a server with the secret key, or a page with the publishable one, each within its minute (CS-37)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.dialect_kit.callers import caller_by, limit_key, limit_page
from tocsin.dialect_kit.credentials import credential
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import may_read_answer
from tocsin.dialects.cloudsignal.dialect import DIALECT, NAME
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Fault, Refused

REQUESTS_PER_MINUTE = 600
"""For each key, unless it was made with a limit of its own; every request counts."""


def _server(scope: Scope, *, though_disabled: bool = False) -> Callable[[Request, EngineDependency], Caller]:
    def caller(request: Request, engine: EngineDependency) -> Caller:
        found = _caller(request, engine, KeyKind.SECRET, scope, though_disabled=though_disabled)
        limit_key(engine, found, "any", REQUESTS_PER_MINUTE)
        return found

    return caller


def _page(request: Request, engine: EngineDependency) -> Caller:
    may_read_answer(request)
    caller = _caller(request, engine, KeyKind.PUBLISHABLE, Scope.SUBSCRIBE)
    limit_page(request, engine, caller)
    return caller


def _caller(request: Request, engine: Engine, kind: KeyKind, scope: Scope, *, though_disabled: bool = False) -> Caller:
    try:
        key = credential(request, DIALECT.keys[kind].header)
        return caller_by(request, engine, key, NAME, scope, though_disabled=though_disabled)
    except Refused as refused:
        if refused.fault not in {Fault.CREDENTIAL_MISSING, Fault.CREDENTIAL_INVALID}:
            raise
        # One text for both, so that nobody can tell a wrong key from a revoked one; it names the kind, or somebody
        # would try a secret key in a page.
        raise Refused(refused.fault, f"Invalid or missing {kind} key") from refused


Sender = Annotated[Caller, Depends(_server(Scope.SEND))]
ClientReader = Annotated[Caller, Depends(_server(Scope.CLIENTS_READ))]
ClientWriter = Annotated[Caller, Depends(_server(Scope.CLIENTS_WRITE))]
QuotaReader = Annotated[Caller, Depends(_server(Scope.SERVICE_READ))]
# The service says whether push is enabled, so it must answer while it is not (CS-4).
ServiceReader = Annotated[Caller, Depends(_server(Scope.SERVICE_READ, though_disabled=True))]
Page = Annotated[Caller, Depends(_page)]
