"""The operator's API: tenants, apps, keys, credits. Every list answers {<name>: [...], "next_cursor"}."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tocsin.application.accounts import NewApp, NewKey
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import DialectsDependency, EngineDependency
from tocsin.dialect_kit.fields import AppUrl, Name, WebOrigin, own_origin
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, TenantInPath, operator
from tocsin.domain.api_key import ID_LENGTH, ApiKey, KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import KeyId
from tocsin.domain.send import Balance
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant

router = APIRouter(prefix="/admin", dependencies=[operator])

Limit = Annotated[int, Query(ge=1, le=500)]


class TenantRequest(WireModel):
    """A tenant to be made."""

    name: Name


class VapidRequest(WireModel):
    """A key pair to bring along: PEM, DER or raw base64url, or a JWK as text. public_key is checked if given."""

    private_key: str
    public_key: str | None = None


class AppRequest(WireModel):
    """An app to be made. contact: the VAPID subject, a mailto: or https: URI that push services can reach us by.

    origins: of the pages that may subscribe; the site's own unless some are named.
    """

    name: Name
    site_url: AppUrl
    origins: Annotated[list[WebOrigin], Field(max_length=50)] | None = None
    contact: str
    identity: Literal["off", "report", "required"] = "required"
    icon: AppUrl | None = None
    vapid: VapidRequest | None = None

    def to_new_app(self) -> NewApp:
        """The core's form."""
        return NewApp(
            name=self.name,
            site_url=self.site_url,
            origins=tuple(dict.fromkeys([own_origin(self.site_url)] if self.origins is None else self.origins)),
            contact=self.contact,
            identity=IdentityMode(self.identity),
            icon=self.icon,
            vapid_private=self.vapid.private_key if self.vapid else None,
            vapid_public=self.vapid.public_key if self.vapid else None,
        )


class KeyRequest(WireModel):
    """A key to be made. scopes: all that this kind can have, unless some are named. sends_per_minute: the dialect's."""

    dialect: str
    kind: Literal["secret", "publishable", "service"] = "secret"
    name: Name = "unnamed"
    scopes: list[Literal["push:send", "push:subscribe", "push:unsubscribe"]] | None = None
    sends_per_minute: Annotated[int, Field(ge=1, le=60_000)] | None = None


class GrantRequest(WireModel):
    """Credits to add. reference: the biller's own id of this purchase; the same one again adds nothing."""

    amount: Annotated[int, Field(ge=1, le=1_000_000_000)]
    reference: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]


@router.post("/tenants", status_code=201)
def create_tenant(
    body: Annotated[TenantRequest, json_body(TenantRequest)], engine: EngineDependency
) -> dict[str, object]:
    """Make a tenant."""
    return _tenant(engine.accounts.create_tenant(body.name))


@router.get("/tenants")
def list_tenants(engine: EngineDependency, limit: Limit = 100, cursor: str | None = None) -> dict[str, object]:
    """All tenants, newest first."""
    page = engine.accounts.tenants(limit, cursor)
    return {"tenants": [_tenant(tenant) for tenant in page.items], "next_cursor": page.cursor}


@router.get("/tenants/{tenant}")
def get_tenant(tenant: TenantInPath, engine: EngineDependency) -> dict[str, object]:
    """One tenant."""
    return _tenant(engine.accounts.tenant(tenant))


@router.post("/tenants/{tenant}/apps", status_code=201)
def create_app(
    tenant: TenantInPath, body: Annotated[AppRequest, json_body(AppRequest)], engine: EngineDependency
) -> dict[str, object]:
    """Make an app, with a VAPID key of its own. identity_secret is told now and never again."""
    app, identity_secret = engine.accounts.create_app(tenant, body.to_new_app())
    return {**_app(app, engine.public_url), "identity_secret": identity_secret}


@router.get("/tenants/{tenant}/apps")
def list_apps(
    tenant: TenantInPath, engine: EngineDependency, limit: Limit = 100, cursor: str | None = None
) -> dict[str, object]:
    """The apps of a tenant, newest first."""
    page = engine.accounts.apps(tenant, limit, cursor)
    return {"apps": [_app(app, engine.public_url) for app in page.items], "next_cursor": page.cursor}


