"""A browser takes its subscription back."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.bodies import json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.own_ids import OwnId
from tocsin.dialects.tocsin.callers import PageOfApp, page_preflight

router = APIRouter()


@router.post("/sdk/v1/{app}/unsubscribe")
def unsubscribe(
    app: PageOfApp, body: Annotated[OwnId, json_body(OwnId)], engine: EngineDependency
) -> dict[str, object]:
    """End a subscription; one that has ended before, or never was, is fine too."""
    engine.subscribing.withdraw(app, body.subscription_id(engine, app))
    return {"ok": True}


@router.options("/sdk/v1/{app}/unsubscribe")
def unsubscribe_preflight(request: Request, app: str, engine: EngineDependency) -> Response:
    """The SDK's own call needs no preflight; another client's may."""
    return page_preflight(request, app, engine, "POST")
