"""Tenants, apps, keys and the audit log in memory."""

from collections.abc import Sequence
from dataclasses import replace

from tests.memory.pages import page, place
from tests.memory.storage import Storage
from tocsin.application.ports import Page, SealedVapidKey, Stale
from tocsin.domain.api_key import ApiKey
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import App, Tenant


class MemoryRegistry:
    """The Registry port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant."""
        with self._storage.lock:
            self._storage.tenants[tenant.id] = tenant

    def tenant(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""
        return self._storage.tenants.get(tenant)

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants, newest first."""
        with self._storage.lock:
            return page(self._storage.tenants.values(), lambda t: place(t.created_at, t.id), limit, cursor)

    def add_app(self, app: App, key: SealedVapidKey, audit: AuditEntry) -> None:
        """Store a new app together with its first VAPID key."""
        with self._storage.lock:
            self._storage.apps[app.id] = app
            self._storage.vapid_keys[app.id, key.id] = key
            self._storage.audit.append(audit)

    def change_app(self, new: App, audit: AuditEntry, key: SealedVapidKey | None = None) -> None:
        """Store a changed app where the revision before it was read. Raises Stale."""
        with self._storage.lock:
            self._check_revision(new.id, new.revision - 1)
            self._storage.apps[new.id] = new
            if key is not None:
                self._storage.vapid_keys[new.id, key.id] = key
            self._storage.audit.append(audit)

    def app(self, app: AppId) -> App | None:
        """The app, or None."""
        return self._storage.apps.get(app)

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant, newest first."""
        with self._storage.lock:
            owned = [app for app in self._storage.apps.values() if app.tenant == tenant]
            return page(owned, lambda a: place(a.created_at, a.id), limit, cursor)

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""
        return self._storage.vapid_keys.get((app, key))

    def vapid_keys(self, app: AppId) -> Sequence[SealedVapidKey]:
        """All VAPID keys of an app, newest first."""
        with self._storage.lock:
            owned = [key for (owner, _), key in self._storage.vapid_keys.items() if owner == app]
        return sorted(owned, key=lambda key: (key.created_at, key.id), reverse=True)

    def retire_vapid_key(self, app: App, key: str, at: int, audit: AuditEntry) -> bool:
        """Retire a key that is not the app's present one. Raises Stale."""
        if key == app.vapid_key:
            return False
        with self._storage.lock:
            stored_app = self._check_revision(app.id, app.revision)
            stored = self._storage.vapid_keys.get((app.id, key))
            if stored is None or stored.retired_at is not None:
                return False
            self._storage.vapid_keys[app.id, key] = replace(stored, retired_at=at)
            # Whoever read the key as a live one, to make it the present one again, has to read anew.
            self._storage.apps[app.id] = replace(stored_app, revision=stored_app.revision + 1)
            self._storage.audit.append(audit)
            return True

    def add_key(self, key: ApiKey, audit: AuditEntry) -> bool:
        """Store a new API key; False when its id is taken."""
        with self._storage.lock:
            if key.id in self._storage.keys:
                return self._storage.keys[key.id] == key
            self._storage.keys[key.id] = key
            self._storage.audit.append(audit)
            return True

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""
        return self._storage.keys.get(key)

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, newest first."""
        with self._storage.lock:
            owned = [key for key in self._storage.keys.values() if key.app == app]
            return page(owned, lambda k: place(k.created_at, k.id), limit, cursor)

    def revoke_key(self, app: AppId, key: KeyId, at: int, audit: AuditEntry) -> bool:
        """Revoke a key of this app; False when it has no such key that is live."""
        with self._storage.lock:
            stored = self._storage.keys.get(key)
            if stored is None or stored.app != app or stored.revoked_at is not None:
                return False
            self._storage.keys[key] = replace(stored, revoked_at=at)
            self._storage.audit.append(audit)
            return True

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used; the time never goes back."""
        with self._storage.lock:
            stored = self._storage.keys.get(key)
            if stored is not None and (stored.last_used_at is None or stored.last_used_at < at):
                self._storage.keys[key] = replace(stored, last_used_at=at)

    def record(self, entry: AuditEntry) -> None:
        """Store an audit entry."""
        with self._storage.lock:
            self._storage.audit.append(entry)

    def audit(self, app: AppId, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """The audit log of an app, newest first."""
        with self._storage.lock:
            owned = [entry for entry in self._storage.audit if entry.app == app]
            return page(owned, lambda e: place(e.at, e.id), limit, cursor)

    def _check_revision(self, app: AppId, revision: int) -> App:
        stored = self._storage.apps.get(app)
        if stored is None or stored.revision != revision:
            raise Stale
        return stored
