"""The operator's routes of VAPID keys: several live side by side, new subscriptions are made under the present one."""

import re
from typing import Annotated

from fastapi import APIRouter

from tocsin.application.accounts import VapidPair
from tocsin.application.configuring import VapidKeyUse
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.domain.errors import Fault, Refused

router = APIRouter(prefix="/admin/apps/{app}/vapid-keys", dependencies=[operator])

_ID = re.compile(r"[A-Za-z0-9_-]{12}")


class VapidRequest(ExactModel):
    """A key pair to bring along: PEM, DER or raw base64url, or a JWK as text. public_key is checked if given."""

    private_key: str
    public_key: str | None = None

    def to_pair(self) -> VapidPair:
        """The core's form."""
        return VapidPair(self.private_key, self.public_key)


class RotationRequest(ExactModel):
    """A further key: one to bring along, else a new one is made. present: new subscriptions are made under it."""

    vapid: VapidRequest | None = None
    present: bool = True


@router.get("")
def list_vapid_keys(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """All VAPID keys of an app, the present one first, and how many active subscriptions were made under each."""
    return {"vapid_keys": [_vapid_key(use) for use in engine.configuring.vapid_keys(app)], "next_cursor": None}


@router.post("", status_code=201)
def rotate(
    app: AppInPath,
    body: Annotated[RotationRequest, json_body(RotationRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Add a VAPID key, which is the present one from now on unless the request says otherwise."""
    pair = body.vapid.to_pair() if body.vapid else None
    return _vapid_key(engine.configuring.rotate(app, pair, actor, present=body.present))


@router.delete("/{vapid_key}")
def retire(app: AppInPath, vapid_key: str, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """Retire a VAPID key that nobody uses any more: whoever still reports it is refused. Again changes nothing."""
    if not _ID.fullmatch(vapid_key):
        raise Refused(Fault.NOT_FOUND, "VAPID key not found")
    return _vapid_key(engine.configuring.retire(app, vapid_key, actor))


def _vapid_key(use: VapidKeyUse) -> dict[str, object]:
    return {
        "id": use.key.id,
        "public_key": use.key.public,
        "present": use.present,
        "subscriptions": use.subscriptions,
        "created_at": iso(use.key.created_at),
        "retired_at": None if use.key.retired_at is None else iso(use.key.retired_at),
    }
