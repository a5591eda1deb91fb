"""POST /api/v1/server/send (PU-9 to PU-14, PU-26)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter
from pydantic import AfterValidator, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import IdempotencyKey, SendCommand
from tocsin.dialect_kit.bodies import SparseModel, WireModel, idempotency_key, json_body, repeatable
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Body, ExternalId, Labels, Title, WebUrl, json_object
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialects.pushary.callers import NAME, Sender
from tocsin.dialects.pushary.own_names import SEND, own_names
from tocsin.dialects.pushary.plan import beyond_the_plan
from tocsin.dialects.pushary.wordings import TEXTS_OR_TEMPLATE, Variables, require, require_wordings, worded
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.send import Audience, Charge, Chosen, Everyone
from tocsin.domain.tenancy import App

router = APIRouter()

MAX_BODY = 256 * 1024
"""A thousand ids fit, and what is stored of such a send stays below an item's 400 KB."""
MAX_TARGETS = 1000
MAX_DATA = 4096
MAX_IDEMPOTENCY_KEY = 200

Name = TypeVar("Name")
Object = Annotated[dict[str, Any], AfterValidator(json_object(MAX_DATA))]


class SendRequest(SparseModel, json_schema_extra=TEXTS_OR_TEMPLATE):
    """What to show, and to whom. A member that is null counts as absent; with no target at all it is for everyone.

    title and body are required unless there is a templateId (our addition): what is given then takes the place of the
    template's, and placeholders are filled in, with variables first. Without one, braces are only braces.
    data: handed to the site's pages. metadata: the sender's own; it takes part in telling repeats apart, no more.
    """

    title: Title | None = None
    body: Body | None = None
    url: WebUrl | None = None
    iconUrl: WebUrl | None = None
    imageUrl: WebUrl | None = None
    subscriberIds: list[str] | None = None
    externalIds: list[ExternalId] | None = None
    tags: Labels | None = None
    data: Object | None = None
    metadata: Object | None = None
    idempotencyKey: Annotated[str, Field(min_length=1, max_length=MAX_IDEMPOTENCY_KEY)] | None = None
    templateId: str | None = None
    variables: Variables | None = None

    _own_names = own_names(SEND)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, fields: dict[str, object]) -> dict[str, object]:
        require(cls, fields, "title", "body")
        return fields

    @model_validator(mode="after")
    def _not_too_many(self) -> "SendRequest":
        if sum(len(targets or ()) for targets in self._lists()) > MAX_TARGETS:
            raise ValueError(f"must name at most {MAX_TARGETS} subscriberIds, externalIds and tags together")
        return self

    @model_validator(mode="after")
    def _worded(self) -> "SendRequest":
        if self.templateId is not None:
            require_wordings(type(self), self.title, self.body, self.url)
        elif self.variables is not None:
            raise ValueError("must have a templateId where it has variables")
        return self

    def to_audience(self) -> Audience:
        """All who are meant, together. Raises Refused: NO_SUBSCRIPTIONS (the lists are empty, or name nobody)."""
        if all(targets is None for targets in self._lists()):
            return Everyone()
        subscribers = (parse("sub", name) for name in self.subscriberIds or ())
        try:
            return Chosen(
                identities=_each_once(Identity(IdentityKind.EXTERNAL, name) for name in self.externalIds or ()),
                subscriptions=_each_once(SubscriptionId(id_) for id_ in subscribers if id_ is not None),
                labels=_each_once(self.tags or ()),
            )
        except ValueError as error:
            raise Refused(Fault.NO_SUBSCRIPTIONS, "No subscribers found") from error

    def to_command(self, caller: Caller, request: Request, engine: Engine) -> SendCommand:
        """The core's form: on quota, all or nothing (PU-12). Raises Refused: FIELD_INVALID for an unknown template."""
        shown = worded(
            engine,
            caller.app.id,
            self.templateId,
            title=self.title,
            body=self.body,
            url=self.url,
            icon=self.iconUrl,
            image=self.imageUrl,
        )
        return SendCommand(
            app=caller.app,
            dialect=NAME,
            audience=self.to_audience(),
            notification=replace(shown, data=self.data),
            charge=Charge.QUOTA,
            idempotency=self._idempotency(request),
            request_id=request.state.request_id,
            variables=None if self.templateId is None else self.variables or {},
        )

    def _lists(self) -> tuple[list[str] | None, ...]:
        return self.subscriberIds, self.externalIds, self.tags

    def _idempotency(self, request: Request) -> IdempotencyKey | None:
        """By the body's key, else by the header's (X-4); both name the same repeats. Raises Refused: FIELD_INVALID."""
        route = request.url.path
        in_header = idempotency_key(request, route, self)
        if self.idempotencyKey is None:
            return in_header
        if in_header is not None and in_header.text != self.idempotencyKey:
            message = "idempotencyKey and the Idempotency-Key header must not differ"
            raise Refused(Fault.FIELD_INVALID, message, field="idempotencyKey")
        return repeatable(route, self.idempotencyKey, self)


class LimitsReply(WireModel):
    """What the month allows, and what is left of it; null where there is no limit."""

    remaining: int | None
    limit: int | None


class SendReply(WireModel):
    """sent: recipients that were accepted for sending; what became of them is told by the campaign (PU-11).

    status, queued and duplicate are our additions, as the vendor's own client reads them. missing is another: how many
    values placeholders had not, in all texts together; null while more texts are to be made.
    """

    success: bool
    campaignId: str
    sent: int
    limits: LimitsReply
    status: str
    queued: int
    duplicate: bool
    missing: int | None


@router.post("/api/v1/server/send")
def send(
    caller: Sender,
    body: Annotated[SendRequest, json_body(SendRequest, most=MAX_BODY)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SendReply:
    """Notify everyone, or some subscribers."""
    with beyond_the_plan(engine):
        result = engine.sending.send(body.to_command(caller, request, engine))
    if result.send is None:
        raise Refused(Fault.NO_SUBSCRIPTIONS, "No subscribers found")
    request.state.send = result.send
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return SendReply(
        success=True,
        campaignId=render("camp", result.send),
        sent=result.targets,
        limits=_limits(engine, caller.app),
        status="queued",
        queued=result.targets,
        duplicate=result.replayed,
        missing=result.missing,
    )


def _limits(engine: Engine, app: App) -> LimitsReply:
    limit = app.limits.monthly
    if limit is None:
        return LimitsReply(remaining=None, limit=None)
    try:
        used = engine.quotas.usage(app.id, int(engine.clock.now())).of(QuotaWindow.MONTH)
    except Unavailable:  # the send is accepted: an error would invite a second one
        return LimitsReply(remaining=None, limit=limit)
    return LimitsReply(remaining=max(0, limit - used), limit=limit)


def _each_once(names: Iterable[Name]) -> tuple[Name, ...]:
    return tuple(dict.fromkeys(names))
