"""Runs of flows: begun, taken from step to step, held while their flow rests. Repeating a job changes nothing."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tocsin.application.limiting import Limiting
from tocsin.application.ports import (
    Clock,
    FlowCatalogue,
    Randomness,
    Registry,
    RunJobs,
    Runs,
    Stale,
    Subscriptions,
    Unavailable,
)
from tocsin.application.remembering import Remembered
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun
from tocsin.application.send_command import SendCommand
from tocsin.application.sending import Sending
from tocsin.domain.clocks import CLOCKS_DIFFER
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import DAY, Flow, FlowStatus, SendStep, Step, Trigger, send_of
from tocsin.domain.flow_run import CallAgain, Deliver, Run, RunEvent, RunState, Store, begun, step
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, FlowId
from tocsin.domain.send import Charge, Chosen, Origin
from tocsin.domain.subscription import Subscription
from tocsin.domain.template import Renderer

MAX_QUEUED = 900
"""Seconds that the queue can hold a message back; what is due later is queued by the sweep."""
AGAIN_AFTER = 200
"""Seconds after which a run is looked for whose message, it seems, was lost."""
MESSAGES_PER_DAY = 20
"""The last guard against flows that go round in circles: what all of an app's flows together send a subscriber."""
REMOVED_AT_ONCE = 100
RELEASED_AT_ONCE = 1000
PUT_OFF = 5, 60
"""Seconds, from and to, after which a job is tried again that met a store which did not answer."""
MOST_PUT_OFFS = 8
"""How often it is, which takes some four minutes; then its failure is the queue's, that counts and rings alarms."""
RENEWALS = 8
"""How many endpoints of a browser are followed, each of which took the place of the one before."""
KNOWN_STEPS, STEPS_SECONDS = 50, 600
"""What was replaced never changes; this only bounds what is kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a job did, for its log line. late: seconds from when a step was due until it was taken, None without one.

    put_off: a store did not answer, and the job was queued again.
    """

    late: int | None = None
    sent: int = 0
    skipped: int = 0
    put_off: bool = False