@router.get("/apps/{app}")
def get_app(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """One app."""
    return _app(engine.accounts.app(app), engine.public_url)


@router.post("/apps/{app}/keys", status_code=201)
def create_key(
    app: AppInPath,
    body: Annotated[KeyRequest, json_body(KeyRequest)],
    engine: EngineDependency,
    dialects: DialectsDependency,
) -> dict[str, object]:
    """Make an API key. `key` is told now and never again (PS-5)."""
    kind, dialect = KeyKind(body.kind), dialects.get(DialectName(body.dialect))
    if dialect is None or not dialect.key_prefixes:
        having = ", ".join(sorted(name for name, known in dialects.items() if known.key_prefixes))
        raise Refused(Fault.FIELD_INVALID, f"dialect must be one of: {having}", field="dialect")
    if kind not in dialect.key_prefixes:
        kinds = ", ".join(sorted(dialect.key_prefixes))
        raise Refused(Fault.FIELD_INVALID, f"kind must be one of: {kinds}", field="kind")
    scopes = None if body.scopes is None else frozenset(map(Scope, body.scopes))
    new = NewKey(dialect.name, kind, dialect.key_prefixes[kind], body.name, scopes, body.sends_per_minute)
    key, text = engine.accounts.create_key(app, new)
    return {**_key(key), "key": text}


@router.get("/apps/{app}/keys")
def list_keys(
    app: AppInPath, engine: EngineDependency, limit: Limit = 100, cursor: str | None = None
) -> dict[str, object]:
    """The keys of an app, newest first; never their text."""
    page = engine.accounts.keys(app, limit, cursor)
    return {"keys": [_key(key) for key in page.items], "next_cursor": page.cursor}


@router.delete("/apps/{app}/keys/{key}")
def revoke_key(app: AppInPath, key: str, engine: EngineDependency) -> dict[str, object]:
    """Revoke a key for good; it stops working within a minute (PS-6)."""
    if len(key) != ID_LENGTH or not key.isalnum() or not key.isascii():
        raise Refused(Fault.NOT_FOUND, "Key not found")
    return _key(engine.accounts.revoke_key(app, KeyId(key)))


@router.post("/apps/{app}/credits", status_code=201)
def grant_credits(
    app: AppInPath,
    body: Annotated[GrantRequest, json_body(GrantRequest)],
    engine: EngineDependency,
    response: Response,
) -> dict[str, object]:
    """Add credits: 201; 200 when this reference added them before (PS-33)."""
    balance, added = engine.accounts.grant(app, body.amount, body.reference)
    response.status_code = 201 if added else 200
    return {**_balance(balance), "added": added}


@router.get("/apps/{app}/credits")
def get_credits(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """The credits of an app."""
    return _balance(engine.accounts.balance(app))


def _tenant(tenant: Tenant) -> dict[str, object]:
    return {"id": render("ten", tenant.id), "name": tenant.name, "created_at": iso(tenant.created_at)}


def _app(app: App, public_url: str) -> dict[str, object]:
    id_ = render("app", app.id)
    return {
        "id": id_,
        "tenant": render("ten", app.tenant),
        "name": app.name,
        "site_url": app.site_url,
        "origins": list(app.origins),
        "contact": app.contact,
        "identity": app.identity,
        "icon": app.icon,
        "vapid_public_key": app.vapid_public,
        "vapid_key_id": app.vapid_key,
        "sdk": f"{public_url}/sdk.js?app={id_}",
        "worker": f"{public_url}/sw.js?app={id_}",
        "created_at": iso(app.created_at),
    }


def _key(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "dialect": key.dialect,
        "kind": key.kind,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "last_four": key.last_four,
        "sends_per_minute": key.sends_per_minute,
        "created_at": iso(key.created_at),
        "last_used_at": None if key.last_used_at is None else iso(key.last_used_at),
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
    }


def _balance(balance: Balance) -> dict[str, object]:
    return {"available": balance.available, "reserved": balance.reserved, "spent": balance.spent}
