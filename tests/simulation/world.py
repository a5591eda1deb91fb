"""A deployment whose functions run interleaved and fail on purpose: the real use cases, in virtual time.

Each invocation is a thread, but only the one that holds the baton runs. At every port call it decides, by the seed, who
has the baton next, and what happens: nothing, the end of the process, a store that does not answer, or a pause.
"""

import _thread
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar, cast

from tests.engine import MemoryEngine
from tests.memory.sends import MemoryChunks, MemorySends
from tests.memory.subscriptions import MemorySubscriptions
from tests.memory.system import START
from tests.memory.transport import ScriptedTransport
from tests.memory.webhooks import MemoryEvents
from tests.simulation.failures import OF_STORES, Crash, Failure
from tests.simulation.ports import ReportingMeter, SharedClock, SharedJobs, Watched
from tests.simulation.promises import Promises, Violation
from tests.simulation.push_service import Patience, PushServices, SimulatedTransport, Thread
from tocsin.application.jobs import DeliverChunk, FanOut, Lane
from tocsin.application.ports import Unavailable
from tocsin.domain.errors import Refused

VISIBILITY = 90
RESERVE_SECONDS = 15
"""From a worker's deadline until Lambda ends it."""
FAULTLESS_AFTER = 600
MAX_STEPS = 30_000
MANY_MESSAGES = 20
"""No more repeats then: a message that is put back and repeated each time would soon be a thousand."""
THREADS, CONTAINERS = 4, 3
"""Chunks that one process works on at once, and processes that are kept for the next message."""
TAIL = 40
"""Port calls that a violation shows."""
Port = TypeVar("Port")


@dataclass(eq=False)
class Process:
    """A container: what its invocations share, as long as it lives."""

    engine: MemoryEngine
    running: int = 0
    dead: bool = False


