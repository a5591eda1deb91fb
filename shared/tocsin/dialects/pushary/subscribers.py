"""The customer's view of its subscribers: list, show, change, erase, count (PU-15 to PU-21)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request

from tocsin.application.amending import Amendment
from tocsin.application.listing import EVERY_STATE, States, SubscriptionView
from tocsin.application.ports import Place
from tocsin.dialect_kit.bodies import ChangeModel, WireModel, json_body
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import MAX_LABELS, ExternalId, Labels, json_object
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.callers import SubscriberReader, SubscriberWriter
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.keep import KEEP
from tocsin.domain.subscription import SubscriptionState

router = APIRouter(prefix="/api/v1/server/subscribers")

MAX_CUSTOM_DATA = 4096
_NOT_FOUND = "Subscriber not found"

Status = Literal["active", "unsubscribed", "expired", "bounced"]
STATES: dict[Status, States] = {
    "active": frozenset({SubscriptionState.ACTIVE}),
    "unsubscribed": frozenset({SubscriptionState.INACTIVE, SubscriptionState.UNREGISTERED}),
    "expired": frozenset({SubscriptionState.EXPIRED}),
    "bounced": frozenset({SubscriptionState.BOUNCED}),
}
"""What each status of the document comes to; each state has one (PU-17)."""
_STATUS: dict[SubscriptionState, Status] = {state: status for status, states in STATES.items() for state in states}


class SubscriberReply(WireModel):
    """A subscriber (PU-16); from endpoint on our additions. Null: nobody said. endpoint: its push service only."""

    id: str
    siteId: str
    status: Status
    externalId: str | None
    tags: list[str]
    browser: str | None
    os: str | None
    country: str | None
    createdAt: str
    updatedAt: str
    endpoint: str
    deviceType: str | None
    timezone: str | None
    language: str | None
    lastActiveAt: str
    customData: dict[str, Any] | None

    @classmethod
    def of(cls, view: SubscriptionView) -> "SubscriberReply":
        """The document's form."""
        one, device = view.subscription, view.subscription.device
        external = one.identity(IdentityKind.EXTERNAL)
        return cls(
            id=render("sub", one.id),
            siteId=render("site", one.app),
            status=_STATUS[one.state],
            externalId=None if external is None else external.value,
            tags=list(one.labels),
            browser=device.browser,
            os=device.os,
            country=device.country,
            createdAt=iso(one.created_at),
            updatedAt=iso(one.updated_at),
            endpoint=_service(one.endpoint),
            deviceType=device.kind,
            timezone=device.timezone,
            language=device.lang,
            lastActiveAt=iso(view.last_active),
            customData=None if one.custom is None else dict(one.custom),
        )


class CountReply(WireModel):
    """total: all of them. expired and bounced are our additions."""

    total: int
    active: int
    unsubscribed: int
    expired: int
    bounced: int


class ChangeRequest(ChangeModel):
    """What shall be otherwise: each member that is given replaces what was; null clears it."""

    tags: Labels | None = None
    externalId: ExternalId | None = None
    customData: Annotated[dict[str, Any], AfterValidator(json_object(MAX_CUSTOM_DATA))] | None = None

    def to_amendment(self) -> Amendment:
        """The core's form."""
        given = self.model_fields_set
        return Amendment(
            labels=tuple(dict.fromkeys(self.tags or ())) if "tags" in given else KEEP,
            external_id=self.externalId if "externalId" in given else KEEP,
            custom=self.customData if "customData" in given else KEEP,
        )


def _tags(
    tags: Annotated[str | None, Query(description="Some of these tags, with commas between them.")] = None,
) -> list[str]:
    if tags is None:
        return []
    named = sorted({tag.strip() for tag in tags.split(",")} - {""})
    if not 1 <= len(named) <= MAX_LABELS:
        raise Refused(Fault.FIELD_INVALID, f"tags must name 1 to {MAX_LABELS}", field="tags")
    return named


def _subscriber(subscriber_id: str) -> SubscriptionId:
    id_ = parse("sub", subscriber_id)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, _NOT_FOUND)
    return SubscriptionId(id_)


@router.get("")
def list_subscribers(
    caller: SubscriberReader,
    engine: EngineDependency,
    tags: Annotated[list[str], Depends(_tags)],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    status: Status | None = None,
    externalId: ExternalId | None = None,
) -> ListReply[SubscriberReply]:
    """List subscribers, newest first; filters may be combined. With tags a page may be short, or empty."""
    app, name = caller.app, listing("subscribers", status=status, externalId=externalId, tags=tags)
    person = None if externalId is None else Identity(IdentityKind.EXTERNAL, externalId)
    found = engine.listing.stretch(
        app.id,
        EVERY_STATE if status is None else STATES[status],
        None if cursor is None else _place(engine.cursors.open(app.id, name, cursor)),
        min(limit, MAX_LIMIT),
        person=person,
        labels=tags,
    )
    following = None if found.after is None else engine.cursors.seal(app.id, name, _text(found.after))
    return ListReply[SubscriberReply].of([SubscriberReply.of(view) for view in found.views], following)


# Before the route of one subscriber, or it would be taken for an id (PU-21).
@router.get("/count")
def count_subscribers(caller: SubscriberReader, engine: EngineDependency) -> CountReply:
    """Count subscribers."""
    counts = engine.listing.counts(caller.app.id)
    return CountReply(total=counts.of(EVERY_STATE), **{status: counts.of(states) for status, states in STATES.items()})


@router.get("/{subscriber_id}")
def get_subscriber(
    caller: SubscriberReader, subscriber: Annotated[SubscriptionId, Depends(_subscriber)], engine: EngineDependency
) -> SubscriberReply:
    """Show a subscriber, in whatever status."""
    with _absence_told():
        return SubscriberReply.of(engine.listing.get(caller.app.id, subscriber))


@router.patch("/{subscriber_id}")
def change_subscriber(
    caller: SubscriberWriter,
    subscriber: Annotated[SubscriptionId, Depends(_subscriber)],
    body: Annotated[ChangeRequest, json_body(ChangeRequest)],
    engine: EngineDependency,
) -> SubscriberReply:
    """Change a subscriber's tags, external id or custom data."""
    with _absence_told():
        amended = engine.amending.amend(caller.app, subscriber, body.to_amendment())
    return SubscriberReply.of(engine.listing.view(amended))


@router.delete("/{subscriber_id}")
def delete_subscriber(
    caller: SubscriberWriter,
    subscriber: Annotated[SubscriptionId, Depends(_subscriber)],
    request: Request,
    engine: EngineDependency,
) -> dict[str, bool]:
    """Erase a subscriber for good, with its tags, its names and what was kept with it."""
    with _absence_told():
        engine.amending.erase(caller.app, subscriber, actor(request, caller.key))
    return {"success": True}


@contextmanager
def _absence_told() -> Iterator[None]:
    """What is not found is told in the document's words (PU-18)."""
    try:
        yield
    except Refused as error:
        if error.fault is Fault.NOT_FOUND:
            raise Refused(Fault.NOT_FOUND, _NOT_FOUND) from error
        raise


def _service(endpoint: str) -> str:
    """The origin of an endpoint; the rest of it is a secret."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _text(place: Place) -> str:
    return f"{place.created_at}:{place.id}"


def _place(text: str) -> Place:
    at, _, id_ = text.partition(":")
    return Place(int(at), SubscriptionId(id_))
