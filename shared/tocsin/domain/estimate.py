"""What a send would take, by what the app's latest ones took: minutes, who is gone, what readers report, its cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from tocsin.domain.campaign import Totals
from tocsin.domain.chunk import CHUNK_SIZE, SAVE_EVERY
from tocsin.domain.cost import Cost, cost, cost_of_reports
from tocsin.domain.report import Report
from tocsin.domain.send import LARGE, Course, Send, SendState, Tally

USUAL_PACE = 60_000
"""Recipients a minute where no large send tells: a fifth of what one worker was measured to do."""
CPU_MS = 0.3
"""Processor time for each recipient where no send tells."""
CLAIM_AND_END = 2
USUAL_REPORTS = 0.72
"""Reports for each accepted message where no send tells: six of ten display it, a fifth of whom click or dismiss."""
READ_SECONDS = 86_400
"""After a day hardly anybody reads what is new to them."""
ENOUGH = 100
"""Messages of which a share is worth more than the usual one."""


@dataclass(frozen=True, slots=True)
class Reports:
    """What readers would report of a send. measured: by sends of the app, not by the usual share."""

    number: int
    measured: bool

    @property
    def cost(self) -> Cost:
        """Of taking and counting them, at AWS's list prices."""
        return cost_of_reports(self.number)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a send would take.

    minutes: until everybody is decided about. pace: recipients a minute; measured: by large sends, not the usual one.
    gone: how many the push services will not know any more; None: no send tells. cost: of delivering it, at AWS's list
    prices; what readers report costs its own.
    """

    minutes: float
    pace: int
    measured: bool
    gone: int | None
    cost: Cost
    reports: Reports


def told_by(send: Send, now: float) -> bool:
    """Whether what readers have reported of a send says how many reports another one would bring."""
    return send.statistics and send.settled_at is not None and now - send.settled_at >= READ_SECONDS


def estimate(send: Send, latest: Sequence[Send], read: Sequence[Totals]) -> Estimate:
    """An estimate for a send that is made up for it. latest: sends of its app; read: what became of some of them.

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
    return Estimate(
        ceil(send.reserved / pace * 10) / 10,
        pace,
        bool(paces),
        gone,
        cost(send, counts, report),
        _reports(send, counts.accepted, read),
    )


def _reports(send: Send, accepted: int, read: Sequence[Totals]) -> Reports:
    if not send.statistics:
        return Reports(0, measured=False)
    reached = sum(one.accepted for one in read)
    measured = reached >= ENOUGH
    share = sum(one.reports for one in read) / reached if measured else USUAL_REPORTS
    return Reports(round(share * accepted), measured)


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
