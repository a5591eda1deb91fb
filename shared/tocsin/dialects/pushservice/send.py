"""POST /v1/send (PS-9 to PS-18)."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.send_command import IdempotencyKey, SendCommand, SendResult, Shortage
from tocsin.dialect_kit.bodies import WireModel, idempotency_key, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Body, Title, WebUrl
from tocsin.dialects.pushservice.callers import Sender
from tocsin.dialects.pushservice.dialect import NAME
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.notification import Notification
from tocsin.domain.send import Charge, Chosen

router = APIRouter()

DEVICES_PER_EMAIL = 50
"""The most recently seen are notified (PS-16)."""


class SendRequest(WireModel):
    """Whom to notify, and what to show."""

    email: str
    title: Title
    body: Body
    url: WebUrl | None = None

    def to_command(
        self, caller: Caller, person: Identity, idempotency: IdempotencyKey | None, request_id: str
    ) -> SendCommand:
        """The core's form: paid with credits unless a trusted service calls; a short balance reaches some (PS-18)."""
        return SendCommand(
            app=caller.app,
            dialect=NAME,
            audience=Chosen((person,)),
            notification=Notification(self.title, self.body, self.url),
            charge=Charge.NONE if caller.kind is KeyKind.SERVICE else Charge.CREDITS,
            shortage=Shortage.PARTIAL,
            most=DEVICES_PER_EMAIL,
            idempotency=idempotency,
            request_id=request_id,
        )


class SendReply(WireModel):
    """sent: devices whose push service accepted. failed: the others, uncharged. credits: what remains (PS-16)."""

    sent: int
    failed: int
    credits: int

    @classmethod
    def from_result(cls, result: SendResult) -> "SendReply":
        """The document's form; what is unsure after all retries counts as failed (PS-11)."""
        unsure = 0 if result.queued else result.counts.uncertain
        return cls(sent=result.counts.accepted, failed=result.counts.failed + unsure, credits=result.balance)


@router.post("/v1/send")
def send(
    caller: Sender,
    body: Annotated[SendRequest, json_body(SendRequest)],
    request: Request,
    response: Response,
    engine: EngineDependency,
) -> SendReply:
    """Notify every active device enrolled under an e-mail address."""
    person = engine.identifying.identity(caller.app, IdentityKind.EMAIL, body.email)
    idempotency = idempotency_key(request, "/v1/send", body)
    result = engine.sending.send(body.to_command(caller, person, idempotency, request.state.request_id))
    request.state.send = result.send
    if result.send is None:
        raise Refused(Fault.NO_SUBSCRIPTIONS, "No active subscriptions found for this email")
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return SendReply.from_result(result)