class Running:
    """The worker of the queue of runs.

    Order: the send is reserved, then the run is stored where it was read, then its next message is queued. Whoever dies
    in between is repeated by the queue, or found by the sweep; the id of a step's send makes the repeat harmless.
    """

    def __init__(
        self,
        flows: FlowCatalogue,
        runs: Runs,
        jobs: RunJobs,
        registry: Registry,
        subscriptions: Subscriptions,
        sending: Sending,
        limiting: Limiting,
        derivation: Derivation,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._flows = flows
        self._runs = runs
        self._jobs = jobs
        self._registry = registry
        self._subscriptions = subscriptions
        self._sending = sending
        self._limiting = limiting
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness
        self._replaced: Remembered[tuple[AppId, FlowId, int], Sequence[Step]] = Remembered(clock, KNOWN_STEPS)

    def handle(self, job: RunJob, until: float) -> Progress:
        """Do what the job says; what is left when the time is `until` (Unix seconds) goes into the queue again.

        So does the whole job if a store does not answer. Raises Unavailable if the queue does not, or it was put off
        so often before.
        """
        try:
            return self._handle(job, until)
        except Unavailable:
            # All that an app sends meets at its quota, where somebody has to give way. The queue itself would bring the
            # message back after minutes, and give it up after three times.
            if job.tries >= MOST_PUT_OFFS:
                raise
            first, last = PUT_OFF
            wait = first + int(self._randomness.chance() * (last - first + 1))
            self._jobs.queue([(replace(job, tries=job.tries + 1), wait)])
            return Progress(put_off=True)

    def _handle(self, job: RunJob, until: float) -> Progress:
        match job:
            case StartRun():
                return self._start(job)
            case ContinueRun():
                return self._continue(job)
            case ReleaseRuns():
                self._release(job, until)
                return Progress()

    def _start(self, job: StartRun) -> Progress:
        flow = self._flows.get(job.app, job.flow)
        if flow is None or flow.status is not FlowStatus.ACTIVE or flow.trigger is not job.trigger:
            return Progress()
        now = self._now()
        at = min(job.at, now)  # the clocks of browsers go as they like
        if at + CLOCKS_DIFFER < flow.awaits_since:
            return Progress()
        found = self._subscriptions.get(job.app, job.subscription)
        if _is_after(found, at):
            return Progress()
        run = begun(
            Run(
                id=self._derivation.run_id(flow.app, flow.id, job.subscription, job.at),
                app=flow.app,
                flow=flow.id,
                subscription=job.subscription,
                trigger=job.trigger,
                steps_revision=flow.steps_revision,
                position=0,
                state=RunState.WAITING,
                due_at=now,
                started_at=now,
                rests_until=now + flow.interval,
            ),
            flow.steps,
            now,
        )
        if not self._begin(run, at, found):
            return Progress()
        if run.due_at <= now:
            return self._go_on(run, flow)
        self._call(run)
        return Progress()

    def _begin(self, run: Run, at: int, subscriber: Subscription | None) -> bool:
        """Whether it begins here; not if another run of theirs is live, or rests, or an earlier try began this one."""
        look_at = self._look_at(run)
        if self._runs.start(run, at, look_at):
            return True
        known = self._runs.get(run.app, run.flow, run.subscription)
        if known is None:
            return False
        if known.id == run.id:
            # Its message may not have been queued. It may keep to newer steps than were read here: that reads them.
            self._call(known)
            return False
        return _is_after(subscriber, known.started_at) and self._runs.start(run, at, look_at, known)

    def _continue(self, job: ContinueRun) -> Progress:
        run = self._runs.get(job.app, job.flow, job.subscription)
        flow = None if run is None else self._flows.get(job.app, job.flow)
        if run is None:
            return Progress()
        if flow is None:
            self._runs.remove(run)
            return Progress()
        return self._go_on(run, flow)

    def _go_on(self, run: Run, flow: Flow) -> Progress:
        """Take every step that is due."""
        steps = self._steps(run, flow)
        due = now = self._now()
        progress, event, missing = Progress(), _called(flow), 0
        while True:
            match step(run, steps, event, now, missing):
                case None:
                    return progress
                case CallAgain(seconds):
                    self._jobs.queue([(_next(run), seconds)])
                    return progress
                case Deliver(one):
                    progress = replace(progress, late=max(progress.late or 0, due - run.due_at))
                    event, missing = self._deliver(run, one, flow)
                    continue
                case Store(new):
                    try:
                        self._runs.put(new, run, self._look_at(new))
                    except Stale:
                        return progress  # the same job came twice, and the other one was faster
                    progress = replace(
                        progress,
                        sent=progress.sent + (event is RunEvent.SENT),
                        skipped=progress.skipped + (event is RunEvent.SKIPPED),
                    )
                    run, now = new, self._now()
            if run.state is RunState.HELD:
                self._check_held(run)
                return progress
            if run.state is RunState.ENDED:
                return progress
            if run.due_at > now:
                self._call(run)
                return progress
            due, event = now, RunEvent.CALLED

    def _deliver(self, run: Run, one: SendStep, flow: Flow) -> tuple[RunEvent, int]:
        """What became of a step, and how many values its texts lacked."""
        app, found = self._registry.app(run.app), self._subscriber(run)
        if app is None or found is None:
            return RunEvent.STOPPED, 0
        send, audience = send_of(run.id, run.position), _audience(run, found)
        missing = Renderer(one.notification, one.variables, app.name).to(found).missing
        if run.trigger is Trigger.UNSUBSCRIBED:
            missing = 0  # others get it than who left
        if self._sending.exists(run.app, send):
            return RunEvent.SENT, missing  # by somebody who died before that was stored
        if audience is None or flow.dialect in app.dialects_off or not self._has_room(found):
            return RunEvent.SKIPPED, 0
        command = SendCommand(
            app=app,
            dialect=flow.dialect,
            audience=audience,
            notification=one.notification,
            charge=Charge.QUOTA,
            queued=True,
            id=send,
            origin=Origin.FLOW,
            variables=one.variables,
        )
        try:
            result = self._sending.send(command)
        except Refused as refused:
            if refused.fault not in {Fault.QUOTA_EXCEEDED, Fault.CREDITS_EXHAUSTED}:
                raise
            return RunEvent.SKIPPED, 0
        if result.send is None:
            return RunEvent.SKIPPED, 0
        self._count(found)
        return RunEvent.SENT, missing

    def _subscriber(self, run: Run) -> Subscription | None:
        """Whose run it is, by the endpoint that their browser has now. None: erased; who came back is another one."""
        found = self._subscriptions.get(run.app, run.subscription)
        for _ in range(RENEWALS):
            if found is not None and found.replaced_by is not None:
                found = self._subscriptions.get(run.app, found.replaced_by)
        return None if _is_after(found, run.started_at) else found

    def _has_room(self, subscription: Subscription) -> bool:
        return self._limiting.has_room(_guard(subscription), MESSAGES_PER_DAY, DAY)

    def _count(self, subscription: Subscription) -> None:
        """Only what is sent counts, so a step may be tried as often as need be."""
        with contextlib.suppress(Refused):  # another run took the last place meanwhile
            self._limiting.take(_guard(subscription), MESSAGES_PER_DAY, DAY)

    def _release(self, job: ReleaseRuns, until: float) -> None:
        flow, after = self._flows.get(job.app, job.flow), job.after
        while self._now() < until:
            if flow is None:
                if self._runs.clear(job.app, job.flow, job.shard, REMOVED_AT_ONCE):
                    return
            elif flow.status is not FlowStatus.ACTIVE:
                return
            else:
                held = self._runs.held(job.app, job.flow, job.shard, after, RELEASED_AT_ONCE)
                self._jobs.queue([(ContinueRun(job.app, job.flow, one), 0) for one in held])
                if len(held) < RELEASED_AT_ONCE:
                    return
                after = held[-1]
        self._jobs.queue([(replace(job, after=after, tries=0), 0)])

    def _check_held(self, run: Run) -> None:
        """Whoever made the flow active, or removed it, may have looked for held runs just before this one was."""
        flow = self._flows.get(run.app, run.flow)
        if flow is None or flow.status is FlowStatus.ACTIVE:
            self._jobs.queue([(_next(run), 0)])

    def _steps(self, run: Run, flow: Flow) -> Sequence[Step]:
        if run.steps_revision == flow.steps_revision:
            return flow.steps
        key = run.app, run.flow, run.steps_revision
        found = self._replaced.get(key)
        if found is None and (found := self._flows.steps(*key)) is not None:
            self._replaced.put(key, found, self._clock.now() + STEPS_SECONDS)
        return found or ()  # none: the flow was removed just now, and with it what its runs keep to

    def _call(self, run: Run) -> None:
        """Queue its next message, unless that is for the sweep to do."""
        wait = run.due_at - self._now()
        if run.state is RunState.WAITING and wait <= MAX_QUEUED:
            self._jobs.queue([(_next(run), max(0, wait))])

    def _look_at(self, run: Run) -> int:
        now = self._now()
        return run.due_at if run.due_at - now > MAX_QUEUED else max(run.due_at, now) + AGAIN_AFTER

    def _now(self) -> int:
        return int(self._clock.now())


def _called(flow: Flow) -> RunEvent:
    return RunEvent.CALLED if flow.status is FlowStatus.ACTIVE else RunEvent.CALLED_INACTIVE


def _next(run: Run) -> ContinueRun:
    return ContinueRun(run.app, run.flow, run.subscription)


def _guard(subscription: Subscription) -> str:
    return f"flows.{subscription.app}.{subscription.id}"


def _is_after(subscription: Subscription | None, at: int) -> bool:
    """Whether it was made after `at` (Unix seconds): what was then befell somebody else, who was erased."""
    return subscription is not None and subscription.created_at > at + CLOCKS_DIFFER


def _audience(run: Run, subscription: Subscription) -> Chosen | None:
    """Whom a step is sent to: who left is reached on the other devices of the same person (PU-88)."""
    if run.trigger is not Trigger.UNSUBSCRIBED:
        return Chosen(subscriptions=(subscription.id,))
    person = subscription.identity(IdentityKind.EXTERNAL)
    return None if person is None else Chosen(identities=(person,))
