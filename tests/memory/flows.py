"""Flows, their runs and the queue of runs in memory."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.memory.pages import page, place
from tests.memory.storage import Storage
from tocsin.application.ports import DueRun, Page, Stale
from tocsin.application.run_jobs import RunJob, decode_run_job, encode_run_job
from tocsin.domain.audit import AuditEntry
from tocsin.domain.flow import RUN_SHARDS, Executions, Flow, FlowStatus, Step, Trigger
from tocsin.domain.flow_run import Run, RunState, counted
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId, shard_of

MAX_DELAY = 900
RunKey = tuple[AppId, FlowId, SubscriptionId]


class MemoryFlows:
    """The FlowCatalogue port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.flows: dict[tuple[AppId, FlowId], Flow] = {}
        self.replaced: dict[tuple[AppId, FlowId, int], tuple[Step, ...]] = {}

    def get(self, app: AppId, flow: FlowId) -> Flow | None:
        """The flow, or None."""
        return self.flows.get((app, flow))

    def put(self, new: Flow, old: Flow | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        with self._storage.lock:
            self._expect(new, old)
            self.flows[new.app, new.id] = new
            if old is not None and new.steps_revision != old.steps_revision:
                self.replaced[old.app, old.id, old.steps_revision] = old.steps
            self._note(audit)

    def remove(self, known: Flow, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read. Raises Stale."""
        with self._storage.lock:
            self._expect(known, known)
            del self.flows[known.app, known.id]
            self._note(audit)

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Flow]:
        """Newest first. Raises MalformedCursor."""
        mine = [flow for (owner, _), flow in self.flows.items() if owner == app]
        return page(mine, lambda one: place(one.created_at, one.id), limit, cursor)

    def steps(self, app: AppId, flow: FlowId, revision: int) -> tuple[Step, ...] | None:
        """Steps that were replaced, by their revision, or None."""
        return self.replaced.get((app, flow, revision))

    def triggered(self, app: AppId, trigger: Trigger, source: SendId | None) -> Sequence[FlowId]:
        """The active flows that wait for this."""
        with self._storage.lock:
            return [
                flow.id
                for (owner, _), flow in sorted(self.flows.items())
                if (owner, flow.status, flow.trigger) == (app, FlowStatus.ACTIVE, trigger)
                and flow.source in {None, source}
            ]

    def waiting(self, app: AppId, trigger: Trigger) -> Sequence[FlowId]:
        """The active flows with this trigger."""
        with self._storage.lock:
            return [
                flow.id
                for (owner, _), flow in sorted(self.flows.items())
                if (owner, flow.status, flow.trigger) == (app, FlowStatus.ACTIVE, trigger)
            ]

    def _expect(self, named: Flow, old: Flow | None) -> None:
        stored = self.flows.get((named.app, named.id))
        if (stored and stored.revision) != (old and old.revision):
            raise Stale

    def _note(self, audit: AuditEntry | None) -> None:
        if audit is not None:
            self._storage.audit.append(audit)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as stored. look_at: the sweep's."""

    run: Run
    look_at: int


class MemoryRuns:
    """The Runs port. It never forgets a run by itself: who asks for one that may be forgotten must not need it."""

    def __init__(self, storage: Storage, flows: MemoryFlows) -> None:
        self._storage = storage
        self._flows = flows
        self.stored: dict[RunKey, StoredRun] = {}
        self.counted: defaultdict[tuple[AppId, FlowId, int], Executions] = defaultdict(Executions)

    def get(self, app: AppId, flow: FlowId, subscription: SubscriptionId) -> Run | None:
        """The run, or None."""
        known = self.stored.get((app, flow, subscription))
        return None if known is None else known.run

    def start(self, run: Run, at: int, look_at: int, instead_of: Run | None = None) -> bool:
        """Store a new run and count it; False, and no change, if another is live or rests."""
        with self._storage.lock:
            known, ended = self.get(run.app, run.flow, run.subscription), int(run.state is RunState.ENDED)
            if instead_of is not None:
                if known is None or (known.id, known.revision) != (instead_of.id, instead_of.revision):
                    return False
                ended += known.state is not RunState.ENDED
            elif known is not None and (known.state is not RunState.ENDED or known.rests_until > at):
                return False
            self._store(run, look_at)
            self._count(run, Executions(1, ended, 0))
            return True

    def put(self, new: Run, old: Run, look_at: int) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        with self._storage.lock:
            known = self.get(new.app, new.flow, new.subscription)
            if known is None or (known.id, known.revision) != (old.id, old.revision):
                raise Stale
            self._store(new, look_at)
            self._count(new, counted(new, old))

    def remove(self, run: Run) -> None:
        """Forget a run whose flow is no more."""
        with self._storage.lock:
            self.stored.pop((run.app, run.flow, run.subscription), None)

    def held(
        self, app: AppId, flow: FlowId, shard: int, after: SubscriptionId | None, limit: int
    ) -> Sequence[SubscriptionId]:
        """Runs of a shard that are held, by subscription."""
        with self._storage.lock:
            found = sorted(
                subscription
                for (owner, name, subscription), one in self.stored.items()
                if (owner, name, _shard(subscription)) == (app, flow, shard) and one.run.state is RunState.HELD
            )
        return [one for one in found if after is None or one > after][:limit]

    def clear(self, app: AppId, flow: FlowId, shard: int, limit: int) -> bool:
        """Forget up to `limit` things of a shard; whether that was all."""
        with self._storage.lock:
            runs = [key for key in self.stored if (*key[:2], _shard(key[2])) == (app, flow, shard)]
            for key in runs[:limit]:
                del self.stored[key]
            self.counted.pop((app, flow, shard), None)
            if shard == 0:
                for replaced in [one for one in self._flows.replaced if one[:2] == (app, flow)]:
                    del self._flows.replaced[replaced]
            return len(runs) < limit

    def due(self, by: int, limit: int) -> Iterable[DueRun]:
        """Waiting runs that are to be looked at by then, the longest waiting first."""
        with self._storage.lock:
            waiting = sorted(
                (one.look_at, key)
                for key, one in self.stored.items()
                if one.run.state is RunState.WAITING and one.look_at <= by
            )
        return [DueRun(*key, look_at) for look_at, key in waiting[:limit]]

    def postpone(self, run: DueRun, look_at: int) -> None:
        """Have the sweep look again at look_at; no change if somebody changed the run meanwhile."""
        with self._storage.lock:
            known = self.stored.get((run.app, run.flow, run.subscription))
            if known is not None and known.run.state is RunState.WAITING and known.look_at == run.look_at:
                self.stored[run.app, run.flow, run.subscription] = replace(known, look_at=look_at)

    def executions(self, app: AppId, flows: Collection[FlowId]) -> Mapping[FlowId, Executions]:
        """What these flows have done."""
        shards = range(RUN_SHARDS)
        with self._storage.lock:
            return {
                flow: sum((self.counted.get((app, flow, shard), Executions()) for shard in shards), Executions())
                for flow in flows
            }

    def _store(self, run: Run, look_at: int) -> None:
        self.stored[run.app, run.flow, run.subscription] = StoredRun(run, look_at)

    def _count(self, run: Run, done: Executions) -> None:
        self.counted[run.app, run.flow, _shard(run.subscription)] += done


class MemoryRunJobs:
    """The RunJobs port: what was queued, each with its delay; each job went through its wire form."""

    def __init__(self) -> None:
        self.queued: list[tuple[RunJob, int]] = []

    def queue(self, jobs: Sequence[tuple[RunJob, int]]) -> None:
        """Queue these, each to be seen after so many seconds (at most 900)."""
        if any(not 0 <= delay <= MAX_DELAY for _, delay in jobs):
            raise ValueError("SQS takes delays of 0 to 900 seconds")
        self.queued += [(decode_run_job(encode_run_job(job)), delay) for job, delay in jobs]


def _shard(subscription: SubscriptionId) -> int:
    return shard_of(subscription) % RUN_SHARDS
