"""The operator's routes of API keys."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from tocsin.application.accounts import NewKey
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import DialectsDependency, EngineDependency
from tocsin.dialect_kit.fields import Name
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.domain.api_key import ID_LENGTH, ApiKey, KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import KeyId
from tocsin.domain.tenancy import DialectName

router = APIRouter(prefix="/admin/apps/{app}/keys", dependencies=[operator])


class KeyRequest(ExactModel):
    """A key to be made. scopes: all that this kind can have, unless some are named.

    requests_per_minute: the dialect's, unless it is set.
    """

    dialect: str
    kind: Literal["secret", "publishable", "service"] = "secret"
    name: Name = "unnamed"
    scopes: list[Annotated[Scope, Field(strict=False)]] | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=60_000)] | None = None


@router.post("", status_code=201)
def create_key(
    app: AppInPath,
    body: Annotated[KeyRequest, json_body(KeyRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
    dialects: DialectsDependency,
) -> dict[str, object]:
    """Make an API key. `key` is told now and never again (PS-5)."""
    kind, dialect = KeyKind(body.kind), dialects.get(DialectName(body.dialect))
    if dialect is None or not dialect.keys:
        having = ", ".join(sorted(name for name, known in dialects.items() if known.keys))
        raise Refused(Fault.FIELD_INVALID, f"dialect must be one of: {having}", field="dialect")
    if kind not in dialect.keys:
        kinds = ", ".join(sorted(dialect.keys))
        raise Refused(Fault.FIELD_INVALID, f"kind must be one of: {kinds}", field="kind")
    scopes = None if body.scopes is None else frozenset(body.scopes)
    form = dialect.keys[kind]
    new = NewKey(dialect.name, kind, form.prefix, form.scopes, body.name, scopes, body.requests_per_minute)
    key, text = engine.accounts.create_key(app, new, actor)
    return {**_key(key), "key": form.told(app, text)}


@router.get("")
def list_keys(app: AppInPath, engine: EngineDependency, cursor: Cursor, limit: Limit = 100) -> dict[str, object]:
    """The keys of an app, newest first; never their text."""
    page = engine.accounts.keys(app, limit, cursor)
    return {"keys": [_key(key) for key in page.items], "next_cursor": next_cursor(page.cursor)}


@router.delete("/{key}")
def revoke_key(app: AppInPath, key: str, actor: OperatorActor, engine: EngineDependency) -> dict[str, object]:
    """Revoke a key for good; it stops working within a minute (PS-6)."""
    if len(key) != ID_LENGTH or not key.isalnum() or not key.isascii():
        raise Refused(Fault.NOT_FOUND, "Key not found")
    return _key(engine.accounts.revoke_key(app, KeyId(key), actor))


def _key(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "dialect": key.dialect,
        "kind": key.kind,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "last_four": key.last_four,
        "requests_per_minute": key.requests_per_minute,
        "created_at": iso(key.created_at),
        "last_used_at": None if key.last_used_at is None else iso(key.last_used_at),
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
    }
