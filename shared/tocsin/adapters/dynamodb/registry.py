"""Tenants, apps and keys on DynamoDB."""

import re
from collections.abc import Callable
from typing import TypeVar

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Put, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import MalformedCursor, Page, SealedVapidKey
from tocsin.domain.api_key import ApiKey, KeyKind, Scope
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant

Listed = TypeVar("Listed")

# Ids are random: whoever finds one taken is repeating its own write, or must not overwrite somebody else's.
FIRST_TIME = "attribute_not_exists(#pk)"
# The key comes from the caller's credential, the app from the path: both must agree.
OF_THIS_APP = "#app = :app"
# A late note must neither bring a removed key back as a stump nor set the time back.
LATER_USE = "attribute_exists(#pk) AND (attribute_not_exists(#last_used_at) OR #last_used_at < :at)"

# What listings give out as a cursor: a place in by_owner.
_PLACE = re.compile(r"\d{12}#[0-9A-Za-z]{1,64}", re.ASCII)


class DynamoRegistry:
    """The Registry port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant."""
        item: Item = {
            **keys.tenant(tenant.id),
            "owner": keys.TENANTS,
            "owner_sk": keys.place(tenant.created_at, tenant.id),
            "id": tenant.id,
            "name": tenant.name,
            "created_at": tenant.created_at,
        }
        try:
            self._database.put(Put(self._table, item, FIRST_TIME))
        except ConditionFailed as refusal:
            if refusal.stored is None or _tenant(refusal.stored) != tenant:
                raise

    def tenant(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""
        record = self._database.get(self._table, keys.tenant(tenant))
        return None if record is None else _tenant(record)

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants, newest first. Raises MalformedCursor."""
        return self._page(keys.TENANTS, _tenant, limit, cursor)

    def add_app(self, app: App, key: SealedVapidKey) -> None:
        """Store a new app together with its first VAPID key: both or neither."""
        vapid_key: Item = {
            **keys.vapid_key(app.id, key.id),
            "id": key.id,
            "public": key.public,
            "ciphertext": key.ciphertext,
            "created_at": key.created_at,
        }
        try:
            self._database.transact(
                [Put(self._table, _app_item(app), FIRST_TIME), Put(self._table, vapid_key, FIRST_TIME)]
            )
        except ConditionsFailed:
            if self.app(app.id) != app or self.vapid_key(app.id, key.id) != key:
                raise

    def app(self, app: AppId) -> App | None:
        """The app, or None."""
        record = self._database.get(self._table, keys.app(app))
        return None if record is None else _app(record)

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant, newest first. Raises MalformedCursor."""
        return self._page(keys.apps_of(tenant), _app, limit, cursor)

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""
        record = self._database.get(self._table, keys.vapid_key(app, key))
        if record is None:
            return None
        return SealedVapidKey(
            record.text("id"), record.text("public"), record.binary("ciphertext"), record.number("created_at")
        )

    def add_key(self, key: ApiKey) -> bool:
        """Store a new API key; False, and nothing stored, when its id is taken."""
        try:
            self._database.put(Put(self._table, _key_item(key), FIRST_TIME))
        except ConditionFailed as refusal:
            return refusal.stored is not None and _key(refusal.stored) == key
        return True

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""
        record = self._database.get(self._table, keys.api_key(key))
        return None if record is None else _key(record)

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, newest first, revoked ones included. Raises MalformedCursor."""
        return self._page(keys.keys_of(app), _key, limit, cursor)

    def revoke_key(self, app: AppId, key: KeyId, at: int) -> bool:
        """Revoke a key of this app; the first revocation's time stays. False when the app has no such key."""
        change = "SET #revoked_at = if_not_exists(#revoked_at, :at)"
        values: Item = {"at": at, "app": app}
        try:
            self._database.update(Update(self._table, keys.api_key(key), change, values, OF_THIS_APP))
        except ConditionFailed:
            return False
        return True

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used; the time never goes back."""
        change = Update(self._table, keys.api_key(key), "SET #last_used_at = :at", {"at": at}, LATER_USE)
        try:
            self._database.update(change)
        except ConditionFailed:
            return

    def _page(self, owner: str, read: Callable[[Record], Listed], limit: int, cursor: str | None) -> Page[Listed]:
        condition, values = "#owner = :owner", {"owner": owner}
        if cursor is not None:
            if not _PLACE.fullmatch(cursor):
                raise MalformedCursor
            condition, values = f"{condition} AND #owner_sk < :after", {"owner": owner, "after": cursor}
        found: list[Record] = []
        # One more than shown tells whether there is a next page.
        for record in self._database.query(
            self._table, condition, values, index=keys.BY_OWNER, page=limit + 1, newest_first=True
        ):
            found.append(record)
            if len(found) > limit:
                return Page([read(one) for one in found[:limit]], found[limit - 1].text("owner_sk"))
        return Page([read(one) for one in found], None)


def _tenant(record: Record) -> Tenant:
    return Tenant(TenantId(record.text("id")), record.text("name"), record.number("created_at"))


def _app_item(app: App) -> Item:
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
        "created_at": app.created_at,
    }


def _app(record: Record) -> App:
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
        record.number("created_at"),
    )


def _key_item(key: ApiKey) -> Item:
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
        "sends_per_minute": key.sends_per_minute,
    }


def _key(record: Record) -> ApiKey:
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
        record.number_or_none("sends_per_minute"),
    )
