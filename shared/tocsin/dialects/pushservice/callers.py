"""Who calls, in the order the document checks: key (401), rate (429); the body comes after (PS-29)."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.dialect_kit.callers import caller_by, limit_key, limit_page
from tocsin.dialect_kit.credentials import credential, from_browser
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialect_kit.origins import may_read_answer
from tocsin.dialects.pushservice.dialect import DIALECT, HEADER, NAME
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId

_PUBLISHABLE = DIALECT.keys[KeyKind.PUBLISHABLE].prefix
SENDS_PER_MINUTE = 60
"""For each key, unless it was made with a limit of its own; only sends count (PS-7)."""
SERVICE_SENDS_PER_MINUTE = 600
"""For callers that the platform trusts (PS-8)."""


def _caller(request: Request, engine: Engine, scope: Scope) -> Caller:
    key = credential(request, HEADER)
    service = _service(request, engine, key)
    if service is None:
        return caller_by(request, engine, key, NAME, scope)
    service.require(scope)
    request.state.caller = service
    return service


def _service(request: Request, engine: Engine, key: str) -> Caller | None:
    """The platform-wide service key says in X-Tenant-Id for whom it acts (PS-8)."""
    if not engine.authenticating.is_service_key(key):
        return None
    tenant = request.headers.get("x-tenant-id", "")
    if not tenant:
        raise Refused(Fault.FIELD_MISSING, "X-Tenant-Id is required with the service key", field="X-Tenant-Id")
    app = AppId(parse("app", tenant) or "")
    return engine.authenticating.trusted_service(key, app, NAME, from_browser=from_browser(request))


def _sender(request: Request, engine: EngineDependency) -> Caller:
    caller = _caller(request, engine, Scope.SEND)
    own = SERVICE_SENDS_PER_MINUTE if caller.kind is KeyKind.SERVICE else SENDS_PER_MINUTE
    limit_key(engine, caller, "send", own)
    return caller


def _subscriber(request: Request, engine: EngineDependency) -> Caller:
    if request.headers.get(HEADER, "").startswith(_PUBLISHABLE):
        may_read_answer(request)  # a page may read that its key is wrong; who shows a secret one, gets no such help
    caller = _caller(request, engine, Scope.SUBSCRIBE)
    if caller.kind is KeyKind.PUBLISHABLE:
        limit_page(request, engine, caller)
    return caller


def _unsubscriber(request: Request, engine: EngineDependency) -> Caller:
    return _caller(request, engine, Scope.UNSUBSCRIBE)


Sender = Annotated[Caller, Depends(_sender)]
Subscriber = Annotated[Caller, Depends(_subscriber)]
Unsubscriber = Annotated[Caller, Depends(_unsubscriber)]
