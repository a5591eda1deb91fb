"""The operator's routes of webhooks: where an app's server is told of events, by which API, and what did not arrive."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import Request

from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.keep import KEEP
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import AUTH_LIMIT, URL_LIMIT, EventState, PendingEvent, Webhook

router = APIRouter(prefix="/admin/apps/{app}/webhooks/{dialect}", dependencies=[operator])

_ID = re.compile(r"[0-9a-f]{24}")


def _dialect(request: Request, dialect: Annotated[str, Path()]) -> DialectName:
    """One that has webhooks."""
    if dialect not in request.app.state.webhook_formats():
        raise Refused(Fault.NOT_FOUND, "There is no API of this name that has webhooks")
    return DialectName(dialect)


def _event(event: Annotated[str, Path()]) -> str:
    if not _ID.fullmatch(event):
        raise Refused(Fault.NOT_FOUND, "Event not found")
    return event


DialectInPath = Annotated[DialectName, Depends(_dialect)]
EventInPath = Annotated[str, Depends(_event)]
State = Annotated[EventState, Query()]


class WebhookRequest(ExactModel):
    """Where events go. auth: a credential to send with them, null for none; left out, it stays as it is.

    rotate: a new secret; the one before it signs too for another 24 hours.
    """

    url: Annotated[str, Field(min_length=1, max_length=URL_LIMIT)]
    auth: Annotated[str, Field(min_length=1, max_length=AUTH_LIMIT)] | None = None
    rotate: bool = False


@router.get("")
def get_webhook(app: AppInPath, dialect: DialectInPath, engine: EngineDependency) -> dict[str, object]:
    """The webhook, without its secrets."""
    return _webhook(_found(app, dialect, engine))


@router.put("")
def put_webhook(
    app: AppInPath,
    dialect: DialectInPath,
    body: Annotated[WebhookRequest, json_body(WebhookRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Set it up or change it. secret is told when it is new, and then never again."""
    before = engine.webhooks.get(app, dialect)
    auth = body.auth if "auth" in body.model_fields_set else KEEP
    webhook = engine.webhooks.change(app, dialect, url=body.url, auth=auth, rotate=body.rotate, actor=actor)
    is_new = before is None or before.version != webhook.version
    return _webhook(webhook) | ({"secret": engine.webhooks.secret(webhook)} if is_new else {})


@router.delete("")
def delete_webhook(
    app: AppInPath, dialect: DialectInPath, actor: OperatorActor, engine: EngineDependency
) -> dict[str, object]:
    """Take it away. Its secret stays, for the next one."""
    _found(app, dialect, engine)
    return _webhook(engine.webhooks.change(app, dialect, url=None, actor=actor))


@router.post("/enable")
def enable(app: AppInPath, dialect: DialectInPath, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """Send events again to one that was disabled, for five days of failures or because its receiver answered 410."""
    return _webhook(engine.webhooks.enable(app, dialect, actor))


@router.get("/events")
def list_events(
    app: AppInPath,
    dialect: DialectInPath,
    engine: EngineDependency,
    cursor: Cursor,
    state: State = EventState.FAILING,
    limit: Limit = 100,
) -> dict[str, object]:
    """The events that did not arrive: failing ones are tried again, dead ones were tried eight times in 24 hours."""
    page = engine.webhooks.pending(app, dialect, state, limit, cursor)
    return {"events": [_pending(one) for one in page.items], "next_cursor": next_cursor(page.cursor)}


@router.post("/events/{event}/replay")
def replay(
    app: AppInPath, dialect: DialectInPath, event: EventInPath, actor: OperatorActor, engine: EngineDependency
) -> dict[str, object]:
    """Try one event now and, should that fail, eight times again."""
    return _pending(engine.webhooks.replay(app, dialect, event, actor))


@router.post("/replay")
def replay_dead(
    app: AppInPath, dialect: DialectInPath, actor: OperatorActor, engine: EngineDependency
) -> dict[str, object]:
    """The same for up to 100 dead events: how many. Again until there is none."""
    return {"replayed": engine.webhooks.replay_dead(app, dialect, actor)}


def _found(app: AppId, dialect: DialectName, engine: EngineDependency) -> Webhook:
    engine.accounts.app(app)
    found = engine.webhooks.get(app, dialect)
    if found is None or found.url is None:
        raise Refused(Fault.NOT_FOUND, "There is no webhook")
    return found


def _webhook(webhook: Webhook) -> dict[str, object]:
    return {
        "url": webhook.url,
        "auth": webhook.auth is not None,
        "secret_version": webhook.version,
        "failing_since": _time(webhook.failing_since),
        "disabled_at": _time(webhook.disabled_at),
    }


def _pending(pending: PendingEvent) -> dict[str, object]:
    """Whose event it is stays untold; status: of the last answer, null if none came."""
    return {
        "id": pending.event.id,
        "kind": pending.event.kind,
        "at": iso(pending.event.at),
        "state": pending.state,
        "tries": pending.tries,
        "status": pending.status,
        "milliseconds": pending.milliseconds,
        "tried_at": _time(pending.tried_at),
        "next_at": _time(pending.due_at),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
