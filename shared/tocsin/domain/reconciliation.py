"""What comes of recomputing an app's money: figures, and each place where two records do not agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tocsin.domain.ids import AppId
from tocsin.domain.ledger import NOTHING, Sums
from tocsin.domain.send import Balance


class DriftKind(StrEnum):
    """What does not agree. Each record is held against its neighbour: chunk, send, ledger row, balance."""

    RECIPIENTS = "recipients"
    """A chunk, and the frozen ids of its recipients."""
    CHUNKS = "chunks"
    """A send, and which chunks it has."""
    COUNTS = "counts"
    """The counts of a settled send, and its chunks."""
    RESERVE_ROW = "reserve_row"
    """The ledger row of a reservation, and its send."""
    RESERVE_ROW_MISSING = "reserve_row_missing"
    SETTLE_ROW = "settle_row"
    """The ledger row of a settlement, and what its send came to."""
    SETTLE_ROW_MISSING = "settle_row_missing"
    SETTLED_TOO_EARLY = "settled_too_early"
    """A settle row, and a send that is not settled."""
    OVERDUE = "overdue"
    """A send that ended long ago, is not settled, and so holds its credits."""
    SEND_MISSING = "send_missing"
    """Ledger rows without their send."""
    UNREADABLE = "unreadable"
    """A send, or one of its chunks, that cannot be read at all."""
    MISFILED_ROW = "misfiled_row"
    """A ledger row under a key that is not its own: a second one, or one that was moved."""
    BALANCE = "balance"
    """The balance, and the sum of the ledger."""
    NEGATIVE = "negative"
    """A balance below zero, by the ledger as well."""


Figures = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Drift:
    """Two records that do not agree.

    subject: the send's id, the reference of a ledger row, or the app's id for its balance. stored: what one record
    says; recomputed: what it should say by the others. Both have only what differs; empty for what is not there.
    """

    kind: DriftKind
    subject: str
    stored: Figures
    recomputed: Figures


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reconciliation came; another call goes on from here.

    as_of: later ledger rows are summed at the very end (Unix seconds). since: sends whose two rows are both older are
    summed and not examined. after: the reference that was finished last, None before the first row. chunk: how many
    chunks of the next send were looked at. sums: of the rows so far. explained: what to add to them because a drift
    that was reported says so. sends, unsettled: how many the rows so far tell of.
    """

    as_of: int
    since: int
    after: str | None = None
    chunk: int = 0
    sums: Sums = NOTHING
    explained: Sums = NOTHING
    sends: int = 0
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one call found.

    progress: how far it came. ledger: what the rows up to there add up to, with what the drifts explain. balance: as it
    is stored; only read at the end of the ledger, when all is compared. examined, chunks: how many sends and chunks
    were compared, and drifts: what was found, in this call.
    """

    app: AppId
    progress: Progress
    ledger: Sums
    balance: Balance | None
    examined: int
    chunks: int
    drifts: tuple[Drift, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to compare."""
        return self.balance is not None
