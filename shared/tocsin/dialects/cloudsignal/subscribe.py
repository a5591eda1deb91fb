"""What pages call with a publishable key: POST /v2/push/clients/register and /heartbeat (CS-34)."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import preflight
from tocsin.dialect_kit.user_agent import device_of
from tocsin.dialects.cloudsignal.callers import Page
from tocsin.dialects.cloudsignal.clients import ClientReply, RegisterRequest, Registration, absence_told, registration

router = APIRouter()


class HeartbeatReply(WireModel):
    """It was heard of."""

    success: bool
    registration_id: str


# Without the names that the browser goes by: on a shared one they may be another person's than who sits there now.
@router.post("/v2/push/clients/register", status_code=201, response_model_exclude={"user_email", "user_id"})
def register(
    caller: Page,
    body: Annotated[RegisterRequest, json_body(RegisterRequest, declared=True)],
    request: Request,
    engine: EngineDependency,
) -> ClientReply:
    """Register this browser, or renew what is known of it."""
    with absence_told():
        stored = engine.subscribing.subscribe(body.to_command(caller.app, device_of(request, body.told())))
    return ClientReply.of(caller.app, engine.listing.view(stored))


@router.post("/v2/push/clients/heartbeat")
def heartbeat(
    caller: Page, body: Annotated[Registration, json_body(Registration, declared=True)], engine: EngineDependency
) -> HeartbeatReply:
    """Note that a client is online; one that is not active is not found."""
    with absence_told():
        engine.subscribing.heartbeat(caller.app, registration(body.registration_id))
    return HeartbeatReply(success=True, registration_id=body.registration_id)


@router.options("/v2/push/clients/register")
@router.options("/v2/push/clients/heartbeat")
def page_preflight(request: Request) -> Response:
    """What a browser asks before a page's call with its publishable key."""
    return preflight(request, "POST", "Content-Type, X-Publishable-Key")
