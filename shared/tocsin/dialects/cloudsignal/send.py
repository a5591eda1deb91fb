"""POST /v2/push/send and /broadcast (CS-8 to CS-23), and how a request is going (CS-20)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.engine import Engine
from tocsin.application.send_command import SendCommand
from tocsin.dialect_kit.bodies import SparseModel, WireModel, idempotency_key, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import ExternalId, WebUrl, entries, json_object, text, web_url
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialects.cloudsignal.callers import Sender
from tocsin.dialects.cloudsignal.dialect import NAME
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.notification import DEFAULT_TTL, Notification
from tocsin.domain.send import Audience, Charge, Chosen, Everyone, SendState, Tally
from tocsin.domain.tenancy import App
from tocsin.webpush.message import MAX_TTL, Urgency

router = APIRouter()

MAX_BODY = 256 * 1024
"""A thousand of the longest addresses fit, and what is stored of such a send stays below an item's 400 KB."""
MAX_TARGETS = 1000
MAX_DATA = 4096
MAX_TAG = 256
REGISTRATION = "reg"
NOBODY = SubscriptionId("0" * 24)
"""Stands for a list of which nothing is a registration id; no subscription has it, for ids are hashes."""
_ONE_TARGET = "Name one target: target_all (true), target_user_emails, target_user_ids or target_registration_ids"

Status = Literal["completed", "queued"]
_MESSAGE: Mapping[Status, str] = {
    "completed": "Notifications sent successfully",
    "queued": "Notifications queued for processing",
}
Targets = AfterValidator(entries(MAX_TARGETS))


class SendRequest(SparseModel):
    """What to show, and to whom; a member that is null counts as absent.

    data: handed to the site's pages; its `url`, if it is one, is the tap target, which the document has no field for.
    ttl: seconds. async_mode: answer before delivering, however few they are.
    """

    title: Annotated[str, AfterValidator(text(100))]
    body: Annotated[str, AfterValidator(text(255))]
    icon: WebUrl | None = None
    badge: WebUrl | None = None
    image: WebUrl | None = None
    tag: Annotated[str, Field(min_length=1, max_length=MAX_TAG)] | None = None
    data: Annotated[dict[str, Any], AfterValidator(json_object(MAX_DATA))] | None = None
    urgency: Annotated[Urgency, Field(strict=False)] = Urgency.NORMAL
    ttl: Annotated[int, Field(ge=0, le=MAX_TTL)] = DEFAULT_TTL
    async_mode: bool = False
    target_all: bool = False
    target_user_emails: Annotated[list[str], Targets] | None = None
    target_user_ids: Annotated[list[ExternalId], Targets] | None = None
    target_registration_ids: Annotated[list[str], Targets] | None = None

    def to_everyone(self) -> Audience:
        """Everyone, whatever target_all says. Raises Refused: FIELD_INVALID, rather than widen a target (CS-23)."""
        if any(target is not None for target in self._lists()):
            raise Refused(Fault.FIELD_INVALID, "A broadcast goes to everyone: use /v2/push/send for a target")
        return Everyone()

    def to_audience(self, engine: Engine, app: App) -> Audience:
        """The core's form. Raises Refused: FIELD_INVALID, unless exactly one target is named (CS-15)."""
        if sum(target is not None for target in (self.target_all or None, *self._lists())) != 1:
            raise Refused(Fault.FIELD_INVALID, _ONE_TARGET)
        if self.target_all:
            return Everyone()
        if self.target_registration_ids is not None:
            parsed = (parse(REGISTRATION, given) for given in self.target_registration_ids)
            named = dict.fromkeys(SubscriptionId(id_) for id_ in parsed if id_ is not None)
            return Chosen(subscriptions=tuple(named) or (NOBODY,))
        identity, emails, ids = engine.identifying.identity, self.target_user_emails or (), self.target_user_ids or ()
        people = [
            identity(app, IdentityKind.EMAIL, name, f"target_user_emails.{place}") for place, name in enumerate(emails)
        ]
        people += [identity(app, IdentityKind.EXTERNAL, name) for name in ids]
        return Chosen(tuple(dict.fromkeys(people)))

    def to_command(self, caller: Caller, audience: Audience, request: Request) -> SendCommand:
        """The core's form: on quota, all or nothing (CS-26), and kept though nobody matched (CS-21)."""
        return SendCommand(
            app=caller.app,
            dialect=NAME,
            audience=audience,
            notification=self._to_notification(),
            charge=Charge.QUOTA,
            queued=self.async_mode,
            keeps_empty=True,
            idempotency=idempotency_key(request, request.url.path, self),
            request_id=request.state.request_id,
        )

    def invalid(self, unreachable: Sequence[SubscriptionId]) -> list[str]:
        """What was named in vain, as the caller spelled it, or else whom this send found gone (CS-18)."""
        if self.target_registration_ids is None:
            return [render(REGISTRATION, id_) for id_ in unreachable]
        in_vain = {None, *unreachable}
        return [given for given in dict.fromkeys(self.target_registration_ids) if parse(REGISTRATION, given) in in_vain]

    def _lists(self) -> tuple[list[str] | None, ...]:
        return self.target_user_emails, self.target_user_ids, self.target_registration_ids

    def _to_notification(self) -> Notification:
        return Notification(
            title=self.title,
            body=self.body,
            url=_tap_target(self.data or {}),
            icon=self.icon,
            badge=self.badge,
            image=self.image,
            data=self.data,
            tag=self.tag,
            ttl=self.ttl,
            urgency=self.urgency,
        )


