"""POST /v1/unsubscribe (PS-23 to PS-25)."""

from typing import Annotated

from fastapi import APIRouter

from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialects.pushservice.callers import Unsubscriber
from tocsin.domain.identity import IdentityKind

router = APIRouter()


class UnsubscribeRequest(WireModel):
    """Whose subscriptions end."""

    email: str


class UnsubscribeReply(WireModel):
    """removed: how many were active until now."""

    removed: int


@router.post("/v1/unsubscribe")
def unsubscribe(
    caller: Unsubscriber, body: Annotated[UnsubscribeRequest, json_body(UnsubscribeRequest)], engine: EngineDependency
) -> UnsubscribeReply:
    """Deactivate every subscription of an e-mail address; 0 when there is none, so nobody learns who has one."""
    return UnsubscribeReply(removed=engine.subscribing.withdraw_person(caller.app, IdentityKind.EMAIL, body.email))
