"""/channels/{channelId}/notifications/{iuid}: notify a user, and see what they have read (BN-17 to BN-22)."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.send_command import SendCommand
from tocsin.dialect_kit.bodies import WireModel, idempotency_key, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Rule
from tocsin.dialects.bnotify.callers import Iuid, NotificationReader, Sender
from tocsin.dialects.bnotify.dialect import NAME
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.notification import Notification
from tocsin.domain.person import Person
from tocsin.domain.send import Charge, Chosen

_routes = APIRouter(prefix="/channels/{channel}")


def _length(least: int, most: int) -> Rule[str]:
    """A validator in the document's words; counts code points and trims nothing (BN-17)."""

    def check(value: str) -> str:
        if len(value) < least:
            raise ValueError(f"must be longer than or equal to {least} characters")
        if len(value) > most:
            raise ValueError(f"must be shorter than or equal to {most} characters")
        return value

    return Rule(check, {"minLength": least, "maxLength": most})


class NotificationRequest(WireModel):
    """What to show."""

    title: Annotated[str, AfterValidator(_length(3, 30))]
    text: Annotated[str, AfterValidator(_length(3, 200))]


class NotificationReply(WireModel):
    """The stored notification. readedAt, createdAt: Unix seconds; readedAt is 0 until it is read."""

    subscription: str
    title: str
    text: str
    readedAt: int  # noqa: N815 - wire name
    createdAt: int  # noqa: N815 - wire name
    id: str


# Before the body: who is not subscribed is a 404, whatever was to be said to them (BN-24).
def _subscribed(caller: Sender, iuid: Iuid, engine: EngineDependency) -> tuple[Caller, Person]:
    return caller, engine.following.person(caller.app, iuid)


@_routes.post("/notifications/{iuid}")
def send(
    to: Annotated[tuple[Caller, Person], Depends(_subscribed)],
    body: Annotated[NotificationRequest, json_body(NotificationRequest)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> NotificationReply:
    """Store one notification for a user and answer; it then goes to all of their devices, or to none if they muted."""
    caller, person = to
    result = engine.sending.send(
        SendCommand(
            app=caller.app,
            dialect=NAME,
            audience=Chosen(identities=(Identity(IdentityKind.EXTERNAL, person.external_id),)),
            notification=Notification(body.title, body.text),
            charge=Charge.QUOTA,
            queued=True,
            keeps_empty=True,
            idempotency=idempotency_key(request, f"/notifications/{person.id}", body),
            request_id=request.state.request_id,
            inbox=person.external_id,
            silent=person.muted,
        )
    )
    if result.send is None:
        raise AssertionError("a send that is kept has an id")
    request.state.send = result.send
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return NotificationReply(
        subscription=person.id,
        title=body.title,
        text=body.text,
        readedAt=0,
        createdAt=result.created_at,
        id=result.send,
    )


@_routes.get("/notifications/{iuid}")
def list_notifications(caller: NotificationReader, iuid: Iuid, engine: EngineDependency) -> list[NotificationReply]:
    """A user's last hundred notifications, newest first, with when they were read; our addition (BN-19)."""
    person = engine.following.person(caller.app, iuid)
    return [
        NotificationReply(
            subscription=person.id,
            title=note.title,
            text=note.body,
            readedAt=note.read_at,
            createdAt=note.created_at,
            id=note.send,
        )
        for note in engine.reading.notes(caller.app.id, iuid)
    ]


router = APIRouter()
router.include_router(_routes)
router.include_router(_routes, prefix="/api")
