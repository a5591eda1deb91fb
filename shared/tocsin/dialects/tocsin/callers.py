"""Who calls our own API: the operator with a bearer key, or a browser that names its app."""

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.engine import Engine
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.credentials import credential, from_browser, network_of
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse, parse_bare
from tocsin.dialect_kit.origins import check_origin, may_read_answer, preflight
from tocsin.domain.audit import Actor
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, TenantId
from tocsin.domain.tenancy import App


def _operator(request: Request, engine: EngineDependency) -> None:
    text = credential(request, "authorization")
    scheme, _, key = text.partition(" ")
    if scheme.lower() != "bearer":  # in any case: RFC 9110, section 11.1
        raise Refused(Fault.CREDENTIAL_INVALID, "Send the operator key as Authorization: Bearer <key>")
    engine.authenticating.operator(key.strip(), from_browser=from_browser(request))


def _actor(request: Request) -> Actor:
    return actor(request, "operator")


def _tenant_id(tenant: Annotated[str, Path()]) -> TenantId:
    return TenantId(_parsed("ten", tenant, "Tenant not found"))


def _app_id(app: Annotated[str, Path()]) -> AppId:
    return AppId(_parsed("app", app, "App not found"))


def _parsed(prefix: str, text: str, absent: str) -> str:
    """As this API shows an id, or as log lines have it."""
    id_ = parse(prefix, text) or parse_bare(text)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, absent)
    return id_


TenantInPath = Annotated[TenantId, Depends(_tenant_id)]
AppInPath = Annotated[AppId, Depends(_app_id)]
OperatorActor = Annotated[Actor, Depends(_actor)]
"""The operator, for the audit log."""
operator = Depends(_operator)
"""Put it on a router: everything under it is the operator's."""


def _of_app(request: Request, id_: Annotated[str, Path(alias="app")], engine: EngineDependency) -> App:
    may_read_answer(request)
    parsed = parse("app", id_)
    app = None if parsed is None else engine.authenticating.app(AppId(parsed))
    if app is None:
        raise Refused(Fault.NOT_FOUND, "App not found")
    check_origin(request, app)
    return app


def _page(request: Request, app: Annotated[App, Depends(_of_app)], engine: EngineDependency) -> App:
    engine.limiting.browser(app, network_of(request))
    return app


def _worker(request: Request, app: Annotated[App, Depends(_of_app)], engine: EngineDependency) -> App:
    engine.limiting.worker(app, network_of(request))
    return app


def page_preflight(request: Request, app: str, engine: Engine, methods: str) -> Response:
    """The answer to a page's OPTIONS request; only an origin that the app allows is told that it may go on."""
    id_ = parse("app", app)
    found = None if id_ is None else engine.authenticating.app(AppId(id_))
    if found is None or not found.allows(request.headers.get("origin", "")):
        return Response(status_code=204, headers={"Allow": f"{methods}, OPTIONS", "Vary": "Origin"})
    return preflight(request, methods, "Content-Type")


PageOfApp = Annotated[App, Depends(_page)]
"""The app that a page in a browser speaks for; its origin was checked and its request counted."""
WorkerOfApp = Annotated[App, Depends(_worker)]
"""The same of a service worker that fetches a message."""
UncountedApp = Annotated[App, Depends(_of_app)]
"""The same of one that reports events: counting its requests would cost as much as what it reports."""
