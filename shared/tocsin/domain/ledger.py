"""The ledger: rows that are written once, and what each of them moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tocsin.domain.send import Balance


class RowKind(StrEnum):
    """What a row stands for. The reference of a reserve or settle row is the send's id, of a grant the biller's."""

    GRANT = "grant"
    RESERVE = "reserve"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of an app's ledger.

    kind: grant, reserve or settle. reference: the biller's, or the send's id. amount: credits granted, held or spent.
    details: the counts and ids that the row was written with.
    """

    kind: str
    reference: str
    amount: int
    at: int
    details: Mapping[str, str | int]

    def detail(self, name: str) -> int | None:
        """A number among the details, None if it is not there."""
        value = self.details.get(name)
        return value if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class Sums:
    """What ledger rows moved: credits granted, held, released from being held, and spent. More rows, larger sums."""

    granted: int = 0
    held: int = 0
    released: int = 0
    spent: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.granted + other.granted,
            self.held + other.held,
            self.released + other.released,
            self.spent + other.spent,
        )

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(
            self.granted - other.granted,
            self.held - other.held,
            self.released - other.released,
            self.spent - other.spent,
        )

    def balance(self) -> Balance:
        """The balance that these sums come to."""
        return Balance(self.granted - self.held + self.released - self.spent, self.held - self.released, self.spent)


NOTHING = Sums()


def moved_by(row: LedgerEntry) -> Sums:
    """What one row moved."""
    match row.kind:
        case RowKind.GRANT:
            return Sums(granted=row.amount)
        case RowKind.RESERVE:
            return Sums(held=row.amount)
        case RowKind.SETTLE:
            return Sums(released=row.detail("held") or 0, spent=row.amount)
    return NOTHING
