"""The customer's view of its clients: list, show, remove, and say why nothing arrives (CS-27 to CS-33, CS-38)."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from tocsin.application.engine import Engine
from tocsin.application.listing import EVERY_STATE, ListingPage, States
from tocsin.application.ports import Place
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialects.cloudsignal.callers import ClientReader, ClientWriter
from tocsin.dialects.cloudsignal.clients import STATES, ClientReply, absence_told, registration
from tocsin.dialects.cloudsignal.dialect import NAME
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.tenancy import App

router = APIRouter()

DEFAULT_LIMIT, MAX_LIMIT, MAX_REASON = 100, 1000, 200
_WHOLE_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is asked for (CS-27). limit: cut to 1,000. cursor: our addition; it says where to go on."""

    states: States
    user_email: str | None
    limit: int
    offset: int
    cursor: str | None


class ClientsReply(WireModel):
    """A page of clients, newest first. offset: null after a cursor. next_cursor: our addition, null at the end."""

    clients: list[ClientReply]
    total: int
    limit: int
    offset: int | None
    next_cursor: str | None


class DeregisterReply(WireModel):
    """It is ended."""

    success: bool
    registration_id: str
    message: str


class FindingReply(WireModel):
    """What one line of the document's troubleshooting comes to."""

    check: str
    ok: bool
    detail: str


class DoctorReply(WireModel):
    """Why notifications do or do not arrive at a client, in words for people; our addition (CS-38)."""

    registration_id: str
    ok: bool
    findings: list[FindingReply]


def _query(request: Request) -> ListQuery:
    status, cursor = _parameter(request, "status"), _parameter(request, "cursor")
    if status is not None and status not in STATES:
        raise _invalid("status", f"must be one of: {', '.join(STATES)}")
    if cursor is not None and _parameter(request, "offset") is not None:
        raise _invalid("cursor", "cannot be combined with offset")
    return ListQuery(
        states=EVERY_STATE if status is None else STATES[status],
        user_email=_parameter(request, "user_email"),
        limit=min(_number(request, "limit", 1, DEFAULT_LIMIT), MAX_LIMIT),
        offset=_number(request, "offset", 0, 0),
        cursor=cursor,
    )


def _parameter(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise _invalid(name, "must be given once")
    return values[0] if values else None


def _number(request: Request, name: str, least: int, default: int) -> int:
    text = _parameter(request, name)
    if text is None:
        return default
    # Beyond every limit the first digits say enough; Python does not even read a number of some thousand digits.
    number = int(text.lstrip("0")[:18] or "0") if _WHOLE_NUMBER.fullmatch(text) else None
    if number is None or number < least:
        raise _invalid(name, f"must be a whole number, at least {least}")
    return number


def _invalid(field: str, rule: str) -> Refused:
    return Refused(Fault.FIELD_INVALID, f"{field} {rule}", field=field)


# The caller comes first: whoever has no key is told that, and not what is wrong with the query.
def _asked(caller: ClientReader, request: Request) -> tuple[App, ListQuery]:
    return caller.app, _query(request)


@router.get("/v2/push/clients")
def list_clients(asked: Annotated[tuple[App, ListQuery], Depends(_asked)], engine: EngineDependency) -> ClientsReply:
    """The app's clients; status and user_email may be combined."""
    app, query = asked
    person = None
    if query.user_email is not None:
        person = engine.identifying.identity(app, IdentityKind.EMAIL, query.user_email, "user_email")
    listing = f"clients?status={'+'.join(sorted(query.states))}&user_email={'' if person is None else person.value}"
    after = None if query.cursor is None else _place(engine.cursors.open(app.id, listing, query.cursor))
    page = _page(engine, app, query, person, after)
    return ClientsReply(
        clients=[ClientReply.of(app, view) for view in page.views],
        total=page.total,
        limit=query.limit,
        offset=query.offset if after is None else None,
        next_cursor=None if page.after is None else engine.cursors.seal(app.id, listing, _text(page.after)),
    )


@router.get("/v2/push/clients/{registration_id}")
def get_client(caller: ClientReader, registration_id: str, engine: EngineDependency) -> ClientReply:
    """One client, in whatever state."""
    with absence_told():
        return ClientReply.of(caller.app, engine.listing.get(caller.app.id, registration(registration_id)))


@router.delete("/v2/push/clients/{registration_id}")
def deregister_client(
    caller: ClientWriter, registration_id: str, request: Request, engine: EngineDependency
) -> DeregisterReply:
    """End a client for good, or until its person registers anew; again is fine."""
    reason = _parameter(request, "reason") or None
    if reason is not None and len(reason) > MAX_REASON:
        raise _invalid("reason", f"must be at most {MAX_REASON} characters")
    with absence_told():
        engine.subscribing.unregister(caller.app, registration(registration_id), reason, actor(request, caller.key))
    return DeregisterReply(success=True, registration_id=registration_id, message="Client deregistered successfully")


@router.get("/v2/push/clients/{registration_id}/doctor")
def examine_client(caller: ClientReader, registration_id: str, engine: EngineDependency) -> DoctorReply:
    """What could keep notifications from a client, each line of the document's troubleshooting answered."""
    with absence_told():
        findings = engine.diagnosing.examine(caller.app, registration(registration_id), NAME)
    return DoctorReply(
        registration_id=registration_id,
        ok=all(finding.ok for finding in findings),
        findings=[FindingReply(check=one.check.value, ok=one.ok, detail=one.detail) for one in findings],
    )


def _page(engine: Engine, app: App, query: ListQuery, person: Identity | None, after: Place | None) -> ListingPage:
    if person is not None:
        return engine.listing.of_person(app.id, person, query.states, query.offset, query.limit, after=after)
    if after is not None:
        return engine.listing.after(app.id, query.states, after, query.limit)
    return engine.listing.page(app.id, query.states, query.offset, query.limit)


def _text(place: Place) -> str:
    return f"{place.created_at}:{place.id}"


def _place(text: str) -> Place:
    at, _, id_ = text.partition(":")
    return Place(int(at), SubscriptionId(id_))
