"""Who calls with an API key, and how often; shared by the dialects that have keys."""

from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.dialect_kit.credentials import from_browser, network_of
from tocsin.dialect_kit.origins import check_origin
from tocsin.domain.api_key import Scope
from tocsin.domain.audit import Actor
from tocsin.domain.tenancy import DialectName

MINUTE = 60


def caller_by(
    request: Request, engine: Engine, key: str, dialect: DialectName, scope: Scope, *, though_disabled: bool = False
) -> Caller:
    """The caller that a key stands for, noted for the request's log line.

    Raises Refused: CREDENTIAL_INVALID, SECRET_KEY_IN_BROWSER, APP_DISABLED, SCOPE_MISSING.
    """
    caller = engine.authenticating.caller(
        key, dialect, from_browser=from_browser(request), though_disabled=though_disabled
    )
    caller.require(scope)
    request.state.caller = caller
    return caller


def limit_key(engine: Engine, caller: Caller, route_class: str, default: int) -> None:
    """Count a request of a key in this minute, by the key's own limit if it has one. Raises Refused: RATE_LIMITED."""
    limit = caller.requests_per_minute or default
    message = f"Rate limit exceeded: more than {limit} requests/minute for this API key"
    engine.limiting.take(f"key.{caller.key}.{route_class}", limit, MINUTE, message)


def limit_page(request: Request, engine: Engine, caller: Caller) -> None:
    """Let only pages of allowed origins use a publishable key, and not too often.

    Raises Refused: ORIGIN_NOT_ALLOWED, RATE_LIMITED.
    """
    check_origin(request, caller.app)
    engine.limiting.browser(caller.app, network_of(request))


def actor(request: Request, name: str) -> Actor:
    """Who acts, for the audit log. name: "operator", or the id of an API key."""
    return Actor(name, request.state.request_id)
