"""HTTP: one function's web application, made of one sub-application for each dialect.

A sub-application and not a router, because exception handlers belong to an application: only so does a dialect own the
body of every error on its paths, the 404, the 405 and the crash included.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.application.engine import Engine
from tocsin.application.metrics import Metric
from tocsin.application.ports import MalformedCursor, Meter, Unavailable
from tocsin.dialect_kit.bodies import rule_of
from tocsin.dialect_kit.contract import Capability, Dialect, owns
from tocsin.dialect_kit.credentials import credential_headers
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.origins import cross_origin_headers
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import WebhookFormat
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.observability import Fields
from tocsin.entrypoints.registry import dialects, routes
from tocsin.entrypoints.settings import Settings

__all__ = ["Application", "Capability", "http_handler"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]


def http_handler(capability: Capability) -> LambdaHandler:
    """The Lambda handler of a function that serves this capability of every dialect."""
    container = Container(Settings.from_environment())
    mangum = Mangum(Application(capability, container, container.meter), lifespan="off")

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            return mangum(event, context)
        finally:
            container.meter.flush()

    return handler


class Application:
    """The web application of one function; a path goes to the dialect with the longest prefix that owns it."""

    def __init__(self, capability: Capability, engine: Engine, meter: Meter) -> None:
        known = dialects()
        by_prefix = {
            prefix: sub_application
            for dialect in known.values()
            for sub_application in [_sub_application(dialect, capability, engine, meter, known)]
            for prefix in dialect.prefixes
        }
        self._longest_first = sorted(by_prefix.items(), key=lambda entry: len(entry[0]), reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = next(app for prefix, app in self._longest_first if owns(prefix, scope["path"]))
        await owner(scope, receive, send)


def _sub_application(
    dialect: Dialect, capability: Capability, engine: Engine, meter: Meter, known: Mapping[DialectName, Dialect]
) -> ASGIApp:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.engine = engine
    app.state.dialects = known
    app.state.documents = _document
    app.state.webhook_formats = _webhook_formats
    app.state.credential_headers = credential_headers(known.values())
    module = routes(dialect, capability)
    if module is not None:
        app.include_router(module.router)

    def answer(request: Request, error: Exception) -> Response:
        if module is not None and dialect.met is not None and isinstance(error, HTTPException):
            try:
                dialect.met(request, engine)
            except (Refused, Unavailable) as first:
                error = first
        refused = _refused(error, app, request.scope)
        request.state.fault = refused.fault
        return _render(dialect, refused)

    for kind in (Refused, RequestValidationError, HTTPException, MalformedCursor, Unavailable):
        app.add_exception_handler(kind, answer)
    app.add_middleware(_Envelope, dialect=dialect, capability=capability, meter=meter)
    return app


def _document(name: DialectName, server: str) -> dict[str, Any] | None:
    # Imported here: one function is asked for documents, and each is made of all routes of its dialect.
    from tocsin.entrypoints.documents import document  # noqa: PLC0415

    return document(name, server)


def _webhook_formats() -> Mapping[DialectName, WebhookFormat]:
    # Imported here: one function manages webhooks, and finding their formats looks through all dialects.
    from tocsin.entrypoints.webhook_formats import webhook_formats  # noqa: PLC0415

    return webhook_formats()


class _Envelope:
    """Around every request of a sub-application: ids in headers, the crash, the cross-origin headers, the log line.

    A middleware, because Starlette's own handler for crashes raises them again after answering.
    """

    def __init__(self, app: ASGIApp, dialect: Dialect, capability: Capability, meter: Meter) -> None:
        self._app = app
        self._dialect = dialect
        self._capability = capability
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope)
        fields: Fields = {
            "request_id": state["request_id"],
            "dialect": self._dialect.name,
            "capability": self._capability,
            "method": scope["method"],
        }

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields["status"] = message["status"]
                added = {"X-Request-Id": fields["request_id"], **state.get("headers", {})}
                if (sent := state.get("send")) is not None:
                    added["X-Send-Id"] = render("snd", sent)
                if (origin := state.get("readable_by")) is not None:
                    added |= cross_origin_headers(origin)
                message["headers"] = [
                    *message.get("headers", []),
                    *((k.encode(), v.encode()) for k, v in added.items()),
                ]
            await send(message)

        bug = None
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a dialect's own 500
            bug = error
            self._meter.count(Metric.CRASHED)
            response = _render(self._dialect, Refused(Fault.INTERNAL, "Internal error"))
            await response(scope, receive, send_with_headers)
        _add_outcome(fields, scope, state, started)
        # Readers report by the million, and the gateway's log has each request with its id, route, status and time.
        if self._capability is not Capability.BEACONS or bug is not None or fields["status"] >= 400:  # noqa: PLR2004
            self._measure(fields["status"], fields["milliseconds"])
            observability.log("request", fields, bug)

    def _measure(self, status: int, milliseconds: int) -> None:
        dialect = self._dialect.name
        self._meter.count(Metric.REQUESTS, dialect=dialect)
        if status >= 500:  # noqa: PLR2004 - the classes of RFC 9110 section 15
            self._meter.count(Metric.SERVER_ERRORS, dialect=dialect)
        elif status >= 400:  # noqa: PLR2004
            self._meter.count(Metric.CLIENT_ERRORS, dialect=dialect)
        self._meter.timed(Metric.LATENCY, milliseconds, dialect=dialect)


def _add_outcome(fields: Fields, scope: Scope, state: Mapping[str, Any], started: float) -> None:
    fields["milliseconds"] = round((time.perf_counter() - started) * 1000)
    if (route := scope.get("route")) is not None:
        fields["route"] = route.path
    if (fault := state.get("fault")) is not None:
        fields["fault"] = fault
    if (caller := state.get("caller")) is not None:
        fields["app"], fields["key"] = caller.app.id, caller.key
    if (send := state.get("send")) is not None:
        fields["send"] = send


def _refused(error: Exception, app: FastAPI, scope: Scope) -> Refused:
    match error:
        case Refused():
            return error
        case Unavailable():
            return Refused(Fault.UNAVAILABLE, "Temporarily unavailable, please try again", retry_after=2)
        case MalformedCursor():
            return Refused(Fault.FIELD_INVALID, "cursor must be one that this list gave out", field="cursor")
        case RequestValidationError():
            problem = error.errors()[0]
            name = ".".join(str(part) for part in problem["loc"][1:])
            return Refused(Fault.FIELD_INVALID, f"{name} {rule_of(problem)}", field=name)
        case HTTPException(status_code=405):
            return Refused(Fault.METHOD_NOT_ALLOWED, "Method not allowed", methods=", ".join(_methods(app, scope)))
        case _:  # of the framework's own refusals, routing makes only 404 and 405
            return Refused(Fault.ROUTE_UNKNOWN, "There is nothing at this address")


def _methods(app: FastAPI, scope: Scope) -> list[str]:
    """What the path does take; a 405 of the framework itself names the methods of one route only."""
    asked = [{**scope, "method": method} for method in _METHODS]
    routes_ = app.router.routes
    return [one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in routes_)]


def _render(dialect: Dialect, refused: Refused) -> Response:
    rendered = dialect.render(refused)
    headers = dict(rendered.headers)
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.methods is not None:
        headers["Allow"] = refused.methods
    return JSONResponse(rendered.body, status_code=rendered.status, headers=headers)


def _request_id(scope: Scope) -> str:
    """The gateway's own id of the request, which its access log has too (X-5); a client's own is not taken over."""
    event: Mapping[str, Any] = scope.get("aws.event", {})
    return str(event.get("requestContext", {}).get("requestId", "local"))
