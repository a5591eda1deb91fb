"""What is promised of flows: whatever begins a run begins one, nothing else does, and each step is taken once, in time.

The rules are written down here once more, in other words than the product's: a table that is wrong there must not be
right here because it was copied.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.memory.flows import RunKey
from tests.simulation.lives.watch import Watch
from tests.simulation.promises import Violation
from tocsin.domain.flow import ExitStep, Flow, FlowStatus, SendStep, Step, Trigger, send_of
from tocsin.domain.flow_run import Run, RunState
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId
from tocsin.domain.send import Send

FLOW_TURNS = {
    FlowStatus.DRAFT: {FlowStatus.ACTIVE, FlowStatus.ARCHIVED},
    FlowStatus.ACTIVE: {FlowStatus.PAUSED, FlowStatus.ARCHIVED},
    FlowStatus.PAUSED: {FlowStatus.DRAFT, FlowStatus.ACTIVE, FlowStatus.ARCHIVED},
    FlowStatus.ARCHIVED: {FlowStatus.DRAFT, FlowStatus.ACTIVE, FlowStatus.PAUSED},
}


CLOCKS_DIFFER = 5
"""Seconds by which times may be apart that different machines have noted."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that may begin a run.

    at: when. told_at, told_in: when its browser told us first, told_in by invocations. Times in Unix seconds.
    """

    trigger: Trigger
    browser: SubscriptionId
    at: int
    source: SendId | None
    told_at: float
    told_in: int


@dataclass(slots=True)
class RunLife:
    """A run as it was seen. ended_at: Unix seconds."""

    run: Run
    steps: tuple[Step, ...]
    ended_at: float | None = None


@dataclass(slots=True)
class FlowLife:
    """A flow as it was seen. since, since_in: when it came to do what it does now. inactive_since: 0: it is active.

    Both in Unix seconds, and by invocations.
    """

    flow: Flow
    since: float
    since_in: int
    inactive_since: int
    started: int = 0
    steps: dict[int, tuple[Step, ...]] = field(default_factory=dict)


class FlowPromises:
    """Watches flows and their runs. happenings: all that may begin a run."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._storage = watch.storage
        self.happenings: list[Happening] = []
        self._heard: list[Happening] = []
        self._reported: defaultdict[tuple[SubscriptionId, SendId], list[int]] = defaultdict(list)
        self._flows: dict[tuple[AppId, FlowId], FlowLife] = {}
        self._runs: dict[RunKey, Run] = {}
        self._lives: defaultdict[tuple[FlowId, SubscriptionId], list[RunLife]] = defaultdict(list)
        self._expected: dict[SendId, tuple[Run, FlowId]] = {}

    def happened(self, trigger: Trigger, browser: SubscriptionId, at: int, source: SendId | None) -> None:
        """Somebody is about to say that this happened. at: Unix seconds."""
        watch = self._watch
        self.happenings.append(Happening(trigger, browser, at, source, watch.now, watch.latest))

    def reported(self, browser: SubscriptionId, source: SendId, at: int) -> None:
        """Somebody is about to say that they did something with a message. at: Unix seconds, as their clock has it."""
        self._reported[browser, source].append(at)

    def heard(self, browser: SubscriptionId) -> None:
        """Somebody who was not subscribed has done so, and was answered while nothing went wrong."""
        self._heard += [one for one in self.happenings if one.browser == browser and not one.trigger.of_a_notification][
            -1:
        ]

    def check(self, purpose: str, number: int) -> None:
        """What changed was possible. purpose, number: of the invocation that made the call. Raises Violation."""
        self._see_flows(purpose)
        self._see_runs(number)

    def check_send(self, send: Send, purpose: str, number: int) -> None:
        """A new send is the step of a run whose time has come. Raises Violation."""
        run, flow = self._expected.get(send.id, (None, None))
        if run is None or flow is None:
            raise Violation(f"{purpose} made a send that is no run's step")
        if self._watch.now < run.due_at:
            raise Violation(f"a step was sent {run.due_at - self._watch.now:.0f} s before it was due")
        life = self._flows.get((send.app, flow))
        if life is None or (life.inactive_since and number > life.inactive_since):
            raise Violation("a flow that is not active sent something")
        if self._watch.is_late(run.due_at, life.since):
            raise Violation(f"a step was sent {self._watch.now - run.due_at:.0f} s late")

    def check_rest(self) -> None:
        """Every run is where its history left it. Raises Violation."""
        for life in self._flows.values():
            self._check_flow_at_rest(life)

    def _see_flows(self, purpose: str) -> None:
        flows = self._watch.home.flow_catalogue.flows
        for name, flow in flows.items():
            life = self._flows.get(name)
            if life is None:
                if flow.status is not FlowStatus.DRAFT:
                    raise Violation(f"{purpose} made a flow that is {flow.status}")
                life = self._flows[name] = FlowLife(flow, self._watch.now, self._watch.latest, self._watch.latest)
            elif life.flow is not flow:
                self._check_turn(life, flow)
                life.flow = flow
            life.steps[flow.steps_revision] = flow.steps
        for name in self._flows.keys() - flows.keys():
            life = self._flows[name]
            if not life.inactive_since:
                life.inactive_since = self._watch.latest

    def _check_turn(self, life: FlowLife, new: Flow) -> None:
        old = life.flow
        if new.revision != old.revision + 1:
            raise Violation("a change of a flow was lost")
        if new.status is not old.status and new.status not in FLOW_TURNS[old.status]:
            raise Violation(f"a flow that was {old.status} became {new.status}")
        if new.status is FlowStatus.ACTIVE and not new.steps:
            raise Violation("a flow without steps is active")
        if new.status is not old.status:
            life.inactive_since = 0 if new.status is FlowStatus.ACTIVE else self._watch.latest
        if (new.status, new.trigger, new.source) != (old.status, old.trigger, old.source):
            # As its owner asked for it: what happened while the request was under way may count.
            life.since, life.since_in = new.updated_at, self._watch.latest

    def _see_runs(self, number: int) -> None:
        stored = self._watch.home.runs.stored
        for key, one in stored.items():
            run, before = one.run, self._runs.get(key)
            if before is run:
                continue
            life = self._flows[key[0], key[1]]
            if before is None or before.id != run.id:
                self._check_start(life, before, run, number)
            else:
                self._check_step(life, before, run)
            self._runs[key] = run
            if run.state is RunState.ENDED:
                self._lives[key[1], key[2]][-1].ended_at = self._watch.now
            else:
                steps = life.steps[run.steps_revision]
                if run.position < len(steps) and isinstance(steps[run.position], SendStep):
                    self._expected[send_of(run.id, run.position)] = run, key[1]
            self._lives[key[1], key[2]][-1].run = run
        if len(self._runs) != len(stored):
            for key in self._runs.keys() - stored.keys():
                if (key[0], key[1]) in self._watch.home.flow_catalogue.flows:
                    raise Violation("a run of a flow that exists was forgotten")
                del self._runs[key]

    def _check_start(self, life: FlowLife, old: Run | None, new: Run, number: int) -> None:
        if old is not None and self._is_theirs(old):
            if old.state is not RunState.ENDED:
                raise Violation("two runs of a flow for one subscriber")
            if new.started_at < old.rests_until:
                raise Violation(f"a run began {new.started_at - old.started_at} s after the one before")
        elif old is not None and old.state is not RunState.ENDED:
            last = self._lives[life.flow.id, new.subscription][-1]
            last.run, last.ended_at = replace(old, state=RunState.ENDED), self._watch.now
        if life.inactive_since and number > life.inactive_since:
            raise Violation("a flow that is not active began a run")
        flow = life.flow
        causes = [
            one
            for one in self.happenings
            if (one.trigger, one.browser) == (new.trigger, new.subscription) and flow.source in {None, one.source}
        ]
        if not causes:
            raise Violation(f"nothing that happened to {new.subscription} begins a run of this flow")
        newest = max(self._times(one)[1] for one in causes)
        if number > life.since_in and newest + CLOCKS_DIFFER < int(life.since):
            raise Violation(f"a run was begun by what happened {life.since - newest:.0f} s before its flow was active")
        life.started += 1
        self._lives[flow.id, new.subscription].append(RunLife(new, life.steps[new.steps_revision]))

    def _check_step(self, life: FlowLife, old: Run, new: Run) -> None:
        if old.state is RunState.ENDED:
            raise Violation("a run that had ended goes on")
        if new.revision != old.revision + 1 or new.position < old.position:
            raise Violation("a run went back")
        steps = life.steps[old.steps_revision]
        passed = [at for at in range(old.position, new.position) if isinstance(steps[at], SendStep)]
        sent = [at for at in passed if (new.app, send_of(new.id, at)) in self._storage.sends]
        if len(passed) - len(sent) > new.skipped - old.skipped:
            raise Violation("a run went past a step that was neither sent nor skipped")
        if new.state is RunState.ENDED and new.position < len(steps) and not isinstance(steps[new.position], ExitStep):
            subscriber = self._storage.subscriptions.get((new.app, new.subscription))
            if subscriber is not None and subscriber.created_at <= new.started_at:
                raise Violation("a run ended before its last step")

    def _check_flow_at_rest(self, life: FlowLife) -> None:
        flow = life.flow
        mine = {key: run for key, run in self._runs.items() if key[1] == flow.id}
        if (flow.app, flow.id) not in self._watch.home.flow_catalogue.flows:
            if any(run.state is not RunState.ENDED for run in mine.values()):
                raise Violation("a run outlived its flow")
            return
        for run in mine.values():
            if run.state is RunState.WAITING:
                raise Violation("a run waits for ever")
            if run.state is RunState.HELD and flow.status is FlowStatus.ACTIVE:
                raise Violation("a run is held although its flow is active")
        done = self._watch.home.runs.executions(flow.app, [flow.id])[flow.id]
        lives = [one for (owner, _), many in self._lives.items() if owner == flow.id for one in many]
        ended = sum(one.run.state is RunState.ENDED for one in lives)
        skipped = sum(one.run.skipped for one in lives)
        if (done.started, done.ended, done.skipped) != (life.started, ended, skipped):
            raise Violation(f"{done}, but {life.started} began, {ended} ended and {skipped} steps were skipped")
        if flow.status is FlowStatus.ACTIVE:
            for happening in self._owed(life):
                if not self._answered(flow, happening):
                    raise Violation(f"{happening} began no run")

    def _owed(self, life: FlowLife) -> Iterator[Happening]:
        """What must have begun a run: of all that is told again until it is heard, and happened while it was active."""
        flow = life.flow
        for one in (*(one for one in self.happenings if one.trigger.of_a_notification), *self._heard):
            wanted = one.trigger is flow.trigger and flow.source in {None, one.source}
            if wanted and one.told_in >= life.since_in and self._times(one)[0] >= int(life.since):
                yield one

    def _answered(self, flow: Flow, happening: Happening) -> bool:
        """Whether there is a run that it began, or that was live or rested when it was heard.

        Of somebody who came after an erasure it is their own.
        """
        found = self._storage.subscriptions.get((flow.app, happening.browser))
        came_before = found is not None and found.created_at <= happening.told_at
        at = min(happening.at, happening.told_at)  # a clock that is ahead shortens no rest
        return any(
            one.ended_at is None or one.ended_at >= happening.told_at or one.run.rests_until > at
            for one in self._lives[flow.id, happening.browser]
            if not came_before or self._is_theirs(one.run)
        )

    def _times(self, happening: Happening) -> tuple[int, int]:
        """When it happened, at the earliest and at the latest: a worker may report the same thing with several times.

        Whoever came or left may have done so later than they said, as far as we know.
        """
        if happening.source is None:
            return happening.at, int(self._watch.now)
        sent_at = self._storage.sends[self._watch.owner.id, happening.source].send.created_at
        times = [max(at, sent_at) for at in self._reported[happening.browser, happening.source]]
        return min(times), max(times)

    def _is_theirs(self, run: Run) -> bool:
        """Whether a run is of whoever has its subscriber's browser now, who may have come after an erasure."""
        found = self._storage.subscriptions.get((run.app, run.subscription))
        return found is None or found.created_at <= run.started_at + CLOCKS_DIFFER
