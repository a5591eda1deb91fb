"""The operator's routes of the service account by which an app reaches phones."""

from typing import Annotated

from fastapi import APIRouter

from tocsin.application.fcm_accounts import FcmUse
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator

router = APIRouter(prefix="/admin/apps/{app}/fcm", dependencies=[operator])


class ServiceAccountFile(WireModel):
    """The file of a service account as Google's console gives it out. It is Google's, so more may stand in it."""

    type: str
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str


@router.get("")
def get_account(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """The service account of an app, never its key, and how many active devices are reached by it."""
    return _account(engine.fcm_accounts.get(app))


@router.put("")
def put_account(
    app: AppInPath,
    body: Annotated[ServiceAccountFile, json_body(ServiceAccountFile)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Give an app a service account, in place of any earlier one."""
    return _account(engine.fcm_accounts.put(app, body.model_dump(), actor))


@router.delete("", status_code=204)
def remove_account(app: AppInPath, actor: OperatorActor, engine: EngineDependency) -> None:
    """Take an app's service account away: its phones are not reached any more."""
    engine.fcm_accounts.remove(app, actor)


def _account(use: FcmUse) -> dict[str, object]:
    return {
        "project_id": use.account.project,
        "client_email": use.account.email,
        "private_key_id": use.account.key_id,
        "devices": use.devices,
        "created_at": iso(use.account.created_at),
    }
