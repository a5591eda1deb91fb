"""What the page behind a code calls: to be let in, to mute, and to read the inbox (BN-7, BN-8, BN-19, BN-20)."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.engine import Engine
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.credentials import network_of
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.origins import check_origin
from tocsin.dialect_kit.own_ids import OwnId
from tocsin.dialects.bnotify.dialect import NAME
from tocsin.dialects.bnotify.enrolment_page import enrolment_page, expired_page
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import App

router = APIRouter(prefix="/qrcode/{code}")

TOKEN_SECONDS = 600
"""Between the press of the button and the subscription lie seconds, or a push service's delays."""
PER_NETWORK = (300, 60)
"""Requests and seconds, for each network and app: a whole room may scan the same poster."""


class PersonReply(WireModel):
    """For the SDK: whom the code names, and the token that proves it. key: for the inbox, to be kept."""

    externalId: str  # noqa: N815 - the SDK's name
    token: str
    key: str


class Enrolled(OwnId):
    """A browser that came by a code. key: what it was told then; where names need no proof, its name proves nothing."""

    key: Annotated[str, Field(max_length=64)]


class MuteBody(Enrolled):
    """Whether pushes are wanted."""

    muted: bool


class ReadBody(Enrolled):
    """Which notification was opened."""

    notification: Annotated[str, Field(pattern="^[0-9a-f]{24}$")]


class NoteReply(WireModel):
    """A notification in the inbox; times in Unix seconds."""

    id: str
    title: str
    text: str
    createdAt: int  # noqa: N815 - as in the API
    readedAt: int  # noqa: N815 - as in the API


class InboxReply(WireModel):
    """The newest notifications of whoever this browser is enrolled for."""

    muted: bool
    notifications: list[NoteReply]


def _app(request: Request, engine: Engine, id_: AppId | None) -> App:
    """Raises Refused: NOT_FOUND (no app, or one that does not use this API), ORIGIN_NOT_ALLOWED, RATE_LIMITED."""
    found = None if id_ is None else engine.authenticating.app(id_)
    if found is None or NAME in found.dialects_off:
        raise Refused(Fault.NOT_FOUND, "Channel not found")
    check_origin(request, found)
    engine.limiting.take(f"enrol.{found.id}.{network_of(request)}", *PER_NETWORK)
    return found


def _parsed(text: str) -> AppId | None:
    id_ = parse("app", text)
    return None if id_ is None else AppId(id_)


def _in_path(request: Request, code: Annotated[str, Path()], engine: EngineDependency) -> App:
    return _app(request, engine, _parsed(code))


AppInPath = Annotated[App, Depends(_in_path)]


def _person(engine: Engine, app: App, own: Enrolled) -> str:
    """Whose browser this is, by the customer's name. Raises Refused: GONE (not enrolled any more)."""
    # Who withdrew, or was erased, knows the id still.
    found = engine.listing.get(app.id, own.subscription_id(engine, app)).subscription
    name = found.identity(IdentityKind.EXTERNAL)
    key = "" if name is None else engine.enrolling.inbox_key(app.id, name.value)
    if found.state is not SubscriptionState.ACTIVE or name is None or not _same(key, own.key):
        raise Refused(Fault.GONE, "Subscription not found")
    return name.value


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="replace"))


@router.get("")
def show(request: Request, code: str, engine: EngineDependency, app: str = "") -> Response:
    """The page of a code; or that of an app, for who came by a code earlier."""
    try:
        found = engine.enrolling.find(code)
        return enrolment_page(_app(request, engine, found.app), code)
    except Refused as refused:
        if refused.fault is not Fault.NOT_FOUND:
            raise
    try:
        return enrolment_page(_app(request, engine, _parsed(code) or _parsed(app)), None)
    except Refused as refused:
        if refused.fault is not Fault.NOT_FOUND:
            raise
        return expired_page()


@router.get("/manifest.json")
def manifest(request: Request, code: str, engine: EngineDependency, app: str = "") -> dict[str, object]:
    """What makes the page an app on a Home Screen, where an iPhone lets it ask; it opens the page again."""
    owner = _app(request, engine, _parsed(app))
    id_ = render("app", owner.id)
    return {
        "id": f"/qrcode/{id_}",
        "name": owner.name,
        "short_name": owner.name,
        "start_url": f"/qrcode/{code}?app={id_}",
        "scope": "/qrcode/",
        "display": "standalone",
    }


@router.post("")
def redeem(request: Request, code: str, response: Response, engine: EngineDependency) -> PersonReply:
    """Let the browser that brings a code subscribe under its person's name."""
    app = _app(request, engine, engine.enrolling.find(code).app)
    found = engine.enrolling.redeem(code)
    token, _ = engine.user_tokens.issue(app, found.person, TOKEN_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    key = engine.enrolling.inbox_key(app.id, found.person)
    return PersonReply(externalId=found.person, token=token.text, key=key)


@router.post("/mute")
def mute(app: AppInPath, body: Annotated[MuteBody, json_body(MuteBody)], engine: EngineDependency) -> dict[str, object]:
    """Mute or unmute all devices of whoever this browser is enrolled for."""
    return {"muted": engine.following.mute(app, _person(engine, app, body), muted=body.muted).muted}


@router.post("/inbox")
def inbox(
    app: AppInPath, body: Annotated[Enrolled, json_body(Enrolled)], response: Response, engine: EngineDependency
) -> InboxReply:
    """List what was sent to whoever this browser is enrolled for."""
    person = _person(engine, app, body)
    response.headers["Cache-Control"] = "no-store"
    return InboxReply(
        muted=engine.following.person(app, person).muted,
        notifications=[
            NoteReply(id=note.send, title=note.title, text=note.body, createdAt=note.created_at, readedAt=note.read_at)
            for note in engine.reading.notes(app.id, person)
        ],
    )


@router.post("/read")
def read(app: AppInPath, body: Annotated[ReadBody, json_body(ReadBody)], engine: EngineDependency) -> dict[str, object]:
    """Note that a notification was opened (BN-19)."""
    engine.reading.read(app.id, _person(engine, app, body), SendId(body.notification))
    return {"ok": True}
