"""Recomputing an app's money from what cannot be changed, and reporting what does not agree with it.

The ledger is read twice. First by reference, so that the two rows of a send come together: each send is held against
its rows and its chunks, and the rows are summed. In the end by time, for the rows that are too new for that sum; then
the sum must be the balance.

What is exact, while sends go on:

- A settled send and all its records never change again, so what is found about it is final. They are read in an order
  that makes it so: rows, send, and where the send says more than the rows did, the rows again.
- A send that is not settled must have its reserve row, no more recipients than it reserved, and no end that was more
  than an hour ago. Its counts are nobody's claim yet.
- The sum of rows older than two minutes is exact: each was written by then. Newer ones are summed before and after the
  balance is read, and the balance must lie between. If nothing moved meanwhile, that is exact to the credit; if
  something did, a drift smaller than what moved passes unseen, until a run that finds a still moment. A balance that
  does not agree is looked at again, for the index by time may lag.
- A send is kept for 90 days, its ledger rows for good: older sends are summed, not examined. So are those whose two
  rows are older than a caller asked about.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from heapq import merge
from itertools import groupby

from tocsin.application.ports import Chunks, Clock, Credits, Registry, Sends, Unreadable
from tocsin.application.sending import digest_of
from tocsin.domain.agreement import Records, examine
from tocsin.domain.chunk import Chunk
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.ledger import NOTHING, LedgerEntry, RowKind, Sums, moved_by
from tocsin.domain.reconciliation import Drift, DriftKind, Figures, Progress, Reconciliation
from tocsin.domain.send import Balance, SendState

EXAMINED_DAYS = 89
"""How far back sends are examined at most: a day less than the stores keep them."""
LATELY_DAYS = 2
"""The daily run examines what was written about since the run before the last one."""
WRITTEN_SECONDS = 120
"""A ledger row older than this is stored, if it ever will be: a write and its repeats take seconds, clocks agree."""
MOST_DRIFTS = 100
"""A call that found so many ends there."""
LOOKS = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look at a balance that does not agree."""
PAGE = 500
_DAY = 86_400

Filed = tuple[str, RowKind, LedgerEntry]


class Reconciling:
    """Compares; changes nothing."""

    def __init__(self, registry: Registry, credits: Credits, sends: Sends, chunks: Chunks, clock: Clock) -> None:  # noqa: A002
        self._registry = registry
        self._credits = credits
        self._sends = sends
        self._chunks = chunks
        self._clock = clock

    def begin(self, days: int) -> Progress:
        """A reconciliation that examines the sends that have a row of the last `days` days, or only one row."""
        now = int(self._clock.now())
        return Progress(as_of=now - WRITTEN_SECONDS, since=now - days * _DAY)

    def reconcile(self, app: AppId, progress: Progress, until: float) -> Reconciliation:
        """Go on with a reconciliation, at least by one step, and stop at `until` (Unix seconds) or the hundredth drift.

        The end takes some seconds longer when the balance does not agree.
        """
        run = _Run(self._credits, self._sends, self._chunks, self._clock, app, progress, until)
        balance = run.compares_balance() if run.goes_through() else None
        return Reconciliation(app, run.progress, run.ledger, balance, run.examined, run.chunks, tuple(run.drifts))

    def active_lately(self) -> Iterator[AppId]:
        """The apps whose ledger got a row in the last days; each day another comes first, so that all have a turn."""
        now = self._clock.now()
        since, apps = now - LATELY_DAYS * _DAY, list(self._apps())
        first = int(now) // _DAY % max(1, len(apps))
        for app in apps[first:] + apps[:first]:
            newest = self._credits.ledger(app, 1, None).items
            if newest and newest[0].at >= since:
                yield app

    def _apps(self) -> Iterator[AppId]:
        tenants = self._registry.tenants(PAGE, None)
        while True:
            for tenant in tenants.items:
                apps = self._registry.apps(tenant.id, PAGE, None)
                yield from (app.id for app in apps.items)
                while apps.cursor is not None:
                    apps = self._registry.apps(tenant.id, PAGE, apps.cursor)
                    yield from (app.id for app in apps.items)
            if tenants.cursor is None:
                return
            tenants = self._registry.tenants(PAGE, tenants.cursor)


