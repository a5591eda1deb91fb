"""Balances, and windows of requests."""

from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.ids import AppId
from tocsin.domain.send import Balance


class ReferenceTaken(Exception):
    """A grant with this reference exists, of another amount."""


class Credits(Protocol):
    """Balances and their append-only ledger."""

    def balance(self, app: AppId) -> Balance:
        """The balance; zeros when nothing was ever granted."""

    def grant(self, app: AppId, amount: int, reference: str, at: int) -> bool:
        """Add credits once for each reference; False when this grant was made before. Raises ReferenceTaken."""


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
