"""Tenants, apps and keys in memory."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from tests.memory.storage import Storage
from tocsin.application.ports import MalformedCursor, Page, SealedVapidKey
from tocsin.domain.api_key import ApiKey
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import App, Tenant

Record = TypeVar("Record")
_CURSOR = re.compile(r"\d{12}#[0-9A-Za-z]{1,64}", re.ASCII)


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
            return _page(self._storage.tenants.values(), lambda t: _place(t.created_at, t.id), limit, cursor)

    def add_app(self, app: App, key: SealedVapidKey) -> None:
        """Store a new app together with its first VAPID key."""
        with self._storage.lock:
            self._storage.apps[app.id] = app
            self._storage.vapid_keys[app.id, key.id] = key

    def app(self, app: AppId) -> App | None:
        """The app, or None."""
        return self._storage.apps.get(app)

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant, newest first."""
        with self._storage.lock:
            owned = [app for app in self._storage.apps.values() if app.tenant == tenant]
            return _page(owned, lambda a: _place(a.created_at, a.id), limit, cursor)

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""
        return self._storage.vapid_keys.get((app, key))

    def add_key(self, key: ApiKey) -> bool:
        """Store a new API key; False when its id is taken."""
        with self._storage.lock:
            return self._storage.keys.setdefault(key.id, key) == key

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""
        return self._storage.keys.get(key)

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, newest first."""
        with self._storage.lock:
            owned = [key for key in self._storage.keys.values() if key.app == app]
            return _page(owned, lambda k: _place(k.created_at, k.id), limit, cursor)

    def revoke_key(self, app: AppId, key: KeyId, at: int) -> bool:
        """Revoke a key of this app; the first revocation's time stays."""
        with self._storage.lock:
            stored = self._storage.keys.get(key)
            if stored is None or stored.app != app:
                return False
            if stored.revoked_at is None:
                self._storage.keys[key] = replace(stored, revoked_at=at)
            return True

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used; the time never goes back."""
        with self._storage.lock:
            stored = self._storage.keys.get(key)
            if stored is not None and (stored.last_used_at is None or stored.last_used_at < at):
                self._storage.keys[key] = replace(stored, last_used_at=at)


def _place(created_at: int, name: str) -> str:
    return f"{created_at:012}#{name}"


def _page(records: Iterable[Record], place: Callable[[Record], str], limit: int, cursor: str | None) -> Page[Record]:
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise MalformedCursor
    listing = sorted(records, key=place, reverse=True)
    rest = [record for record in listing if cursor is None or place(record) < cursor]
    shown = rest[:limit]
    return Page(shown, place(shown[-1]) if len(rest) > limit else None)
