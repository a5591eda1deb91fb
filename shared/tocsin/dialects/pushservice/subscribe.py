"""POST /v1/subscribe (PS-19 to PS-22)."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.authenticating import Caller
from tocsin.application.identifying import Claim
from tocsin.application.subscribing import SubscribeCommand
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import preflight
from tocsin.dialect_kit.subscriptions import IdentityProof, PushSubscription
from tocsin.dialects.pushservice.callers import Subscriber
from tocsin.domain.api_key import KeyKind
from tocsin.domain.identity import IdentityKind

router = APIRouter()


class SubscribeRequest(WireModel):
    """A browser's subscription and whose it is.

    Additions to the document: identity, a proof of the address; application_server_key, the VAPID key that the page
    subscribed with, if that is not the app's present one.
    """

    email: str
    subscription: PushSubscription
    identity: IdentityProof | None = None
    application_server_key: Annotated[str, Field(max_length=128)] | None = None

    def to_command(self, caller: Caller) -> SubscribeCommand:
        """The core's form; only a browser has to prove the address."""
        proof = None if self.identity is None else self.identity.to_proof()
        return SubscribeCommand(
            app=caller.app,
            endpoint=self.subscription.endpoint,
            p256dh=self.subscription.keys.p256dh,
            auth=self.subscription.keys.auth,
            trusted=caller.kind is not KeyKind.PUBLISHABLE,
            application_server_key=self.application_server_key,
            claims=(Claim(IdentityKind.EMAIL, self.email, proof),),
        )


class SubscribeReply(WireModel):
    """It is stored."""

    ok: bool


@router.post("/v1/subscribe", status_code=201)
def subscribe(
    caller: Subscriber, body: Annotated[SubscribeRequest, json_body(SubscribeRequest)], engine: EngineDependency
) -> SubscribeReply:
    """Enrol a browser under an e-mail address; again is fine, and another address takes it over."""
    engine.subscribing.subscribe(body.to_command(caller))
    return SubscribeReply(ok=True)


@router.options("/v1/subscribe")
def subscribe_preflight(request: Request) -> Response:
    """What a browser asks before a page's call with its publishable key."""
    return preflight(request, "POST", "Content-Type, X-Api-Key")