class SendReply(WireModel):
    """total_targets: registrations, not people (CS-19). failed_sends: those that nothing more is tried for (CS-22).

    invalid_registrations: named in vain, or found gone by this very request (CS-18).
    """

    request_id: str
    total_targets: int
    successful_sends: int
    failed_sends: int
    invalid_registrations: list[str]
    message: str
    status: Status

    @classmethod
    def of(cls, send: SendId, targets: int, counts: Tally, invalid: list[str], *, queued: bool) -> "SendReply":
        """The document's form; what is unsure when all is over counts as failed."""
        status: Status = "queued" if queued else "completed"
        return cls(
            request_id=render("req", send),
            total_targets=targets,
            successful_sends=counts.accepted,
            failed_sends=counts.failed + (0 if queued else counts.uncertain),
            invalid_registrations=invalid,
            message=_MESSAGE[status],
            status=status,
        )


@router.post("/v2/push/send")
def send(
    caller: Sender,
    body: Annotated[SendRequest, json_body(SendRequest, most=MAX_BODY, declared=True)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SendReply:
    """Notify everyone, some people or some registrations."""
    return _send(
        body, body.to_command(caller, body.to_audience(engine, caller.app), request), request, response, engine
    )


@router.post("/v2/push/broadcast")
def broadcast(
    caller: Sender,
    body: Annotated[SendRequest, json_body(SendRequest, most=MAX_BODY, declared=True)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SendReply:
    """Notify everyone."""
    return _send(body, body.to_command(caller, body.to_everyone(), request), request, response, engine)


@router.get("/v2/push/requests/{request_id}")
def get_request(caller: Sender, request_id: str, engine: EngineDependency) -> SendReply:
    """How a request is going: our extension, as the document only points to the clients for it (CS-20)."""
    id_ = parse("req", request_id)
    progress = None if id_ is None else engine.sending.progress(caller.app.id, SendId(id_))
    if progress is None:
        raise Refused(Fault.NOT_FOUND, "Request not found")
    found, queued = progress.send, progress.send.state is not SendState.SETTLED
    return SendReply.of(found.id, found.reserved, progress.counts, [], queued=queued)


def _send(body: SendRequest, command: SendCommand, request: Request, response: Response, engine: Engine) -> SendReply:
    result = engine.sending.send(command)
    if result.send is None:
        raise AssertionError("a send that is kept has an id")
    request.state.send = result.send
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    invalid = body.invalid(result.unreachable)
    return SendReply.of(result.send, result.targets, result.counts, invalid, queued=result.queued)


def _tap_target(data: Mapping[str, object]) -> str | None:
    """`url` of the customer's data where it is a web address, else None: the site."""
    url = data.get("url")
    try:
        return web_url(url) if isinstance(url, str) else None
    except ValueError:
        return None
