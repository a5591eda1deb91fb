"""Catalogues in memory."""

from typing import Generic

from tests.memory.pages import page, place
from tests.memory.storage import Storage
from tocsin.application.ports import Page, Stale
from tocsin.application.ports.catalogue import Entry
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId


class MemoryCatalogue(Generic[Entry]):
    """The Catalogue port for one kind of thing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.entries: dict[tuple[AppId, str], Entry] = {}

    def get(self, app: AppId, name: str) -> Entry | None:
        """The one with this id, or None."""
        return self.entries.get((app, name))

    def put(self, new: Entry, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        with self._storage.lock:
            self._expect(new, new.revision - 1)
            self.entries[new.app, new.id] = new
            self._note(audit)

    def remove(self, known: Entry, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read. Raises Stale."""
        with self._storage.lock:
            self._expect(known, known.revision)
            del self.entries[known.app, known.id]
            self._note(audit)

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Entry]:
        """Newest first. Raises MalformedCursor."""
        mine = [entry for (owner, _), entry in self.entries.items() if owner == app]
        return page(mine, lambda one: place(one.created_at, one.id), limit, cursor)

    def _expect(self, entry: Entry, revision: int) -> None:
        stored = self.entries.get((entry.app, entry.id))
        if (-1 if stored is None else stored.revision) != revision:
            raise Stale

    def _note(self, audit: AuditEntry | None) -> None:
        if audit is not None:
            self._storage.audit.append(audit)
