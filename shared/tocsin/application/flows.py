"""Flows as their app's owner makes and steers them (PU-50 to PU-63)."""

import contextlib
from dataclasses import dataclass, replace

from tocsin.application.ports import (
    Clock,
    FlowCatalogue,
    Page,
    Randomness,
    Registry,
    RunJobs,
    Runs,
    Stale,
    Unavailable,
)
from tocsin.application.run_jobs import ReleaseRuns
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import MAX_ACTIVE, RUN_SHARDS, TURNS, Executions, Flow, FlowStatus, Step, Trigger
from tocsin.domain.ids import AppId, FlowId, SendId
from tocsin.domain.keep import KEEP, Keep, given_of
from tocsin.domain.tenancy import DialectName

RELEASE_AFTER = 45
"""Seconds, more than a request may take, after which held runs are looked through in any case. Those messages are
queued before the change of status, so that no crash leaves a run held for ever; others follow it, to be quick."""
_LOOKED_AT = 10
"""How many times its length a page may read in search of a status."""
_RACES = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """A flow as it is asked for; the members are those of Flow."""

    name: str
    description: str | None
    trigger: Trigger
    source: SendId | None
    steps: tuple[Step, ...]
    interval: int


@dataclass(frozen=True, slots=True)
class FlowChange:
    """What shall be otherwise."""

    name: str | Keep = KEEP
    description: str | Keep | None = KEEP
    trigger: Trigger | Keep = KEEP
    source: SendId | Keep | None = KEEP
    status: FlowStatus | Keep = KEEP
    steps: tuple[Step, ...] | Keep = KEEP
    interval: int | Keep = KEEP

    def of(self, flow: Flow, now: int) -> Flow:
        """The flow as it shall be from now (Unix seconds) on. Raises Refused: CONFLICT (it cannot have this status)."""
        if self.status is not KEEP and flow.status not in TURNS[self.status]:
            raise Refused(Fault.CONFLICT, _why_not(flow.status, self.status))
        given = given_of(self, ("name", "description", "trigger", "source", "status", "steps", "interval"))
        if self.steps is not KEEP:
            given |= {"steps_revision": flow.steps_revision + 1, "steps_at": now}
        new = replace(flow, **given, updated_at=now, revision=flow.revision + 1)
        return new if new.awaits in {None, flow.awaits} else replace(new, awaits_since=now)


@dataclass(frozen=True, slots=True)
class FlowView:
    """A flow, and what it has done."""

    flow: Flow
    executions: Executions


