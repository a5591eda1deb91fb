"""POST /push/send, /push/send/bulk and /push/send/batch (KM-18 to KM-24)."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.application.messaging import Accepted, Message, MessageCommand
from tocsin.dialect_kit.bodies import SparseModel, WireModel, idempotency_key, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import ExternalId, web_url
from tocsin.dialects.keymaster.callers import Server
from tocsin.dialects.keymaster.dialect import NAME
from tocsin.dialects.keymaster.identifiers import notification_id
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.notification import DEFAULT_TTL, MAX_BODY, MAX_TITLE, Notification
from tocsin.webpush.message import MAX_TTL

router = APIRouter()

MAX_PEOPLE = 500
MAX_DATA = 4096
MAX_BULK = 256 * 1024
MAX_BATCH = 5 * 1024 * 1024
MAX_NAMES = 200 * 1024
"""Bytes of the names that one send keeps: it is one item of at most 400 KB, with its text."""


class Content(SparseModel):
    """What to show. A member that is null counts as absent. ttl: seconds.

    data: handed to the site's pages; its `url`, if it is one, is the tap target, which the document has no field for.
    """

    # The longest are told to who reads the reference; what is longer is refused in the document's words, below.
    title: Annotated[str, Field(min_length=1, json_schema_extra={"maxLength": MAX_TITLE})]
    body: Annotated[str, Field(min_length=1, json_schema_extra={"maxLength": MAX_BODY})]
    data: Annotated[dict[str, Any], Field(description=f"At most {MAX_DATA:,} bytes of compact JSON.")] | None = None
    ttl: Annotated[int, Field(ge=0, le=MAX_TTL)] = DEFAULT_TTL

    def to_notification(self) -> Notification:
        """The core's form. Raises Refused: FIELD_INVALID, in the document's words."""
        if len(self.title) > MAX_TITLE:
            raise Refused(Fault.FIELD_INVALID, "Title too long", field="title")
        if len(self.body) > MAX_BODY:
            raise Refused(Fault.FIELD_INVALID, "Body too long", field="body")
        if self.data is not None and len(_compact(self.data).encode()) > MAX_DATA:
            raise Refused(Fault.FIELD_INVALID, "Data payload too large", field="data")
        return Notification(self.title, self.body, _tap_target(self.data or {}), data=self.data, ttl=self.ttl)


class SendRequest(Content):
    """A notification to all devices of one user."""

    user_id: ExternalId


class BulkRequest(Content):
    """The same notification to several users."""

    user_ids: Annotated[list[ExternalId], Field(min_length=1, max_length=MAX_PEOPLE)]


class BatchRequest(WireModel):
    """A notification each."""

    notifications: Annotated[list[SendRequest], Field(min_length=1, max_length=MAX_PEOPLE)]

    def to_messages(self) -> tuple[list[Message], list[tuple[int, int]]]:
        """What differs, each with its people, and for every notification its message and the person's place in that.

        Raises Refused: FIELD_INVALID.
        """
        people: list[dict[str, int]] = []
        notifications: list[Notification] = []
        taking: dict[str, int] = {}
        room: dict[str, int] = {}
        places = []
        for one in self.notifications:
            content = _compact(one.model_dump(exclude={"user_id"}))
            size = len(one.user_id.encode())
            if content not in taking or (one.user_id not in people[taking[content]] and room[content] < size):
                taking[content], room[content] = len(people), MAX_NAMES
                people.append({})
                notifications.append(one.to_notification())
            message = taking[content]
            if one.user_id not in people[message]:
                people[message][one.user_id] = len(people[message])
                room[content] -= size
            places.append((message, people[message][one.user_id]))
        return [Message(*pair) for pair in zip(notifications, map(tuple, people), strict=True)], places


class SendReply(WireModel):
    """The notification's id, by which receipts name it."""

    notification_id: str


class SeveralReply(WireModel):
    """The notifications' ids, in the order of the request."""

    notification_ids: list[str]


@router.post("/push/send")
def send(
    caller: Server,
    body: Annotated[SendRequest, json_body(SendRequest)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SendReply:
    """Notify one user, now."""
    messages = [Message(body.to_notification(), (body.user_id,))]
    accepted = _accept(engine, caller, body, messages, request, response, queued=False)
    return SendReply(notification_id=notification_id(accepted.sends[0], 0))


@router.post("/push/send/bulk")
def send_bulk(
    caller: Server,
    body: Annotated[BulkRequest, json_body(BulkRequest, most=MAX_BULK)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SeveralReply:
    """Notify up to 500 users of the same, after the answer; whoever is named twice is notified once."""
    people = tuple(dict.fromkeys(body.user_ids))
    messages = [Message(body.to_notification(), people)]
    accepted = _accept(engine, caller, body, messages, request, response, queued=True)
    ids = {name: notification_id(accepted.sends[0], place) for place, name in enumerate(people)}
    return SeveralReply(notification_ids=[ids[name] for name in body.user_ids])


@router.post("/push/send/batch")
def send_batch(
    caller: Server,
    body: Annotated[BatchRequest, json_body(BatchRequest, most=MAX_BATCH)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SeveralReply:
    """Notify up to 500 users, each of something else, after the answer; what is said twice is sent once."""
    messages, places = body.to_messages()
    accepted = _accept(engine, caller, body, messages, request, response, queued=True)
    ids = [notification_id(accepted.sends[message], place) for message, place in places]
    return SeveralReply(notification_ids=ids)


def _accept(
    engine: Engine,
    caller: Caller,
    body: WireModel,
    messages: Sequence[Message],
    request: Request,
    response: Response,
    *,
    queued: bool,
) -> Accepted:
    command = MessageCommand(
        app=caller.app,
        dialect=NAME,
        messages=tuple(messages),
        queued=queued,
        idempotency=idempotency_key(request, request.url.path, body),
        request_id=request.state.request_id,
    )
    accepted = engine.messaging.send(command)
    request.state.send = accepted.sends[0]
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return accepted


def _compact(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tap_target(data: Mapping[str, object]) -> str | None:
    """`url` of the customer's data where it is a web address, else None: the site."""
    url = data.get("url")
    try:
        return web_url(url) if isinstance(url, str) else None
    except ValueError:
        return None
