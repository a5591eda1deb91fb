"""The operator's API: tenants, and everything of their apps. Every list answers {<name>: [...], "next_cursor"}."""

from typing import Annotated

from fastapi import APIRouter

from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Name
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin import (
    access_tokens,
    api_keys,
    apps,
    dead_letters,
    exports,
    fcm,
    hooks,
    imports,
    money,
    people,
    reconciliation,
    vapid_keys,
)
from tocsin.dialects.tocsin.callers import TenantInPath, operator
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.domain.tenancy import Tenant

router = APIRouter()
tenants = APIRouter(prefix="/admin/tenants", dependencies=[operator])


class TenantRequest(ExactModel):
    """A tenant to be made."""

    name: Name


@tenants.post("", status_code=201)
def create_tenant(
    body: Annotated[TenantRequest, json_body(TenantRequest)], engine: EngineDependency
) -> dict[str, object]:
    """Make a tenant."""
    return _tenant(engine.accounts.create_tenant(body.name))


@tenants.get("")
def list_tenants(engine: EngineDependency, cursor: Cursor, limit: Limit = 100) -> dict[str, object]:
    """All tenants, newest first."""
    page = engine.accounts.tenants(limit, cursor)
    return {"tenants": [_tenant(tenant) for tenant in page.items], "next_cursor": next_cursor(page.cursor)}


@tenants.get("/{tenant}")
def get_tenant(tenant: TenantInPath, engine: EngineDependency) -> dict[str, object]:
    """One tenant."""
    return _tenant(engine.accounts.tenant(tenant))


def _tenant(tenant: Tenant) -> dict[str, object]:
    return {"id": render("ten", tenant.id), "name": tenant.name, "created_at": iso(tenant.created_at)}


for part in (
    *(tenants, apps.router, api_keys.router, vapid_keys.router),
    *(money.router, reconciliation.router, people.router, dead_letters.router, access_tokens.router),
    *(imports.router, exports.router, fcm.router, hooks.router),
):
    router.include_router(part)
