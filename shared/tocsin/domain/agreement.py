"""Whether the records of one send agree: chunks with the send, the send with its ledger rows.

One wrong record is to be one drift. So a figure that stands in three records is taken to be what two of them say, and
whatever a drift explains is not told again further on, nor in the balance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tocsin.domain.chunk import Chunk, ChunkState
from tocsin.domain.ledger import NOTHING, LedgerEntry, Sums, moved_by
from tocsin.domain.reconciliation import Drift, DriftKind, Figures
from tocsin.domain.send import Charge, Send, SendState, Tally, tally

OVERDUE_SECONDS = 3600
"""A send is settled within ten minutes of its end; after an hour, something keeps it from that."""


@dataclass(frozen=True, slots=True)
class Records:
    """What is stored of one send. name: its id, as the ledger has it."""

    name: str
    reserve: LedgerEntry | None
    settle: LedgerEntry | None
    send: Send | None
    chunks: Sequence[Chunk]

    @property
    def moved(self) -> Sums:
        """What its rows moved."""
        return sum((moved_by(row) for row in (self.reserve, self.settle) if row is not None), NOTHING)


@dataclass(frozen=True, slots=True)
class Finding:
    """Drifts of one send, and what the sums of its rows lack because of them."""

    drifts: tuple[Drift, ...]
    explained: Sums


def examine(records: Records, now: float) -> Finding:
    """Hold the records of a send against each other. They must not change any more, or the send must be unsettled.

    now: Unix seconds, for a send that should have been settled by then.
    """
    send = records.send
    if send is None:
        return _without_send(records)
    if send.state is SendState.SETTLED:
        return _settled(records, send)
    drifts = [*_reserve_row(records, send), *_too_many(records, send)]
    if records.settle is not None:
        state = {"state": str(send.state)}
        drifts.append(Drift(DriftKind.SETTLED_TOO_EARLY, records.name, state, {"state": str(SendState.SETTLED)}))
        return Finding(tuple(drifts), NOTHING)
    if now > send.expires_at + OVERDUE_SECONDS:
        ended = {"state": str(SendState.SETTLED)}
        drifts.append(Drift(DriftKind.OVERDUE, records.name, {"state": str(send.state)}, ended))
    return Finding(tuple(drifts), Sums(held=_held(records, send)) - records.moved)


def _without_send(records: Records) -> Finding:
    rows = {row.kind: row.amount for row in (records.reserve, records.settle) if row is not None}
    drift = Drift(DriftKind.SEND_MISSING, records.name, {}, rows)
    # A row that nothing else speaks for moved nothing: nobody ever made this send.
    alone = len(rows) == 1 and not records.chunks
    return Finding((drift,), NOTHING - records.moved if alone else NOTHING)


def _settled(records: Records, send: Send) -> Finding:
    counted = sum(map(tally, records.chunks), Tally())
    drifts = _reserve_row(records, send)
    incomplete = _incomplete(records, send)
    if incomplete:
        drifts += incomplete
    elif counted != send.counts:
        drifts.append(_drift(DriftKind.COUNTS, records.name, asdict(send.counts), asdict(counted)))
    held = _held(records, send)
    accepted = _agreed(
        None if incomplete else counted.accepted,
        _detail(records.settle, "accepted"),
        send.counts.accepted,
    )
    spent = min(accepted, held)
    owed: Figures = {"amount": spent, "held": held, "accepted": accepted}
    if records.settle is None:
        drifts.append(Drift(DriftKind.SETTLE_ROW_MISSING, records.name, {}, owed))
    elif (row := _figures(records.settle, "held", "accepted")) != owed:
        drifts.append(_drift(DriftKind.SETTLE_ROW, records.name, row, owed))
    return Finding(tuple(drifts), Sums(held=held, released=held, spent=spent) - records.moved)


def _reserve_row(records: Records, send: Send) -> list[Drift]:
    owed: Figures = {"amount": _held_by(send), "recipients": send.reserved}
    if records.reserve is None:
        return [Drift(DriftKind.RESERVE_ROW_MISSING, records.name, {}, owed)]
    row = _figures(records.reserve, "recipients")
    return [] if row == owed else [_drift(DriftKind.RESERVE_ROW, records.name, row, owed)]


def _incomplete(records: Records, send: Send) -> list[Drift]:
    """The chunks of a settled send: as many as it says, none open, and nobody in them that nothing was reserved for."""
    still_open = sum(chunk.state is not ChunkState.DONE for chunk in records.chunks)
    stored = {"chunks": send.chunks, "open": 0}
    found = {"chunks": len(records.chunks), "open": still_open}
    if found != stored:
        return [_drift(DriftKind.CHUNKS, records.name, stored, found)]
    return _too_many(records, send)


def _too_many(records: Records, send: Send) -> list[Drift]:
    recipients = sum(len(chunk.results) for chunk in records.chunks)
    reserved = max(send.reserved, _detail(records.reserve, "recipients") or 0)
    if recipients <= reserved:
        return []
    return [Drift(DriftKind.CHUNKS, records.name, {"recipients": reserved}, {"recipients": recipients})]


def _held(records: Records, send: Send) -> int:
    """The credits that were held, by what most of the records say."""
    reserve, charged = records.reserve, send.charge is Charge.CREDITS
    return _agreed(
        None if reserve is None else reserve.amount,
        _detail(reserve, "recipients") if charged else None,
        _detail(records.settle, "held"),
        _held_by(send),
    )


def _held_by(send: Send) -> int:
    return send.reserved if send.charge is Charge.CREDITS else 0


def _agreed(*said: int | None) -> int:
    """What is said most often; of what is said equally often, what is said first."""
    [(value, _)] = Counter(one for one in said if one is not None).most_common(1)
    return value


def _detail(row: LedgerEntry | None, name: str) -> int | None:
    return None if row is None else row.detail(name)


def _figures(row: LedgerEntry, *details: str) -> Figures:
    told = {name: row.detail(name) for name in details}
    return {"amount": row.amount, **{name: value for name, value in told.items() if value is not None}}


def _drift(kind: DriftKind, subject: str, stored: Figures, recomputed: Figures) -> Drift:
    """A drift with what differs, and nothing else."""
    return Drift(kind, subject, _only(stored, recomputed), _only(recomputed, stored))


def _only(figures: Figures, other: Figures) -> Figures:
    return {name: value for name, value in figures.items() if other.get(name) != value}