class Flows:
    """The use cases; each write is one conditional transaction, tried again when another was faster."""

    def __init__(
        self,
        flows: FlowCatalogue,
        runs: Runs,
        jobs: RunJobs,
        registry: Registry,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._flows = flows
        self._runs = runs
        self._jobs = jobs
        self._registry = registry
        self._clock = clock
        self._randomness = randomness

    def create(self, app: AppId, dialect: DialectName, draft: Draft, actor: Actor) -> FlowView:
        """A new flow, as a draft. Raises Refused: FIELD_INVALID (a source for a trigger that has none)."""
        now = self._now()
        flow = Flow(
            FlowId(self._randomness.new_id()),
            app,
            dialect,
            draft.name,
            draft.description,
            draft.trigger,
            draft.source,
            FlowStatus.DRAFT,
            draft.steps,
            steps_revision=0,
            steps_at=now,
            interval=draft.interval,
            created_by=actor.name,
            created_at=now,
            updated_at=now,
        )
        _check(flow)
        self._flows.put(flow, None, self._entry(flow, Action.FLOW_CREATED, actor))
        return FlowView(flow, Executions())

    def get(self, app: AppId, name: FlowId) -> FlowView:
        """One flow. Raises Refused: NOT_FOUND."""
        return self._view(self._known(app, name))

    def listed(self, app: AppId, status: FlowStatus | None, limit: int, cursor: str | None) -> Page[FlowView]:
        """Flows, newest first; with a status a page may be short, or empty. Raises MalformedCursor."""
        found: list[Flow] = []
        for _ in range(_LOOKED_AT):
            page = self._flows.listed(app, limit - len(found), cursor)
            found += [one for one in page.items if status in {None, one.status}]
            cursor = page.cursor
            if cursor is None or len(found) == limit:
                break
        done = self._runs.executions(app, [one.id for one in found])
        return Page([FlowView(one, done[one.id]) for one in found], cursor)

    def change(self, app: AppId, name: FlowId, change: FlowChange, actor: Actor) -> FlowView:
        """Change a flow; runs keep the steps that they began with (PU-58).

        Raises Refused: NOT_FOUND, CONFLICT (it cannot have this status now, has no steps to be active with, waits for
        what is never reported, or for what too many others wait for), FIELD_INVALID (a source for a trigger that has
        none).
        """
        for _ in range(_RACES):
            old = self._known(app, name)
            new = change.of(old, self._now())
            _check(new)
            if new.awaits not in {None, old.awaits}:
                self._check_wait(new)
            if change.status is FlowStatus.ACTIVE:
                self._look_through(old, RELEASE_AFTER)
            try:
                self._flows.put(new, old, self._entry(new, Action.FLOW_CHANGED, actor))
            except Stale:
                continue
            if change.status is FlowStatus.ACTIVE:
                self._look_through_now(new)
            return self._view(new)
        raise Unavailable

    def remove(self, app: AppId, name: FlowId, actor: Actor) -> None:
        """Remove a flow; its runs end (PU-62). Raises Refused: NOT_FOUND."""
        for _ in range(_RACES):
            known = self._known(app, name)
            self._look_through(known, RELEASE_AFTER)
            try:
                self._flows.remove(known, self._entry(known, Action.FLOW_DELETED, actor))
            except Stale:
                continue
            self._look_through_now(known)
            return
        raise Unavailable

    def _check_wait(self, flow: Flow) -> None:
        """Whoever makes another flow active at this very moment is not seen: a few may get past the limit together."""
        app = self._registry.app(flow.app)
        if flow.trigger.needs_statistics and app is not None and not app.statistics:
            message = (
                f"{flow.trigger} is not reported while the site's statistics are off: its operator can switch them on"
            )
            raise Refused(Fault.CONFLICT, message)
        if len({*self._flows.waiting(flow.app, flow.trigger)} - {flow.id}) >= MAX_ACTIVE:
            message = (
                f"At most {MAX_ACTIVE} flows with the trigger {flow.trigger} can be active: pause another one first"
            )
            raise Refused(Fault.CONFLICT, message)

    def _look_through(self, flow: Flow, after: int) -> None:
        jobs = (ReleaseRuns(flow.app, flow.id, shard) for shard in range(RUN_SHARDS))
        self._jobs.queue([(job, after) for job in jobs])

    def _look_through_now(self, flow: Flow) -> None:
        with contextlib.suppress(Unavailable):  # what was queued before the change does it, later
            self._look_through(flow, 0)

    def _known(self, app: AppId, name: FlowId) -> Flow:
        found = self._flows.get(app, name)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Flow not found")
        return found

    def _view(self, flow: Flow) -> FlowView:
        return FlowView(flow, self._runs.executions(flow.app, [flow.id])[flow.id])

    def _entry(self, flow: Flow, action: Action, actor: Actor) -> AuditEntry:
        details = {"flow": flow.id, "status": flow.status}
        return AuditEntry(self._randomness.new_id(), flow.app, self._now(), actor, action, details)

    def _now(self) -> int:
        return int(self._clock.now())


def _check(flow: Flow) -> None:
    if flow.source is not None and not flow.trigger.of_a_notification:
        message = f"triggerCampaignId goes with triggers of notifications, not with {flow.trigger}"
        raise Refused(Fault.FIELD_INVALID, message, field="triggerCampaignId")
    if flow.status is FlowStatus.ACTIVE and not flow.steps:
        raise Refused(Fault.CONFLICT, "A flow needs at least one step to be active")


def _why_not(now: FlowStatus, wanted: FlowStatus) -> str:
    if now is wanted:
        return f"The flow is {now} already"
    return f"Only a flow that is {' or '.join(sorted(TURNS[wanted]))} can become {wanted}; this one is {now}"
