"""Imports of subscriptions, and many changes at once, in memory."""

from collections.abc import Collection, Sequence

from tests.memory.storage import Storage
from tocsin.application.ports import Change, Stale, Subscriptions
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.importing import Import, ImportId


class MemoryImports:
    """The Imports port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add(self, new: Import, audit: AuditEntry) -> None:
        """Store a new import."""
        with self._storage.lock:
            self._storage.imports[new.app, new.id] = new
            self._storage.audit.append(audit)

    def get(self, app: AppId, name: ImportId) -> Import | None:
        """The import, or None."""
        return self._storage.imports.get((app, name))

    def put(self, new: Import, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        with self._storage.lock:
            stored = self._storage.imports.get((new.app, new.id))
            if stored is None or stored.revision != new.revision - 1:
                raise Stale
            self._storage.imports[new.app, new.id] = new
            if audit is not None:
                self._storage.audit.append(audit)


class MemoryBulkWriter:
    """The BulkWriter port."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def put_each(self, changes: Sequence[Change]) -> Collection[SubscriptionId]:
        """Store each change on its own; those that somebody else wrote in between are told."""
        return [new.id for new, old in changes if not self._put(new, old)]

    def _put(self, *change: *Change) -> bool:
        try:
            self._subscriptions.put(*change)
        except Stale:
            return False
        return True
