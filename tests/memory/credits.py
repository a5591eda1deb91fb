"""Balances, their ledger, and request windows in memory."""

from collections.abc import Iterator
from dataclasses import replace

from tests.memory.pages import BY_REFERENCE, page, place
from tests.memory.storage import Entry, Storage
from tocsin.application.ports import Page, ReferenceTaken, Window
from tocsin.domain.ids import AppId
from tocsin.domain.ledger import LedgerEntry, RowKind
from tocsin.domain.send import Balance


class MemoryCredits:
    """The Credits port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def balance(self, app: AppId) -> Balance:
        """The balance; zeros when nothing was ever granted."""
        return self._storage.balance(app)

    def grant(self, app: AppId, amount: int, reference: str, at: int, request_id: str) -> bool:
        """Add credits once for each reference. Raises ReferenceTaken."""
        with self._storage.lock:
            granted = self._storage.ledger.get((app, Entry.GRANT, reference))
            if granted is not None:
                if granted.amount != amount:
                    raise ReferenceTaken
                return False
            self._storage.write_down(app, Entry.GRANT, reference, amount, at, request_id=request_id)
            balance = self._storage.balance(app)
            self._storage.balances[app] = replace(balance, available=balance.available + amount)
            return True

    def ledger(self, app: AppId, limit: int, cursor: str | None) -> Page[LedgerEntry]:
        """The ledger, newest first. Raises MalformedCursor."""
        with self._storage.lock:
            rows = [row for (owner, _, _), row in self._storage.ledger.items() if owner == app]
            return page(rows, lambda row: place(row.at, f"{row.kind}#{row.reference}"), limit, cursor, BY_REFERENCE)

    def rows(self, app: AppId, kind: RowKind, after: str) -> Iterator[tuple[str, LedgerEntry]]:
        """All rows of a kind that follow a reference, in the order of those that they are filed under."""
        with self._storage.lock:
            filed = sorted(name for owner, its_kind, name in self._storage.ledger if (owner, its_kind) == (app, kind))
        for name in filed:
            if name > after:
                yield name, self._storage.ledger[app, kind, name]

    def row(self, app: AppId, kind: RowKind, reference: str) -> LedgerEntry | None:
        """The row that is filed under this reference, or None."""
        return self._storage.ledger.get((app, kind, reference))


class MemoryRequestWindows:
    """The RequestWindows port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def take(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Count one request of `subject`, unless `limit` were made in this window."""
        with self._storage.lock:
            window = int(now) // seconds * seconds
            stored, taken = self._storage.windows.get(subject, (window, 0))
            if stored < window:
                taken = 0
            # A clock that lags counts in the window that others have begun.
            window = max(window, stored)
            allowed = taken < limit
            if allowed:
                taken += 1
                self._storage.windows[subject] = (window, taken)
            return Window(allowed, limit, max(0, limit - taken), window + seconds)

    def look(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """The window as it is, counting nothing."""
        window = int(now) // seconds * seconds
        stored, taken = self._storage.windows.get(subject, (window, 0))
        taken = taken if stored >= window else 0
        return Window(taken < limit, limit, max(0, limit - taken), max(window, stored) + seconds)
