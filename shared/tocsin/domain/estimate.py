"""What a send would take, by what the app's latest ones took: minutes, who is gone, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from tocsin.domain.chunk import CHUNK_SIZE, SAVE_EVERY
from tocsin.domain.cost import Cost, cost
from tocsin.domain.report import Report
from tocsin.domain.send import LARGE, Course, Send, SendState, Tally

USUAL_PACE = 60_000
"""Recipients a minute where no large send tells: a fifth of what one worker was measured to do."""
CPU_MS = 0.3
"""Processor time for each recipient where no send tells."""
CLAIM_AND_END = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a send would take.

    minutes: until everybody is decided about. pace: recipients a minute; measured: by large sends, not the usual one.
    gone: how many the push services will not know any more; None: no send tells. cost: at AWS's list prices.
    """

    minutes: float
    pace: int
    measured: bool
    gone: int | None
    cost: Cost


def estimate(send: Send, latest: Sequence[Send]) -> Estimate:
    """An estimate for a send that is made up for it. latest: sends of its app.

    Those that are not settled, or were cancelled, tell nothing; and what is held may be far more than who was tried.
    The median of their paces, so that one that was paused, or waited for a push service, does not decide.
    """
    settled = [one for one in latest if one.state is SendState.SETTLED and one.course is not Course.CANCELLED]
    tried = sum(map(_tried, settled))
    paces = [_pace(one) for one in settled if _tried(one) > LARGE]
    pace = max(1, round(median(paces))) if paces else USUAL_PACE
    gone = round(send.reserved * sum(one.counts.gone for one in settled) / tried) if tried else None
    cpu = sum(one.report.cpu_ms for one in settled) / tried if tried else CPU_MS
    counts = Tally(accepted=send.reserved - (gone or 0), failed=gone or 0, gone=gone or 0)
    report = Report(writes=_saves(send.reserved), cpu_ms=round(cpu * send.reserved))
    # Tenths of a minute, rounded up: who is sent to at all takes some time.
    return Estimate(ceil(send.reserved / pace * 10) / 10, pace, bool(paces), gone, cost(send, counts, report))


def _pace(send: Send) -> float:
    seconds = max(1, (send.settled_at or 0) - send.created_at)
    return _tried(send) / seconds * 60


def _tried(send: Send) -> int:
    counts = send.counts
    return max(0, counts.accepted + counts.failed + counts.uncertain - send.report.untried)


def _saves(recipients: int) -> int:
    """The writes of chunks' records: a claim, a save for each so many, and an end."""
    full, rest = divmod(recipients, CHUNK_SIZE)
    return sum(CLAIM_AND_END + size // SAVE_EVERY for size in [*[CHUNK_SIZE] * full, *([rest] if rest else [])])
