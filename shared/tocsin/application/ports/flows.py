"""Flows and their runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.ports.surroundings import Page
from tocsin.application.run_jobs import RunJob
from tocsin.domain.audit import AuditEntry
from tocsin.domain.flow import Executions, Flow, Step, Trigger
from tocsin.domain.flow_run import Run
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId


class FlowCatalogue(Protocol):
    """The flows of apps. A change comes with its audit entry, in one step."""

    def get(self, app: AppId, flow: FlowId) -> Flow | None:
        """The flow, or None. A consistent read."""

    def put(self, new: Flow, old: Flow | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read (None: where nothing was). Raises Stale.

        What may begin its runs changes with it; steps that it replaces stay known by their revision.
        """

    def remove(self, known: Flow, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read; nothing begins a run of it any more. Raises Stale."""

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Flow]:
        """Newest first; may lag a moment. Raises MalformedCursor."""

    def steps(self, app: AppId, flow: FlowId, revision: int) -> tuple[Step, ...] | None:
        """Steps that were replaced, by their revision; None: there are none such."""

    def triggered(self, app: AppId, trigger: Trigger, source: SendId | None) -> Sequence[FlowId]:
        """The active flows that wait for this. source: the send that it happened to."""

    def waiting(self, app: AppId, trigger: Trigger) -> Sequence[FlowId]:
        """The active flows with this trigger, whatever send they are narrowed to."""


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that the sweep is to look at. look_at: when (Unix seconds), as it was read."""

    app: AppId
    flow: FlowId
    subscription: SubscriptionId
    look_at: int


class Runs(Protocol):
    """The runs of flows: at most one for each flow and subscriber (PU-87)."""

    def get(self, app: AppId, flow: FlowId, subscription: SubscriptionId) -> Run | None:
        """The run, live or ended, or None. A consistent read."""

    def start(self, run: Run, at: int, look_at: int, instead_of: Run | None = None) -> bool:
        """Store a new run and count it, in one step (PU-63).

        False, and no change, if there is one that has not ended, or that rests until after `at`: when what begins the
        new one happened (Unix seconds). instead_of: one that it replaces, if that is still as it was read; it ends in
        the same step. look_at: as below.
        """

    def put(self, new: Run, old: Run, look_at: int) -> None:
        """Store `new` where `old` was read; its end and its skipped steps are counted in the same step. Raises Stale.

        look_at: when the sweep is to look at it (Unix seconds); of no meaning unless it is waiting.
        """

    def remove(self, run: Run) -> None:
        """Forget a run whose flow is no more."""

    def held(
        self, app: AppId, flow: FlowId, shard: int, after: SubscriptionId | None, limit: int
    ) -> Sequence[SubscriptionId]:
        """Up to `limit` runs of a shard that are held, by subscription, from the one that follows `after`."""

    def clear(self, app: AppId, flow: FlowId, shard: int, limit: int) -> bool:
        """Forget up to `limit` things that are kept of a flow in a shard; whether that was all."""

    def due(self, by: int, limit: int) -> Iterable[DueRun]:
        """Up to `limit` waiting runs that are to be looked at by then, the longest waiting first; there may be more."""

    def postpone(self, run: DueRun, look_at: int) -> None:
        """Have the sweep look again at look_at; no change if it is not as it was read."""

    def executions(self, app: AppId, flows: Collection[FlowId]) -> Mapping[FlowId, Executions]:
        """What these flows have done."""


class RunJobs(Protocol):
    """The queue of runs. A job may arrive more than once, late, or out of order."""

    def queue(self, jobs: Sequence[tuple[RunJob, int]]) -> None:
        """Queue these, each to be seen after so many seconds (at most 900)."""
