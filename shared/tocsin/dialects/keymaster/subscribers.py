"""The devices of an app: all of them for who administers it, and removing one (KM-11, KM-16)."""

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.engine import Engine
from tocsin.application.listing import SubscriptionView
from tocsin.application.ports import Place
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import preflight
from tocsin.dialect_kit.times import iso
from tocsin.dialects.keymaster.callers import AdministratorOfDevices, Remover, app_of_person, server_of
from tocsin.dialects.keymaster.identifiers import app_in, device_id, device_in
from tocsin.domain.access import Bearer, TokenKind
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import Subscription, SubscriptionState

router = APIRouter()

MAX_LIMIT = 1000
_LISTING = "devices"
_ACTIVE = frozenset({SubscriptionState.ACTIVE})
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_NOT_FOUND = "Device not found"


class DeviceReply(WireModel):
    """A device. user_id: null where nobody has said whose it is, which only devices of our other APIs leave open."""

    device_id: str
    user_id: str | None
    platform: str
    last_seen_at: str

    @classmethod
    def of(cls, view: SubscriptionView) -> "DeviceReply":
        """The document's form."""
        device = view.subscription
        person = device.identity(IdentityKind.EXTERNAL)
        return cls(
            device_id=device_id(device.id),
            user_id=None if person is None else person.value,
            platform=device.platform.value,
            last_seen_at=iso(device.seen_at),
        )


class DevicesReply(WireModel):
    """A page of devices, newest first; total: of all. next_cursor: our addition, null at the end."""

    devices: list[DeviceReply]
    total: int
    next_cursor: str | None


@router.get("/push/devices/{id}")
def list_devices(administrator: AdministratorOfDevices, request: Request, engine: EngineDependency) -> DevicesReply:
    """The devices that can be sent to; parameters limit and cursor are our additions."""
    app, cursor = administrator.app.id, _parameter(request, "cursor")
    after = None if cursor is None else _place(engine.cursors.open(app, _LISTING, cursor))
    page = engine.listing.after(app, _ACTIVE, after, _limit(request))
    return DevicesReply(
        devices=[DeviceReply.of(view) for view in page.views],
        total=page.total,
        next_cursor=None if page.after is None else engine.cursors.seal(app, _LISTING, _text(page.after)),
    )


@router.delete("/push/devices/{id}")
def remove_device(
    remover: Remover, id_: Annotated[str, Path(alias="id")], request: Request, engine: EngineDependency
) -> dict[str, str]:
    """Remove a device: a person one of theirs, the app's server any of the app's. After that it is not found."""
    own = None if remover.kind is TokenKind.SERVICE else Identity(IdentityKind.EXTERNAL, remover.subject)
    if own is None:
        caller = server_of(remover, request, engine, though_disabled=True)
        app, who = caller.app, caller.key
    else:
        app, who = app_of_person(remover, _app_of(remover, request), request, engine), "user"
    device = device_in(id_)
    found = None if device is None else _find(engine, app.id, device)
    if found is None or found.state is SubscriptionState.UNREGISTERED or own not in (None, *found.identities):
        raise Refused(Fault.NOT_FOUND, _NOT_FOUND)
    engine.subscribing.unregister(app, found.id, None, actor(request, who))
    return {"status": "ok"}


@router.options("/push/devices/{id}")
def remove_preflight(request: Request) -> Response:
    """What a browser asks before a page's call with its user's token."""
    return preflight(request, "DELETE", "Authorization")


def _app_of(person: Bearer, request: Request) -> AppId | None:
    """Which app a person speaks at: the one that the token is for, else the one that the query names."""
    if person.apps is not None and len(person.apps) == 1:
        return next(iter(person.apps))
    named = _parameter(request, "app_id")
    if named is None:
        raise Refused(Fault.FIELD_MISSING, "app_id is required where the token is not for one app", field="app_id")
    return app_in(named)


def _find(engine: Engine, app: AppId, device: SubscriptionId) -> Subscription | None:
    try:
        return engine.listing.get(app, device).subscription
    except Refused:  # there is none
        return None


def _limit(request: Request) -> int:
    given = _parameter(request, "limit")
    text = str(MAX_LIMIT) if given is None else given
    if not _WHOLE_NUMBER.fullmatch(text) or int(text) < 1:
        raise Refused(Fault.FIELD_INVALID, "limit must be a whole number, at least 1", field="limit")
    return min(int(text), MAX_LIMIT)


def _parameter(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Refused(Fault.FIELD_INVALID, f"{name} must be given once", field=name)
    return values[0] if values else None


def _text(place: Place) -> str:
    return f"{place.created_at}:{place.id}"


def _place(text: str) -> Place:
    at, _, id_ = text.partition(":")
    return Place(int(at), SubscriptionId(id_))
