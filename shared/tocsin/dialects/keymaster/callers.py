"""Who calls: an app's server, a person, or an administrator; each by a token of its kind (KM-1 to KM-4)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.dialect_kit.callers import limit_key
from tocsin.dialect_kit.credentials import credential, from_browser
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import check_origin, may_read_answer
from tocsin.dialects.keymaster.dialect import NAME, PREFIX
from tocsin.dialects.keymaster.identifiers import app_in
from tocsin.domain.access import Bearer, TokenKind
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.audit import Actor
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId
from tocsin.domain.tenancy import App

APP_NOT_FOUND = "App not found"


def _bearer(request: Request, engine: Engine) -> Bearer:
    text = credential(request, "authorization")
    scheme, _, token = text.partition(" ")
    if scheme.lower() != "bearer":  # in any case: RFC 9110, section 11.1
        raise Refused(Fault.CREDENTIAL_INVALID, "Invalid token")
    return engine.access_tokens.bearer(token.strip())


def server_of(bearer: Bearer, request: Request, engine: Engine, *, though_disabled: bool = False) -> Caller:
    """The app's server that shows a token. Raises Refused, as Authenticating.holder does; SCOPE_MISSING."""
    if Scope.SEND not in bearer.scopes or bearer.apps is None or bearer.client_id is None:
        raise Refused(Fault.SCOPE_MISSING, "Missing required scope")
    (app,), key = bearer.apps, KeyId(bearer.client_id.removeprefix(f"{PREFIX}_"))
    in_browser = from_browser(request)
    found = engine.authenticating.holder(key, app, NAME, from_browser=in_browser, though_disabled=though_disabled)
    request.state.caller = found
    if found.requests_per_minute is not None:
        limit_key(engine, found, "any", found.requests_per_minute)
    return found


def _server(request: Request, engine: EngineDependency) -> Caller:
    return server_of(_bearer(request, engine), request, engine)


def _person(request: Request, engine: EngineDependency) -> Bearer:
    may_read_answer(request)
    bearer = _bearer(request, engine)
    if bearer.kind is not TokenKind.USER:
        raise Refused(Fault.CREDENTIAL_INVALID, "Invalid token")
    return bearer


def app_of_person(bearer: Bearer, app: AppId | None, request: Request, engine: Engine) -> App:
    """The app that a person speaks at, by its id. Raises Refused: NOT_FOUND, ORIGIN_NOT_ALLOWED."""
    found = None if app is None or not bearer.may_speak_at(app) else engine.authenticating.app(app)
    if found is None:
        raise Refused(Fault.NOT_FOUND, APP_NOT_FOUND)
    if "origin" in request.headers:  # an app on a phone sends none
        check_origin(request, found)
    request.state.caller = Caller(found, KeyKind.PUBLISHABLE, frozenset(), "user")
    return found


@dataclass(frozen=True, slots=True)
class Administration:
    """An app, and who administers it."""

    app: App
    actor: Actor


def _of_app(request: Request, id_: Annotated[str, Path(alias="app_id")], engine: EngineDependency) -> Administration:
    return _administration(request, id_, engine)


def _of_devices(request: Request, id_: Annotated[str, Path(alias="id")], engine: EngineDependency) -> Administration:
    return _administration(request, id_, engine)


def _administration(request: Request, id_: str, engine: Engine) -> Administration:
    bearer = _bearer(request, engine)
    if from_browser(request):
        raise Refused(Fault.SECRET_KEY_IN_BROWSER, "An administrator's token must never be used in a web page")
    if not bearer.roles:
        raise Refused(Fault.SCOPE_MISSING, "Insufficient permissions")
    parsed = app_in(id_)
    app = None if parsed is None else engine.authenticating.app(parsed)
    # Whoever administers other apps is told no more of this one than of one that does not exist.
    if app is None or not (bearer.may_speak_at(app.id) and bearer.administers(app)):
        raise Refused(Fault.NOT_FOUND, APP_NOT_FOUND)
    request.state.caller = Caller(app, KeyKind.SECRET, frozenset(), "admin")
    # Marked, for a name of another issuer's may read like one of ours.
    return Administration(app, Actor(f"admin {bearer.subject}", request.state.request_id))


def _remover(request: Request, engine: EngineDependency) -> Bearer:
    may_read_answer(request)
    bearer = _bearer(request, engine)
    if bearer.kind is TokenKind.ADMIN:
        raise Refused(Fault.SCOPE_MISSING, "Missing required scope")
    return bearer


Server = Annotated[Caller, Depends(_server)]
Person = Annotated[Bearer, Depends(_person)]
Administrator = Annotated[Administration, Depends(_of_app)]
AdministratorOfDevices = Annotated[Administration, Depends(_of_devices)]
"""The same where the path has one name for an app's id and for a device's."""
Remover = Annotated[Bearer, Depends(_remover)]
"""A person who may remove a device of theirs, or the app's server (KM-16)."""