def _taken() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Invocation:
    """One run of a function. It can go on from `wake`."""

    body: Callable[[], None]
    wake: float
    thread: Thread
    baton: _thread.LockType = field(default_factory=_taken)
    process: Process | None = None
    started: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A job in a queue, visible from `due`."""

    job: FanOut | DeliverChunk
    due: float


class World:
    """Everything that outlives a process, and the schedule of those that run.

    latency: seconds that a store takes. backlog: seconds that chunks of broadcasts wait in their queue.
    handler_seconds, planner_seconds: what is left of a worker's and a planner's time. warmth: how often a message finds
    a process that works already. repeated_delivery: how often a message comes twice. pauses: how long they may be.
    """

    def __init__(
        self, home: MemoryEngine, seed: int = 0, failures: Callable[[int], Failure | None] = lambda number: None
    ) -> None:
        self.chance = random.Random(seed)
        self.clock = SharedClock(self.sleep_until)
        self.home = home
        self.storage = home.storage
        self.promises = Promises(self.storage)
        self.services = PushServices(self.chance, self.promises)
        self.patience = Patience()
        self.meter = ReportingMeter(self.fail)
        self.jobs = SharedJobs(self.enqueue)
        self.events = MemoryEvents()
        self.queue: list[Message] = []
        self.calls = 0
        self.failed = 0
        self.latency = 0.0
        self.backlog = 0.0
        self.handler_seconds = self.planner_seconds = 60.0
        self.warmth = 0.0
        self.repeated_delivery = 1.0
        self.pauses: Sequence[float] = (1, 12, 35, 100)
        self._trace: list[tuple[float, str, Failure | None]] = []
        self._failures = failures
        self._last_failure = 0.0
        self._invocations: list[Invocation] = []
        self._containers: list[Process] = []
        self._running: Invocation | None = None
        self._main = _taken()
        self._error: BaseException | None = None
        self._over = False
        self._sweep_at = START + 60
        self._steps = 0

    @property
    def trace(self) -> list[str]:
        """What happened, a line for each port call: seconds since the start, the call, and what went wrong."""
        return [f"{at - START:8.2f} {name}{f' <- {failure}' if failure else ''}" for at, name, failure in self._trace]

    def process(self) -> MemoryEngine:
        """The use cases as a fresh process has them: nothing in memory, all storage shared and watched."""
        return self._enter(Process(self._fresh()))

    def invoke(self, body: Callable[[], None]) -> None:
        """Start a function."""
        now = self.clock.now()
        self._invocations.append(Invocation(body, now, Thread(now)))

    def enqueue(self, job: FanOut | DeliverChunk, delay: float) -> None:
        """Queue a job."""
        late = self.backlog if job.route.lane is Lane.BULK and isinstance(job, DeliverChunk) else 0
        self.queue.append(Message(job, self.clock.now() + delay + late))

    def fail(self, error: BaseException) -> None:
        """End the history with this error, if it is the first one."""
        self._error = self._error or error

    def step(self, name: str, call: Callable[[], object], *, answers: bool) -> object:
        """A port call of the running invocation. `answers`: whether this port is a store, which may not answer."""
        invocation = self._own
        if self._over or invocation.dead:
            raise Crash
        now = invocation.thread.asked = self.clock.now()
        invocation.wake = now + self.latency if answers else now
        self._hand_over(invocation)
        self.calls += 1
        failure = self._failures(self.calls) if now < START + FAULTLESS_AFTER else None
        if failure in OF_STORES and not answers:
            failure = None
        self._trace.append((now, name, failure))
        if failure is None:
            return self._checked(call)
        return self._fail_at(failure, call, invocation)

    def sleep_until(self, time: float) -> None:
        """Let the others run until `time`."""
        invocation = self._own
        invocation.wake = time
        self._hand_over(invocation)

    def run(self) -> None:
        """Let functions, queues and the sweep work until every send is settled and nothing is queued."""
        first = self._next()
        if first is not None:
            self._wake(first)
            self._main.acquire()
        self._over = True
        for invocation in self._invocations:
            if invocation.started:
                invocation.baton.release()
        if self._error is None:
            try:
                self.promises.check_rest()
            except Violation as violation:
                self._error = violation
        if self._error is not None:
            self._error.add_note("\n".join(["The last calls, in seconds since the start:", *self.trace[-TAIL:]]))
            raise self._error

    # --- failures ---------------------------------------------------------------------------------------------------

    def _fail_at(self, failure: Failure, call: Callable[[], object], invocation: Invocation) -> object:
        now = self.clock.now()
        self.failed += 1
        self.promises.lost += 1
        self._last_failure = max(self._last_failure, now)
        match failure:
            case Failure.CRASH_BEFORE:
                self._die(invocation)
            case Failure.UNAVAILABLE_BEFORE:
                raise Unavailable
            case Failure.TWICE:
                self._checked(call)
            case Failure.PAUSE:
                self.sleep_until(now + self.chance.choice(self.pauses))
                self._last_failure = max(self._last_failure, self.clock.now())
                invocation.thread.awake = self.clock.now()
        result = self._checked(call)
        if failure is Failure.CRASH_AFTER:
            self._die(invocation)
        if failure is Failure.UNAVAILABLE_AFTER:
            raise Unavailable
        return result

    def _checked(self, call: Callable[[], object]) -> object:
        try:
            result = call()
            self.promises.check_step()
        except Violation as violation:
            # A use case that survives any Exception must not survive this one.
            self.fail(violation)
            self._own.dead = True
            raise Crash from violation
        return result

    def _die(self, invocation: Invocation) -> NoReturn:
        # What a dying process still does in `finally` must have no effect either.
        if invocation.process is not None:
            invocation.process.dead = True
            for other in self._invocations:
                if other.process is invocation.process and other is not invocation:
                    other.dead = True
                    other.wake = self.clock.now()
                    self.promises.lost += 1
        invocation.dead = True
        raise Crash

    # --- processes --------------------------------------------------------------------------------------------------

    def _fresh(self) -> MemoryEngine:
        fresh = MemoryEngine()
        fresh.clock, fresh.randomness, fresh.derivation = self.clock, self.home.randomness, self.home.derivation
        fresh.registry, fresh.vault, fresh.meter = self.home.registry, self.home.vault, self.meter
        fresh.credits = self._watched(self.home.credits)
        fresh.subscriptions = self._watched(MemorySubscriptions(self.storage, self.clock))
        fresh.sends = self._watched(MemorySends(self.storage, self.clock))
        fresh.chunks = self._watched(MemoryChunks(self.storage))
        fresh.jobs = self._watched(self.jobs)
        fresh.events = self._watched(self.events)
        transport = SimulatedTransport(
            self.services, self.promises, self.patience, self.clock, lambda: self._own.thread
        )
        fresh.transport = cast(ScriptedTransport, self._watched(transport, answers=False))
        return fresh

    def _container(self) -> MemoryEngine:
        """The process that takes the next message: one that is there, or a new one."""
        if self._containers and self.chance.random() < self.warmth:
            there = [process for process in self._containers if not process.dead and process.running < THREADS]
            if there:
                return self._enter(self.chance.choice(there))
        new = Process(self._fresh())
        self._containers = [*self._containers[1 - CONTAINERS :], new]
        return self._enter(new)

    def _enter(self, process: Process) -> MemoryEngine:
        process.running += 1
        self._own.process = process
        return process.engine

    def _watched(self, port: Port, *, answers: bool = True) -> Port:
        return cast(Port, Watched(self.step, port, answers=answers))

    # --- what comes by itself ---------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        self.process().sweeping.sweep()

    def _receive(self, now: float) -> None:
        for message in [message for message in self.queue if message.due <= now]:
            self.queue.remove(message)
            repeats = now < START + FAULTLESS_AFTER and len(self.queue) < MANY_MESSAGES
            if repeats and self.chance.random() < self.repeated_delivery:
                self.invoke(self._handler(message, again=False))
            self.invoke(self._handler(message, again=True))

    def _handler(self, message: Message, *, again: bool) -> Callable[[], None]:
        def handle() -> None:
            started = self.clock.now()
            try:
                process = self._container()
                if isinstance(message.job, FanOut):
                    until = started + self.planner_seconds
                    process.fanning_out.handle(message.job, until)
                else:
                    until = started + self.handler_seconds
                    process.delivering.handle(message.job, until)
            except (Crash, Unavailable):
                if again and not self._over:
                    self.queue.append(Message(message.job, self.clock.now() + VISIBILITY))
                raise
            if self._own.thread.awake < started and self.clock.now() > until + RESERVE_SECONDS:
                self.fail(Violation(f"a worker ended {self.clock.now() - until:.0f} s after its deadline"))

        return handle

    # --- the baton --------------------------------------------------------------------------------------------------

    @property
    def _own(self) -> Invocation:
        if self._running is None:
            raise AssertionError("only an invocation calls ports")
        return self._running

    def _next(self) -> Invocation | None:
        """Who has the baton next; None at the end of the history."""
        if self._error is None:
            try:
                return self._picked()
            except Violation as violation:
                self._error = violation
        return None

    def _picked(self) -> Invocation | None:
        while self._steps < MAX_STEPS:
            self._steps += 1
            now = self.clock.now()
            if now >= self._sweep_at:
                self._sweep_at = now + 60
                self.promises.check_time(now, self._last_failure)
                if not self.promises.lost and not self.backlog:
                    self.promises.check_prompt(now, well=self.services.well)
                self.invoke(self._sweep)
            if self.queue:
                self._receive(now)
            ready = [invocation for invocation in self._invocations if invocation.wake <= now]
            if ready:
                return ready[0] if len(ready) == 1 else self.chance.choice(ready)
            if not self._invocations and not self.queue and self._quiet():
                return None
            times = [self._sweep_at, *(i.wake for i in self._invocations), *(message.due for message in self.queue)]
            self.clock.advance(max(0.0, min(times) - now))
        raise Violation("G5: the system never comes to rest")

    def _quiet(self) -> bool:
        return all(stored.send.settled_at is not None for stored in self.storage.sends.values())

    def _hand_over(self, invocation: Invocation) -> None:
        following = self._next()
        if following is not invocation:
            self._wake(following)
            invocation.baton.acquire()
            if self._over:
                raise Crash
            self._running = invocation
        if invocation.dead:
            raise Crash

    def _wake(self, invocation: Invocation | None) -> None:
        if invocation is None:
            self._main.release()
        elif invocation.started:
            invocation.baton.release()
        else:
            _thread.start_new_thread(self._live, (invocation,))

    def _live(self, invocation: Invocation) -> None:
        following: Invocation | None = invocation
        while following is not None and not following.started:
            self._running = invocation = following
            invocation.started = True
            try:
                invocation.body()
            except (Crash, Unavailable, Refused):
                pass
            except BaseException as error:  # noqa: BLE001 - whatever ends the thread belongs to the history
                self.fail(error)
            if self._over:
                return
            self._invocations.remove(invocation)
            if invocation.process is not None:
                invocation.process.running -= 1
            following = self._next()
        self._wake(following)
