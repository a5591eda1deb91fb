"""Flows in virtual time: the queue of their runs, and the schedule that looks after it each minute."""

import heapq
from itertools import count

from tests.engine import MemoryEngine
from tocsin.application.flows import Draft, FlowChange
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import RunJob
from tocsin.domain.audit import Actor
from tocsin.domain.flow import MIN_INTERVAL, DelayStep, DelayUnit, Executions, Flow, FlowStatus, SendStep, Step, Trigger
from tocsin.domain.flow_run import RunState
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App, DialectName

DIALECT = DialectName("pushary")
KEY = Actor("key12345", "req-1")
MINUTE, HANDLER_SECONDS = 60, 45.0
OF_A_NOTIFICATION = SendId("b0" * 12)
VISIBILITY, MOST_RECEIVES = 360, 3


def show(title: str) -> SendStep:
    """A step that sends."""
    return SendStep(Notification(title, "Text"), {})


def wait(seconds: int) -> DelayStep:
    """A step that waits."""
    return DelayStep(seconds, DelayUnit.SECONDS)


def draft(
    *steps: Step, trigger: Trigger = Trigger.SUBSCRIBED, source: SendId | None = None, interval: int = MIN_INTERVAL
) -> Draft:
    """What is asked of a new flow."""
    return Draft("Welcome", None, trigger, source, steps, interval)


def active(
    engine: MemoryEngine,
    owner: App,
    *steps: Step,
    trigger: Trigger = Trigger.SUBSCRIBED,
    source: SendId | None = None,
    interval: int = MIN_INTERVAL,
) -> Flow:
    """An active flow; nothing is held that its activation could release."""
    asked = draft(*steps, trigger=trigger, source=source, interval=interval)
    made = engine.flows.create(owner.id, DIALECT, asked, KEY).flow
    turned = turn(engine, made, FlowStatus.ACTIVE)
    engine.run_jobs.queued.clear()
    return turned


def turn(engine: MemoryEngine, flow: Flow, status: FlowStatus) -> Flow:
    """The flow in another status."""
    return engine.flows.change(flow.app, flow.id, FlowChange(status=status), KEY).flow


def titles(engine: MemoryEngine) -> list[str]:
    """What was sent, in the order in which it was accepted for sending."""
    return [stored.send.notification.title for stored in engine.storage.sends.values()]


class RunQueue:
    """Hands out each message when it can be seen, three times if it fails. handled: what was, and when."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self._numbers = count()
        self._waiting: list[tuple[float, int, int, RunJob]] = []
        self.dead: list[RunJob] = []
        self._next_sweep = engine.clock.now() + MINUTE
        self.handled: list[tuple[float, RunJob]] = []

    def take(self) -> list[RunJob]:
        """What was queued since the last look; it is waited for."""
        engine, now = self._engine, self._engine.clock.now()
        queued, engine.run_jobs.queued = engine.run_jobs.queued, []
        for job, delay in queued:
            heapq.heappush(self._waiting, (now + delay, next(self._numbers), 1, job))
        return [job for job, _ in queued]

    def waiting(self) -> int:
        """How many messages there are."""
        self.take()
        return len(self._waiting)

    def lose(self) -> None:
        """Every message that waits."""
        self.take()
        self._waiting.clear()

    def again(self, job: RunJob) -> None:
        """A message arrives once more."""
        self._engine.running.handle(job, self._engine.clock.now() + HANDLER_SECONDS)

    def passes(self, seconds: float) -> None:
        """Let this time pass, with all that happens in it."""
        clock, end = self._engine.clock, self._engine.clock.now() + seconds
        while True:
            self.take()
            due = min(self._waiting[0][0] if self._waiting else end + 1, self._next_sweep)
            if due > end:
                break
            clock.advance(max(0.0, due - clock.now()))
            if due == self._next_sweep:
                self._next_sweep += MINUTE
                self._engine.continuing.sweep()
                continue
            _, _, received, job = heapq.heappop(self._waiting)
            self.handled.append((clock.now(), job))
            try:
                self._engine.running.handle(job, clock.now() + HANDLER_SECONDS)
            except Unavailable:
                self._give_back(job, received)
        clock.advance(end - clock.now())

    def _give_back(self, job: RunJob, received: int) -> None:
        if received == MOST_RECEIVES:
            self.dead.append(job)
            return
        again_at = self._engine.clock.now() + VISIBILITY
        heapq.heappush(self._waiting, (again_at, next(self._numbers), received + 1, job))


def reserved_at(engine: MemoryEngine) -> list[int]:
    """When what was sent was accepted for sending."""
    return [stored.send.created_at for stored in engine.storage.sends.values()]


def done(engine: MemoryEngine, flow: Flow) -> Executions:
    """What a flow has done."""
    return engine.flows.get(flow.app, flow.id).executions


def state(engine: MemoryEngine, flow: Flow, subscriber: Subscription) -> RunState | None:
    """Where their run is."""
    run = engine.runs.get(flow.app, flow.id, subscriber.id)
    return None if run is None else run.state


def click(engine: MemoryEngine, subscriber: Subscription, at: int) -> None:
    """They click a notification."""
    engine.triggering.all_happened(subscriber.app, Trigger.CLICKED, [(subscriber.id, at)], OF_A_NOTIFICATION)