class _Run:
    """One call's part of a reconciliation."""

    def __init__(
        self,
        credits: Credits,  # noqa: A002 - the domain's word
        sends: Sends,
        chunks: Chunks,
        clock: Clock,
        app: AppId,
        progress: Progress,
        until: float,
    ) -> None:
        self.progress = progress
        self.drifts: list[Drift] = []
        self.examined = 0
        self.chunks = 0
        self._credits = credits
        self._sends = sends
        self._chunks = chunks
        self._clock = clock
        self._app = app
        self._until = until
        self._steps = 0
        self._latest = NOTHING

    @property
    def ledger(self) -> Sums:
        """What the rows add up to that were seen so far."""
        return self.progress.sums + self.progress.explained + self._latest

    def goes_through(self) -> bool:
        """Sum the ledger and examine the sends, in the order of their ids; whether it came to the end."""
        if self.progress.after is None:
            for filed in self._filed(RowKind.GRANT, ""):
                self._add(*filed)
            self.progress = replace(self.progress, after="")
        after = self.progress.after or ""
        rows = merge(
            self._filed(RowKind.RESERVE, after), self._filed(RowKind.SETTLE, after), key=lambda filed: filed[0]
        )
        for name, filed_rows in groupby(rows, key=lambda filed: filed[0]):
            if self._is_over() or not self._send(name, list(filed_rows)):
                return False
            self._steps += 1
            self.progress = replace(self.progress, after=name, chunk=0)
        return True

    def compares_balance(self) -> Balance:
        """Hold the balance against the sum of all rows; the balance as it was read last."""
        base = self.ledger
        for wait in LOOKS:
            self._clock.sleep(wait)
            before = base + self._later()
            balance = self._credits.balance(self._app)
            self._latest = self._later()
            off = _outside(balance, before, self.ledger)
            if not off:
                break
        recomputed = self.ledger.balance()
        if not off and min(asdict(balance).values()) < 0:
            self.drifts.append(Drift(DriftKind.NEGATIVE, self._app, asdict(balance), asdict(recomputed)))
        if off:
            stored, found = asdict(balance), asdict(recomputed)
            told = ({name: stored[name] for name in off}, {name: found[name] for name in off})
            self.drifts.append(Drift(DriftKind.BALANCE, self._app, *told))
        return balance

    def _filed(self, kind: RowKind, after: str) -> Iterator[Filed]:
        return ((name, kind, row) for name, row in self._credits.rows(self._app, kind, after))

    def _send(self, name: str, filed: list[Filed]) -> bool:
        """Examine one send and add its rows; False when there was no time for all of its chunks."""
        own = {kind: row for _, kind, row in filed if (row.kind, row.reference) == (kind, name)}
        if own and self._is_examined(own):
            try:
                if not self._examine(name, own):
                    return False
            except Unreadable as error:
                self.drifts.append(Drift(DriftKind.UNREADABLE, name, {"attribute": str(error)}, {}))
        for one in filed:
            self._add(*one)
        if own:
            open_ = RowKind.SETTLE not in own
            sends, unsettled = self.progress.sends + 1, self.progress.unsettled + open_
            self.progress = replace(self.progress, sends=sends, unsettled=unsettled)
        return True

    def _is_examined(self, own: dict[RowKind, LedgerEntry]) -> bool:
        times = [row.at for row in own.values()]
        kept_since = self._clock.now() - EXAMINED_DAYS * _DAY
        # One that has only one of its rows holds credits, or should have another one: that is never too long ago.
        lately = len(own) < len(_OF_SENDS) or max(times) >= self.progress.since
        return lately and min(times) >= kept_since

    def _examine(self, name: str, own: dict[RowKind, LedgerEntry]) -> bool:
        records = self._records(name, own)
        for chunk in records.chunks[self.progress.chunk :]:
            if self._is_over():
                return False
            self._compare_recipients(chunk)
            self.progress = replace(self.progress, chunk=self.progress.chunk + 1)
            self._steps += 1
        found = examine(records, self._clock.now())
        self.drifts += found.drifts
        self.progress = replace(self.progress, explained=self.progress.explained + found.explained)
        self.examined += 1
        return True

    def _records(self, name: str, own: dict[RowKind, LedgerEntry]) -> Records:
        send = self._sends.get(self._app, SendId(name))
        if send is None or send.state is SendState.SETTLED:
            # It may have been settled, or even made, after its rows were read.
            again = {kind: self._credits.row(self._app, kind, name) for kind in _OF_SENDS if kind not in own}
            own = own | {kind: row for kind, row in again.items() if row is not None and row.reference == name}
        chunks = self._chunks.of(self._app, SendId(name))
        return Records(name, own.get(RowKind.RESERVE), own.get(RowKind.SETTLE), send, chunks)

    def _compare_recipients(self, chunk: Chunk) -> None:
        self.chunks += 1
        frozen = self._chunks.frozen(self._app, chunk.send, chunk.number)
        digest = "" if frozen is None else digest_of(frozen.ids)
        if digest != chunk.digest:
            of = {"chunk": chunk.number}
            stored, found = of | {"digest": chunk.digest}, of | {"digest": digest}
            self.drifts.append(Drift(DriftKind.RECIPIENTS, chunk.send, stored, found))

    def _add(self, name: str, kind: RowKind, row: LedgerEntry) -> None:
        """Sum a row, if it is old enough; one that does not stand where it belongs is reported, and moved nothing."""
        sums, explained = self.progress.sums, self.progress.explained
        if row.at <= self.progress.as_of:
            sums += moved_by(row)
        if (row.kind, row.reference) != (kind, name):
            stored: Figures = {"kind": str(kind), "reference": name, "amount": row.amount}
            own = {"kind": row.kind, "reference": row.reference}
            self.drifts.append(Drift(DriftKind.MISFILED_ROW, row.reference, stored, own))
            explained -= moved_by(row)
        self.progress = replace(self.progress, sums=sums, explained=explained)

    def _later(self) -> Sums:
        """What the rows moved that are too new for the sum so far."""
        moved, cursor = NOTHING, None
        while True:
            page = self._credits.ledger(self._app, PAGE, cursor)
            for row in page.items:
                if row.at <= self.progress.as_of:
                    return moved
                moved += moved_by(row)
            if page.cursor is None:
                return moved
            cursor = page.cursor

    def _is_over(self) -> bool:
        """Whether this call has done enough; not before its first step, so that each one comes further."""
        return self._steps > 0 and (self._clock.now() >= self._until or len(self.drifts) >= MOST_DRIFTS)


_OF_SENDS = (RowKind.RESERVE, RowKind.SETTLE)


def _outside(balance: Balance, before: Sums, after: Sums) -> list[str]:
    """The figures that lie outside what the ledger came to before and after they were read."""
    least = Balance(
        before.granted - after.held + before.released - before.spent, before.held - after.released, before.spent
    )
    most = Balance(
        after.granted - before.held + after.released - after.spent, after.held - before.released, after.spent
    )
    low, high = asdict(least), asdict(most)
    return [name for name, value in asdict(balance).items() if not low[name] <= value <= high[name]]
