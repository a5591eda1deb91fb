"""A user's code, all subscriptions of a channel, and one of them (BN-6 to BN-16)."""

import json
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.engine import Engine
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.links import own_address
from tocsin.dialects.bnotify.callers import CodeCaller, DetailCaller, Iuid, ListCaller
from tocsin.dialects.bnotify.qr_code import gif_data_uri
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.person import Person
from tocsin.domain.tenancy import App

_routes = APIRouter(prefix="/channels/{channel}/subscriptions")

MAX_LIMIT = 10_000
MAX_BYTES = 5 * 1024 * 1024
"""Of a list: a function's answer may have 6 MB."""
_REST = 220
"""Bytes of a subscription in a list, its iuid apart."""
_LISTING = "subscriptions"
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class CodeReply(WireModel):
    """A user's code. qrcode: a GIF as a data URI, which leads to deepLink. appUrl: help for their device."""

    code: str
    qrcode: str
    deepLink: str  # noqa: N815 - wire name
    appUrl: str  # noqa: N815 - wire name


class SubscriptionReply(WireModel):
    """A subscription: one for each user of a channel, whatever the number of devices (BN-13). Times: Unix seconds.

    subscriber: the user across the channels of an account. mute: they want no pushes.
    """

    channel: str
    subscriber: str
    iuid: str
    mute: bool
    createdAt: int  # noqa: N815 - wire name
    updatedAt: int  # noqa: N815 - wire name
    id: str

    @classmethod
    def of(cls, engine: Engine, app: App, person: Person) -> "SubscriptionReply":
        """The document's form."""
        return cls(
            channel=app.id,
            subscriber=engine.following.subscriber(app, person),
            iuid=person.external_id,
            mute=person.muted,
            createdAt=person.created_at,
            updatedAt=person.updated_at,
            id=person.id,
        )


def _once(request: Request) -> bool:
    given = request.query_params.get("single_use", "false")
    if given not in {"true", "false"}:
        raise Refused(Fault.FIELD_INVALID, "single_use must be true or false", field="single_use")
    return given == "true"


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(MAX_LIMIT))
    if not _WHOLE_NUMBER.fullmatch(given) or int(given) < 1:
        raise Refused(Fault.FIELD_INVALID, "limit must be a whole number, at least 1", field="limit")
    return min(int(given), MAX_LIMIT)


def _fitting(persons: Sequence[Person]) -> int:
    """How many fit into an answer; only long names in scripts of many bytes come near its end."""
    sizes = accumulate(len(json.dumps(person.external_id, ensure_ascii=False).encode()) + _REST for person in persons)
    return sum(size <= MAX_BYTES for size in sizes)


# The caller comes first: whoever has no key is told that, and not what is wrong with the query.
def _code_of(caller: CodeCaller, iuid: Iuid, request: Request, engine: EngineDependency) -> tuple[App, str]:
    return caller.app, engine.enrolling.code(caller.app.id, iuid, once=_once(request))


@_routes.get("/{iuid}/code")
def get_code(
    found: Annotated[tuple[App, str], Depends(_code_of)], request: Request, response: Response, engine: EngineDependency
) -> CodeReply:
    """The code by which a user's devices subscribe, the same until it ends. single_use: a new one, for one device."""
    app, code = found
    address = own_address(request, engine.public_url)
    link = f"{address}/qrcode/{code}"
    response.headers["Cache-Control"] = "no-store"
    return CodeReply(
        code=code,
        qrcode=gif_data_uri(link),
        deepLink=link,
        appUrl=f"{address}/mobile?app={render('app', app.id)}",
    )


@_routes.delete("/{iuid}/code", status_code=204)
def revoke_code(caller: CodeCaller, iuid: Iuid, engine: EngineDependency) -> Response:
    """End a user's codes; the next one is new. Devices that came by them stay. Our addition (BN-7)."""
    engine.enrolling.revoke(caller.app.id, iuid)
    return Response(status_code=204)


@_routes.get("")
def list_subscriptions(
    caller: ListCaller, request: Request, response: Response, engine: EngineDependency
) -> list[SubscriptionReply]:
    """List subscriptions, newest first; beyond ten thousand the Link header (RFC 8288) names the next page (BN-12)."""
    app, limit, cursor = caller.app, _limit(request), request.query_params.get("cursor")
    after = None if cursor is None else engine.cursors.open(app.id, _LISTING, cursor)
    page = engine.following.listed(app.id, limit, after)
    if (fitting := _fitting(page.items)) < len(page.items):
        page = engine.following.listed(app.id, fitting, after)
    if page.cursor is not None:
        query = urlencode({"limit": limit, "cursor": engine.cursors.seal(app.id, _LISTING, page.cursor)})
        path = quote(request.url.path)
        response.headers["Link"] = f'<{own_address(request, engine.public_url)}{path}?{query}>; rel="next"'
    return [SubscriptionReply.of(engine, app, person) for person in page.items]


@_routes.get("/{iuid}")
def get_subscription(caller: DetailCaller, iuid: Iuid, engine: EngineDependency) -> SubscriptionReply:
    """A user's subscription; a 404 for who has none."""
    return SubscriptionReply.of(engine, caller.app, engine.following.person(caller.app, iuid))


router = APIRouter()
router.include_router(_routes)
router.include_router(_routes, prefix="/api")
