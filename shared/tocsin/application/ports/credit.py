"""Balances, and windows of requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.ports.surroundings import Page
from tocsin.domain.ids import AppId
from tocsin.domain.ledger import LedgerEntry, RowKind
from tocsin.domain.quota import Usage
from tocsin.domain.send import Balance


class ReferenceTaken(Exception):
    """A grant with this reference exists, of another amount."""


class Credits(Protocol):
    """Balances and their append-only ledger."""

    def balance(self, app: AppId) -> Balance:
        """The balance; zeros when nothing was ever granted."""

    def grant(self, app: AppId, amount: int, reference: str, at: int, request_id: str) -> bool:
        """Add credits once for each reference; False when this grant was made before. Raises ReferenceTaken.

        request_id: of the request that asked for it, for its ledger row (X-5).
        """

    def ledger(self, app: AppId, limit: int, cursor: str | None) -> Page[LedgerEntry]:
        """The ledger, newest first; may lag a moment behind. Raises MalformedCursor."""

    def rows(self, app: AppId, kind: RowKind, after: str) -> Iterator[tuple[str, LedgerEntry]]:
        """All rows of a kind, in the order of the references that they are filed under, each with that reference.

        after: the reference that the first one follows, the empty text from the start. Read as they are taken, each
        part consistently, so a long ledger needs no more memory than a short one.
        """

    def row(self, app: AppId, kind: RowKind, reference: str) -> LedgerEntry | None:
        """The row that is filed under this reference, or None. A consistent read."""


class Quotas(Protocol):
    """How much of their hour, day and month apps have used; sends hold their part at first and may return some."""

    def usage(self, app: AppId, at: int) -> Usage:
        """What is used of the windows that hold `at` (Unix seconds)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A fixed window of requests. reset_at: Unix seconds. A refused request takes nothing."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int


class RequestWindows(Protocol):
    """Requests counted in fixed windows that start at multiples of their length."""

    def take(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Count one request of `subject`, unless `limit` were made in this window."""

    def look(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """The window as it is, counting nothing. allowed: whether one more request would be. A consistent read."""
