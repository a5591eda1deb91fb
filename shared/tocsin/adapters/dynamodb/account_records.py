"""Tenants, apps and their keys as items and back."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import SealedVapidKey
from tocsin.domain.api_key import ApiKey, KeyKind, Scope
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.quota import Limits
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant


def tenant_item(tenant: Tenant) -> Item:
    """The item of a tenant."""
    return {
        **keys.tenant(tenant.id),
        "owner": keys.TENANTS,
        "owner_sk": keys.place(tenant.created_at, tenant.id),
        "id": tenant.id,
        "name": tenant.name,
        "created_at": tenant.created_at,
    }


def tenant_from(record: Record) -> Tenant:
    """The tenant in a record. Raises MalformedRecord."""
    return Tenant(TenantId(record.text("id")), record.text("name"), record.number("created_at"))


def app_item(app: App) -> Item:
    """The item of an app."""
    return {
        **keys.app(app.id),
        "owner": keys.apps_of(app.tenant),
        "owner_sk": keys.place(app.created_at, app.id),
        "id": app.id,
        "tenant": app.tenant,
        "name": app.name,
        "site_url": app.site_url,
        "origins": app.origins,
        "contact": app.contact,
        "identity": app.identity,
        "identity_version": app.identity_version,
        "vapid_key": app.vapid_key,
        "vapid_public": app.vapid_public,
        "icon": app.icon,
        "hourly_limit": app.limits.hourly,
        "daily_limit": app.limits.daily,
        "monthly_limit": app.limits.monthly,
        "dialects_off": sorted(app.dialects_off),
        "revision": app.revision,
        "created_at": app.created_at,
        "hooks": sorted(app.hooks),
        "statistics": app.statistics,
    }


def app_from(record: Record) -> App:
    """The app in a record. Raises MalformedRecord."""
    return App(
        AppId(record.text("id")),
        TenantId(record.text("tenant")),
        record.text("name"),
        record.text("site_url"),
        record.texts("origins"),
        record.text("contact"),
        IdentityMode(record.text("identity")),
        record.number("identity_version"),
        record.text("vapid_key"),
        record.text("vapid_public"),
        record.text_or_none("icon"),
        Limits(*(record.number_or_none(name) for name in ("hourly_limit", "daily_limit", "monthly_limit"))),
        frozenset(map(DialectName, record.texts("dialects_off"))),
        record.number("created_at"),
        record.number("revision"),
        frozenset(map(DialectName, record.texts("hooks"))),
        record.flag("statistics"),
    )


def key_item(key: ApiKey) -> Item:
    """The item of an API key."""
    return {
        **keys.api_key(key.id),
        "owner": keys.keys_of(key.app),
        "owner_sk": keys.place(key.created_at, key.id),
        "id": key.id,
        "tenant": key.tenant,
        "app": key.app,
        "dialect": key.dialect,
        "kind": key.kind,
        "scopes": sorted(key.scopes),
        "name": key.name,
        "digest": key.digest,
        "last_four": key.last_four,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "requests_per_minute": key.requests_per_minute,
    }


def key_from(record: Record) -> ApiKey:
    """The API key in a record. Raises MalformedRecord."""
    return ApiKey(
        KeyId(record.text("id")),
        TenantId(record.text("tenant")),
        AppId(record.text("app")),
        DialectName(record.text("dialect")),
        KeyKind(record.text("kind")),
        frozenset(map(Scope, record.texts("scopes"))),
        record.text("name"),
        record.text("digest"),
        record.text("last_four"),
        record.number("created_at"),
        record.number_or_none("last_used_at"),
        record.number_or_none("revoked_at"),
        record.number_or_none("requests_per_minute"),
    )


def vapid_key_item(app: AppId, key: SealedVapidKey) -> Item:
    """The item of an app's VAPID key."""
    return {
        **keys.vapid_key(app, key.id),
        "id": key.id,
        "public": key.public,
        "ciphertext": key.ciphertext,
        "created_at": key.created_at,
        "retired_at": key.retired_at,
    }


def vapid_key_from(record: Record) -> SealedVapidKey:
    """The VAPID key in a record. Raises MalformedRecord."""
    return SealedVapidKey(
        record.text("id"),
        record.text("public"),
        record.binary("ciphertext"),
        record.number("created_at"),
        record.number_or_none("retired_at"),
    )
