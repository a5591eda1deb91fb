"""Time, chance, counters; and what any port can say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tocsin.application.metrics import Metric
from tocsin.domain.tenancy import DialectName

Item_co = TypeVar("Item_co", covariant=True)


class Unavailable(Exception):
    """A store, queue or key service did not answer, retries included. What was asked may have happened."""


class Unreadable(Exception):
    """A stored record that no version of ours wrote. Names the attribute, never its value."""


class Stale(Exception):
    """The record changed since it was read: read it again."""


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def cpu(self) -> float:
        """Processor seconds that this thread has used so far."""


class Randomness(Protocol):
    """Unguessable names, and chance."""

    def chance(self) -> float:
        """A number from 0 to below 1: those who met once would meet again if they waited equally long."""

    def new_id(self) -> str:
        """A new 96-bit id: 24 hex digits."""

    def base62(self, length: int) -> str:
        """Letters and digits, every position uniform."""


class Meter(Protocol):
    """What the people who run this are told."""

    def count(
        self, metric: Metric, amount: int = 1, *, dialect: DialectName | None = None, push_service: str | None = None
    ) -> None:
        """Add to a counter; with a dialect or a push service, to theirs, and else to the function's."""

    def timed(self, metric: Metric, milliseconds: int, *, dialect: DialectName) -> None:
        """Note how long something of a dialect took."""

    def refusal(self, service: str, reason: str) -> None:
        """Note why a push service did not take a message, in its own word."""

    def crash(self, error: Exception) -> None:
        """Report a bug of ours that no caller is told of."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item_co]):
    """A page of a listing. cursor: opaque text that the next page starts from, None at the end."""

    items: Sequence[Item_co]
    cursor: str | None


class MalformedCursor(Exception):
    """A cursor that this listing did not give out."""
