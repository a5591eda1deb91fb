"""Tenants, apps and keys on DynamoDB."""

from collections.abc import Sequence

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.account_records import (
    app_from,
    app_item,
    key_from,
    key_item,
    tenant_from,
    tenant_item,
    vapid_key_from,
    vapid_key_item,
)
from tocsin.adapters.dynamodb.audit_log import AuditSteps, entry_from
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Put, Update
from tocsin.adapters.dynamodb.marshalling import Item
from tocsin.adapters.dynamodb.pages import Listing
from tocsin.application.ports import Page, SealedVapidKey, Stale
from tocsin.domain.api_key import ApiKey
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import App, Tenant

# Ids are random: whoever finds one taken is repeating its own write, or must not overwrite somebody else's.
FIRST_TIME = "attribute_not_exists(#pk)"
# Nobody changed the app since the caller read it.
UNCHANGED = "#revision = :read"
# The key comes from the caller's credential or path, the app from its own: both must agree. Revoking happens once.
LIVE_AND_OF_THIS_APP = "#app = :app AND attribute_not_exists(#revoked_at)"
LIVE = "attribute_exists(#pk) AND attribute_not_exists(#retired_at)"
# A late note must neither bring a removed key back as a stump nor set the time back.
LATER_USE = "attribute_exists(#pk) AND (attribute_not_exists(#last_used_at) OR #last_used_at < :at)"


class DynamoRegistry:
    """The Registry port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table
        self._audit = AuditSteps(table)
        self._owned = Listing(table, "owner", "owner_sk", keys.BY_OWNER)
        self._audited = Listing(table, "pk", "sk")

    def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant."""
        try:
            self._database.put(Put(self._table, tenant_item(tenant), FIRST_TIME))
        except ConditionFailed as refusal:
            if refusal.stored is None or tenant_from(refusal.stored) != tenant:
                raise

    def tenant(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""
        record = self._database.get(self._table, keys.tenant(tenant))
        return None if record is None else tenant_from(record)

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants, newest first. Raises MalformedCursor."""
        return self._owned.page(self._database, keys.TENANTS, tenant_from, limit, cursor)

    def add_app(self, app: App, key: SealedVapidKey, audit: AuditEntry) -> None:
        """Store a new app together with its first VAPID key: both or neither."""
        stored = Put(self._table, app_item(app), FIRST_TIME)
        try:
            self._database.transact([stored, self._new_vapid_key(app.id, key), self._audit.written(audit)])
        except ConditionsFailed:
            if self.app(app.id) != app or self.vapid_key(app.id, key.id) != key:
                raise

    def change_app(self, new: App, audit: AuditEntry, key: SealedVapidKey | None = None) -> None:
        """Store a changed app where the revision before it was read, with a further VAPID key if there is one.

        Raises Stale: somebody else changed it in between.
        """
        changed = Put(self._table, app_item(new), UNCHANGED, {"read": new.revision - 1})
        further = [] if key is None else [self._new_vapid_key(new.id, key)]
        try:
            self._database.transact([changed, *further, self._audit.written(audit)])
        except ConditionsFailed as refusal:
            if not refusal.stopped(changed):
                raise
            raise Stale from refusal

    def app(self, app: AppId) -> App | None:
        """The app, or None."""
        record = self._database.get(self._table, keys.app(app))
        return None if record is None else app_from(record)

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant, newest first. Raises MalformedCursor."""
        return self._owned.page(self._database, keys.apps_of(tenant), app_from, limit, cursor)

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""
        record = self._database.get(self._table, keys.vapid_key(app, key))
        return None if record is None else vapid_key_from(record)

    def vapid_keys(self, app: AppId) -> Sequence[SealedVapidKey]:
        """All VAPID keys of an app, newest first."""
        values = {"pk": keys.app(app)["pk"], "prefix": keys.VAPID_KEYS}
        records = self._database.query(self._table, "#pk = :pk AND begins_with(#sk, :prefix)", values)
        return sorted(map(vapid_key_from, records), key=lambda key: (key.created_at, key.id), reverse=True)

    def retire_vapid_key(self, app: App, key: str, at: int, audit: AuditEntry) -> bool:
        """Retire a key that is not the app's present one; False, and no change, when it is that, or retired, or absent.

        Raises Stale: the app was changed since it was read.
        """
        if key == app.vapid_key:
            return False
        retired = Update(self._table, keys.vapid_key(app.id, key), "SET #retired_at = :at", {"at": at}, LIVE)
        # A new revision, so that this and any other change of the app come one after the other.
        values = {"read": app.revision, "one": 1}
        unchanged = Update(self._table, keys.app(app.id), "ADD #revision :one", values, UNCHANGED)
        try:
            self._database.transact([retired, unchanged, self._audit.written(audit)])
        except ConditionsFailed as refusal:
            if refusal.stopped(unchanged):
                raise Stale from refusal
            return False
        return True

    def add_key(self, key: ApiKey, audit: AuditEntry) -> bool:
        """Store a new API key; False, and nothing stored, when its id is taken."""
        stored = Put(self._table, key_item(key), FIRST_TIME)
        try:
            self._database.transact([stored, self._audit.written(audit)])
        except ConditionsFailed as refusal:
            found = refusal.stored(stored)
            return found is not None and key_from(found) == key
        return True

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""
        record = self._database.get(self._table, keys.api_key(key))
        return None if record is None else key_from(record)

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, newest first, revoked ones included. Raises MalformedCursor."""
        return self._owned.page(self._database, keys.keys_of(app), key_from, limit, cursor)

    def revoke_key(self, app: AppId, key: KeyId, at: int, audit: AuditEntry) -> bool:
        """Revoke a key of this app; False, and no change, when the app has no such key or it is revoked already."""
        values: Item = {"at": at, "app": app}
        revoked = Update(self._table, keys.api_key(key), "SET #revoked_at = :at", values, LIVE_AND_OF_THIS_APP)
        try:
            self._database.transact([revoked, self._audit.written(audit)])
        except ConditionsFailed:
            return False
        return True

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used; the time never goes back."""
        change = Update(self._table, keys.api_key(key), "SET #last_used_at = :at", {"at": at}, LATER_USE)
        try:
            self._database.update(change)
        except ConditionFailed:
            return

    def record(self, entry: AuditEntry) -> None:
        """Store an audit entry that belongs to no change in the registry."""
        self._database.put(self._audit.written(entry))

    def audit(self, app: AppId, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """The audit log of an app, newest first. Raises MalformedCursor."""
        return self._audited.page(self._database, keys.audit_log(app), entry_from, limit, cursor)

    def _new_vapid_key(self, app: AppId, key: SealedVapidKey) -> Put:
        return Put(self._table, vapid_key_item(app, key), FIRST_TIME)
