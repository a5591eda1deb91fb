"""The operator's routes of exports: everything of an app in forms that can be taken elsewhere."""

from typing import Annotated

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tocsin.application.exporting import OpenedVapidKey
from tocsin.application.listing import SubscriptionView
from tocsin.application.ports import Place
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.moving import written_line
from tocsin.dialects.tocsin.paging import Limit
from tocsin.domain.ids import SubscriptionId
from tocsin.webpush.encoding import to_base64url

router = APIRouter(prefix="/admin/apps/{app}/export", dependencies=[operator])

LISTING = "export"
MAX_BYTES = 4 * 1024 * 1024
"""Of a page: Lambda hands out 6 MB at most, and a third more for what is not text."""
NEVER_STORED = {"Cache-Control": "no-store"}


def _after(app: AppInPath, engine: EngineDependency, cursor: Annotated[str | None, Query()] = None) -> Place | None:
    if cursor is None:
        return None
    created_at, _, name = engine.cursors.open(app, LISTING, cursor).partition("#")
    return Place(int(created_at), SubscriptionId(name))


After = Annotated[Place | None, Depends(_after)]
"""Sealed, unlike other cursors of the operator: a place that was made up would begin an export unnoticed."""


@router.get("")
def export_subscriptions(
    app: AppInPath, actor: OperatorActor, engine: EngineDependency, after: After, limit: Limit = 500
) -> Response:
    """A page of an app's subscriptions in every state, a line each; X-Next-Cursor asks for the next one."""
    owner = engine.accounts.app(app)
    page, keys = engine.exporting.page(owner, after, limit, actor), engine.exporting.public_keys(owner)
    muted = engine.exporting.muted(owner, page.views)
    body, written = bytearray(), 0
    for view in page.views:
        line = written_line(view, keys, muted)
        if written and len(body) + len(line) > MAX_BYTES:
            break
        body += line
        written += 1
    following = page.after if written == len(page.views) else _place(page.views[written - 1])
    headers = {"X-Total-Count": str(page.total), **NEVER_STORED}
    if following is not None:
        place = f"{following.created_at}#{following.id}"
        headers["X-Next-Cursor"] = engine.cursors.seal(app, LISTING, place)
    return Response(bytes(body), media_type="application/x-ndjson", headers=headers)


@router.post("/vapid-keys")
def export_vapid_keys(
    app: AppInPath, actor: OperatorActor, engine: EngineDependency, response: Response
) -> dict[str, object]:
    """The private halves of an app's VAPID keys: whoever has them can send to its subscribers for good."""
    response.headers.update(NEVER_STORED)
    keys = engine.exporting.vapid_keys(engine.accounts.app(app), actor)
    return {"vapid_keys": [_opened(key) for key in keys]}


def _place(view: SubscriptionView) -> Place:
    return Place(view.subscription.created_at, view.subscription.id)


def _opened(opened: OpenedVapidKey) -> dict[str, object]:
    """private_key: as web-push has it. pem: as pywebpush has it."""
    key, private = opened.key, opened.private
    pem = private.signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "id": key.id,
        "public_key": key.public,
        "private_key": to_base64url(private.private_raw),
        "pem": pem.decode(),
        "present": opened.present,
        "created_at": iso(key.created_at),
        "retired_at": None if key.retired_at is None else iso(key.retired_at),
    }
