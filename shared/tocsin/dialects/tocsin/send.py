"""The operator's sends: to everyone at an app or to some people, how a send is going, and how to stop it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.engine import Engine
from tocsin.application.send_command import SendCommand
from tocsin.dialect_kit.bodies import ExactModel, idempotency_key, json_body
from tocsin.dialect_kit.dependencies import DialectsDependency, EngineDependency
from tocsin.dialect_kit.fields import Body, ExternalId, Label, Title, WebUrl
from tocsin.dialect_kit.identifiers import parse, parse_bare, render
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.dialect import NAME
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.dialects.tocsin.progress import counts_reply, progress_reply, send_reply
from tocsin.domain.chunk import Repeat
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.notification import DEFAULT_TTL, Notification
from tocsin.domain.send import Audience, Charge, Chosen, Course, Everyone, Origin
from tocsin.domain.tenancy import App
from tocsin.webpush.message import MAX_TTL, Urgency

router = APIRouter(prefix="/admin/apps/{app}/sends", dependencies=[operator])

_ABSENT = "Send not found"


def _send_id(send: Annotated[str, Path()]) -> SendId:
    """As this API shows a send, as CloudSignal's does, or as log lines have it."""
    id_ = parse("snd", send) or parse("req", send) or parse_bare(send)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, _ABSENT)
    return SendId(id_)


SendInPath = Annotated[SendId, Depends(_send_id)]


class Target(ExactModel):
    """Everyone (true), or whoever is named by one of: emails, external_ids, tags (any of them)."""

    everyone: bool | None = None
    emails: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    external_ids: Annotated[list[ExternalId], Field(min_length=1, max_length=100)] | None = None
    tags: Annotated[list[Label], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Target":
        named = any(field is not None for field in (self.emails, self.external_ids, self.tags))
        if named == bool(self.everyone):
            raise ValueError("must have either everyone, or some of emails, external_ids, tags")
        return self

    def to_audience(self, engine: Engine, app: App) -> Audience:
        """The core's form."""
        if self.everyone:
            return Everyone()
        named = [(IdentityKind.EMAIL, name) for name in self.emails or ()]
        named += [(IdentityKind.EXTERNAL, name) for name in self.external_ids or ()]
        people = dict.fromkeys(engine.identifying.identity(app, kind, name) for kind, name in named)
        return Chosen(tuple(people), labels=tuple(dict.fromkeys(self.tags or ())))


class SendRequest(ExactModel):
    """A notification and whom it is for. ttl: seconds; tag: replaces an earlier notification of the same tag.

    repeat: what becomes of those of whom a lost worker left it open whether they were reached: resend or skip.
    """

    to: Target
    title: Title
    body: Body
    url: WebUrl | None = None
    tag: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    ttl: Annotated[int, Field(ge=0, le=MAX_TTL)] = DEFAULT_TTL
    urgency: Annotated[Urgency, Field(strict=False)] = Urgency.NORMAL
    repeat: Annotated[Repeat, Field(strict=False)] = Repeat.RESEND

    def to_notification(self) -> Notification:
        """The core's form."""
        return Notification(self.title, self.body, self.url, tag=self.tag, ttl=self.ttl, urgency=self.urgency)


@router.post("", status_code=202)
def send(
    app: AppInPath,
    body: Annotated[SendRequest, json_body(SendRequest)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> dict[str, object]:
    """Send to an audience: 200 when it is finished, 202 when delivery goes on. Paid with the app's credits."""
    found = engine.accounts.app(app)
    command = SendCommand(
        app=found,
        dialect=NAME,
        audience=body.to.to_audience(engine, found),
        notification=body.to_notification(),
        charge=Charge.CREDITS,
        idempotency=idempotency_key(request, "/admin/sends", body),
        request_id=request.state.request_id,
        repeat=body.repeat,
    )
    try:
        result = engine.sending.send(command)
    except Refused as refused:
        raise _saying_what_is_missing(refused, command, engine) from None
    request.state.send = result.send
    if result.send is None:
        raise Refused(Fault.NO_SUBSCRIPTIONS, "Nobody in this audience has an active subscription")
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    response.status_code = 202 if result.queued else 200
    status = "queued" if result.queued else "settled"
    return {
        "id": render("snd", result.send),
        "status": status,
        "targets": result.targets,
        **counts_reply(result.counts),
    }


@router.get("")
def list_sends(
    app: AppInPath, engine: EngineDependency, dialects: DialectsDependency, cursor: Cursor, limit: Limit = 100
) -> dict[str, object]:
    """The sends of an app by whatever API, newest first, for as long as they are kept; counts where they are final."""
    engine.accounts.app(app)
    page = engine.sending.listed(app, [*dialects, Origin.CAMPAIGN, Origin.FLOW], limit, cursor)
    sends = [
        {**send_reply(send), **({} if send.settled_at is None else counts_reply(send.counts))} for send in page.items
    ]
    return {"sends": sends, "next_cursor": next_cursor(page.cursor)}


@router.get("/{send}")
def get_send(app: AppInPath, send: SendInPath, engine: EngineDependency) -> dict[str, object]:
    """How a send is going."""
    return _progress(app, send, engine)


@router.post("/{send}/pause")
def pause(app: AppInPath, send: SendInPath, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """Let a send rest: 12 seconds after the answer nothing new goes out. Its TTL runs on."""
    engine.steering.steer(app, send, Course.PAUSED, actor)
    return _progress(app, send, engine)


@router.post("/{send}/resume")
def resume(app: AppInPath, send: SendInPath, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """Let a paused send go on."""
    engine.steering.steer(app, send, Course.RUNNING, actor)
    return _progress(app, send, engine)


@router.post("/{send}/cancel")
def cancel(app: AppInPath, send: SendInPath, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """End a send with whom it reached, for good; credits for the others are released."""
    engine.steering.steer(app, send, Course.CANCELLED, actor)
    return _progress(app, send, engine)


def _saying_what_is_missing(refused: Refused, command: SendCommand, engine: Engine) -> Refused:
    """A refusal for lack of credits with figures, where they are easily known: of a send to everyone."""
    if refused.fault is not Fault.CREDITS_EXHAUSTED or not isinstance(command.audience, Everyone):
        return refused
    needed, available = engine.listing.counts(command.app.id).active, engine.accounts.balance(command.app.id).available
    if needed <= available:  # by now, or because nobody is subscribed
        return refused
    message = f"This send needs {needed} credits and {available} are available: POST /admin/apps/{{app}}/credits"
    return Refused(Fault.CREDITS_EXHAUSTED, message)


def _progress(app: AppId, send: SendId, engine: Engine) -> dict[str, object]:
    progress = engine.sending.progress(app, send)
    if progress is None:
        raise Refused(Fault.NOT_FOUND, _ABSENT)
    return progress_reply(progress, engine.engagement.of(app, send) if progress.send.statistics else None)
