"""What the browser SDK asks for: its settings, to be subscribed, to be named; and its worker, for a whole message."""

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.bodies import json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.own_ids import own_id
from tocsin.dialect_kit.user_agent import device_of
from tocsin.dialects.tocsin.browser import FetchBody, IdentifyBody, SubscriptionBody, TagsBody
from tocsin.dialects.tocsin.callers import PageOfApp, WorkerOfApp, page_preflight
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import SendId

router = APIRouter(prefix="/sdk/v1/{app}")

WORKER_PATH = "/tocsin-sw.js"
SCOPE = "/tocsin/"
"""A scope of our own: the site's own worker keeps its pages."""
CONFIG_SECONDS = 300


@router.get("/config")
def config(app: PageOfApp, response: Response) -> dict[str, object]:
    """What a page needs to subscribe; all of it is public."""
    response.headers["Cache-Control"] = f"private, max-age={CONFIG_SECONDS}"
    response.headers["Vary"] = "Origin"
    return {
        "key": app.vapid_public,
        "keyId": app.vapid_key,
        "identity": app.identity,
        "worker": WORKER_PATH,
        "scope": SCOPE,
        "icon": app.icon,
        "site": app.site_url,
        "title": app.name,
    }


@router.post("/subscriptions", status_code=201)
def subscribe(
    app: PageOfApp,
    body: Annotated[SubscriptionBody, json_body(SubscriptionBody)],
    request: Request,
    engine: EngineDependency,
) -> dict[str, object]:
    """Subscribe this browser, or renew what is known of it. who: for the worker's person check."""
    stored = engine.subscribing.subscribe(body.to_command(app, device_of(request, body.told())))
    return {"id": own_id(engine, app, stored.id), "who": engine.identifying.who(stored)}


@router.post("/identify")
def identify(
    app: PageOfApp, body: Annotated[IdentifyBody, json_body(IdentifyBody)], engine: EngineDependency
) -> dict[str, object]:
    """Say whose browser this is; null lets the person go and keeps the subscription."""
    stored = engine.subscribing.identify(app, body.subscription_id(engine, app), body.to_claim())
    external = stored.identity(IdentityKind.EXTERNAL)
    return {
        "id": own_id(engine, app, stored.id),
        "externalId": None if external is None else external.value,
        "who": engine.identifying.who(stored),
    }


@router.post("/tags")
def tag(app: PageOfApp, body: Annotated[TagsBody, json_body(TagsBody)], engine: EngineDependency) -> dict[str, object]:
    """Replace the tags of a subscription."""
    stored = engine.amending.tag(app, body.subscription_id(engine, app), body.to_labels())
    return {"id": own_id(engine, app, stored.id), "tags": list(stored.labels)}


@router.post("/message")
def fetch(
    app: WorkerOfApp, body: Annotated[FetchBody, json_body(FetchBody)], request: Request, engine: EngineDependency
) -> Response:
    """The whole of a message that was too long to be pushed, as it would have been; once (X-6)."""
    message = engine.fetching.message(app, SendId(body.id), body.token)
    request.state.send = body.id
    return Response(message, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.options("/{call}")
def sdk_preflight(request: Request, app: str, call: str, engine: EngineDependency) -> Response:
    """The SDK's own calls need no preflight; another client's may."""
    return page_preflight(request, app, engine, "GET" if call == "config" else "POST")
