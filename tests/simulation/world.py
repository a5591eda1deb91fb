"""A deployment whose functions run interleaved and fail on purpose: the real use cases, in virtual time.

Each invocation is a thread, but only the one that holds the baton runs. It hands the baton back at every port call, and
there the world decides what happens: nothing, the end of the process, a store that does not answer, or a pause.
"""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, TypeVar, cast
from unittest.mock import patch

from tests.engine import MemoryEngine
from tests.memory.jobs import MemoryJobs
from tests.memory.sends import MemoryChunks, MemorySends
from tests.memory.storage import Entry
from tests.memory.subscriptions import MemorySubscriptions
from tests.memory.system import START, VirtualClock
from tests.memory.transport import ScriptedTransport
from tests.simulation.push_service import PushServices, SimulatedTransport
from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.ports import Unavailable
from tocsin.domain.errors import Refused

VISIBILITY = 90
HANDLER_SECONDS = 60
FAULTLESS_AFTER = 600
END = 4800
MAX_STEPS = 20_000
SMALL_WINDOW = 2
Port = TypeVar("Port")


class Crash(BaseException):
    """The process is gone. Nothing catches this."""


class Violation(AssertionError):
    """A promise of the protocol was broken."""


class Failure(StrEnum):
    """What can go wrong at a port call."""

    CRASH_BEFORE = "crash before the effect"
    CRASH_AFTER = "crash after the effect"
    UNAVAILABLE_BEFORE = "unavailable, nothing happened"
    UNAVAILABLE_AFTER = "unavailable, but it happened"
    PAUSE = "a pause before the effect"


UNANSWERED = {Failure.UNAVAILABLE_BEFORE, Failure.UNAVAILABLE_AFTER}


@dataclass(frozen=True, slots=True)
class At:
    """One failure, at the n-th port call of the whole history (from 1)."""

    call: int
    failure: Failure

    def __call__(self, number: int) -> Failure | None:
        """What happens at this call."""
        return self.failure if number == self.call else None


@dataclass(slots=True)
class Often:
    """Failures of every kind, each call with this probability."""

    chance: random.Random
    rate: float

    def __call__(self, number: int) -> Failure | None:
        """What happens at this call."""
        return self.chance.choice(list(Failure)) if self.chance.random() < self.rate else None


@dataclass(eq=False)
class Invocation:
    """One run of a function. It can go on from `wake`."""

    body: Callable[[], None]
    wake: float
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    started: bool = False
    dead: bool = False
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A job in a queue, visible from `due`."""

    job: FanOut | DeliverChunk
    due: float


class Baton(threading.local):
    """Which invocation this thread is."""

    invocation: Invocation | None = None


class SharedClock(VirtualClock):
    """The world's time. Sleeping hands the baton on; when everybody sleeps, the time moves."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world

    def sleep(self, seconds: float) -> None:
        """Let others run until then."""
        self._world.sleep_until(self.now() + seconds)


class SharedJobs(MemoryJobs):
    """The queues that the world delivers from."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world

    def fan_out(self, jobs: Sequence[FanOut]) -> None:
        """Queue the planning of these parts."""
        super().fan_out(jobs)
        self._world.queue += [Message(job, self._world.clock.now()) for job in self.planned]
        self.planned.clear()

    def deliver(self, jobs: Sequence[DeliverChunk], delay: int = 0) -> None:
        """Queue chunks."""
        super().deliver(jobs, delay)
        self._world.queue += [Message(sent.job, self._world.clock.now() + sent.delay) for sent in self.delayed]
        self.delayed.clear()


class Watched:
    """A port whose calls are steps of the world."""

    def __init__(self, world: "World", port: object, *, answers: bool) -> None:
        self._world = world
        self._port = port
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._port, name)

        def watched(*args: object, **options: object) -> object:
            label = f"{type(self._port).__name__}.{name}"
            return self._world.step(label, lambda: method(*args, **options), answers=self._answers)

        return watched


class World:
    """Everything that outlives a process, and the schedule of those that run."""

    def __init__(self, seed: int = 0, failures: Callable[[int], Failure | None] = lambda number: None) -> None:
        self.chance = random.Random(seed)
        self.clock = SharedClock(self)
        self.home = MemoryEngine(seed)
        self.storage = self.home.storage
        self.jobs = SharedJobs(self)
        self.queue: list[Message] = []
        self.services = PushServices(self.chance)
        self.trace: list[str] = []
        self.failed = 0
        self.repeated_delivery = 1.0
        self._failures = failures
        self._calls = 0
        self._invocations: list[Invocation] = []
        self._back = threading.Semaphore(0)
        self._here = Baton()

    @property
    def calls(self) -> int:
        """How many port calls there were so far."""
        return self._calls

    def process(self) -> MemoryEngine:
        """The use cases as a fresh process has them: nothing in memory, all storage shared and watched."""
        fresh = MemoryEngine()
        fresh.clock, fresh.randomness, fresh.derivation = self.clock, self.home.randomness, self.home.derivation
        fresh.registry, fresh.vault = self.home.registry, self.home.vault
        fresh.credits = self._watched(self.home.credits)
        fresh.subscriptions = self._watched(MemorySubscriptions(self.storage, self.clock))
        fresh.sends = self._watched(MemorySends(self.storage, self.clock))
        fresh.chunks = self._watched(MemoryChunks(self.storage))
        fresh.jobs = self._watched(self.jobs)
        transport = SimulatedTransport(self.services, self.clock)
        fresh.transport = cast(ScriptedTransport, self._watched(transport, answers=False))
        return fresh

    def invoke(self, body: Callable[[], None]) -> None:
        """Start a function."""
        self._invocations.append(Invocation(body, self.clock.now()))

    def step(self, name: str, call: Callable[[], object], *, answers: bool) -> object:
        """A port call of the running invocation. `answers`: whether this port can be unavailable."""
        self._hand_over()
        if self._invocation.dead:
            raise Crash
        self._calls += 1
        failure = self._failures(self._calls) if self.clock.now() < START + FAULTLESS_AFTER else None
        if failure in UNANSWERED and not answers:
            failure = None
        self.failed += failure is not None
        self.trace.append(f"{self.clock.now() - START:8.2f} {name}{f' <- {failure}' if failure else ''}")
        if failure is Failure.PAUSE:
            self.sleep_until(self.clock.now() + self.chance.choice((1, 12, 35, 100)))
        if failure is Failure.CRASH_BEFORE:
            self._die()
        if failure is Failure.UNAVAILABLE_BEFORE:
            raise Unavailable
        result = call()
        self.check_balances()
        if failure is Failure.CRASH_AFTER:
            self._die()
        if failure is Failure.UNAVAILABLE_AFTER:
            raise Unavailable
        return result

    def sleep_until(self, time: float) -> None:
        """Let the others run until `time`."""
        self._invocation.wake = time
        self._hand_over()

    def check_balances(self) -> None:
        """G2: available + reserved + spent is what was granted, and none is negative."""
        for app, balance in self.storage.balances.items():
            rows = self.storage.ledger.items()
            granted = sum(row.amount for (owner, entry, _), row in rows if owner == app and entry is Entry.GRANT)
            if balance.available + balance.reserved + balance.spent != granted:
                raise Violation(f"G2: {balance} is not the {granted} that were granted")
            if min(balance.available, balance.reserved, balance.spent) < 0:
                raise Violation(f"G2: {balance} is negative")

    def run(self) -> None:
        """Let functions, queues and the sweep work until every send is settled and nothing is queued."""
        sweep_at = START + 60
        for _ in range(MAX_STEPS):
            now = self.clock.now()
            if now >= sweep_at:
                sweep_at = now + 60
                self.invoke(self._sweep)
            self._receive(now)
            ready = [invocation for invocation in self._invocations if invocation.wake <= now]
            if ready:
                self._resume(self.chance.choice(ready))
                continue
            if not self._invocations and not self.queue and self._quiet():
                return
            times = [sweep_at, *(i.wake for i in self._invocations), *(message.due for message in self.queue)]
            self.clock.advance(max(0.0, min(times) - now))
            if self.clock.now() > START + END:
                raise Violation("G5: a send was not settled in time")
        raise Violation("G5: the system never comes to rest")

    def _quiet(self) -> bool:
        return all(stored.send.settled_at is not None for stored in self.storage.sends.values())

    def _sweep(self) -> None:
        self.process().sweeping.sweep()

    def _receive(self, now: float) -> None:
        for message in [message for message in self.queue if message.due <= now]:
            self.queue.remove(message)
            if self.clock.now() < START + FAULTLESS_AFTER and self.chance.random() < self.repeated_delivery:
                self.invoke(self._handler(message, again=False))
            self.invoke(self._handler(message, again=True))

    def _handler(self, message: Message, *, again: bool) -> Callable[[], None]:
        def handle() -> None:
            try:
                process = self.process()
                if isinstance(message.job, FanOut):
                    process.fanning_out.handle(message.job, self.clock.now() + HANDLER_SECONDS)
                else:
                    process.delivering.handle(message.job, self.clock.now() + HANDLER_SECONDS)
            except (Crash, Unavailable):
                if again:
                    self.queue.append(Message(message.job, self.clock.now() + VISIBILITY))
                raise

        return handle

    def _watched(self, port: Port, *, answers: bool = True) -> Port:
        return cast(Port, Watched(self, port, answers=answers))

    @property
    def _invocation(self) -> Invocation:
        if self._here.invocation is None:
            raise AssertionError("only an invocation calls ports")
        return self._here.invocation

    def _die(self) -> NoReturn:
        # What a dying process still does in `finally` must have no effect either.
        self._invocation.dead = True
        raise Crash

    def _hand_over(self) -> None:
        self._back.release()
        self._invocation.baton.acquire()

    def _resume(self, invocation: Invocation) -> None:
        if not invocation.started:
            invocation.started = True
            threading.Thread(target=self._live, args=(invocation,), daemon=True).start()
        else:
            invocation.baton.release()
        self._back.acquire()
        if invocation.error is not None and not isinstance(invocation.error, Crash | Unavailable | Refused):
            raise invocation.error

    def _live(self, invocation: Invocation) -> None:
        self._here.invocation = invocation
        try:
            invocation.body()
        except BaseException as error:  # noqa: BLE001 - whatever ends the thread belongs to the scheduler
            invocation.error = error
        finally:
            self._invocations.remove(invocation)
            self._back.release()


@contextmanager
def small(*, sync: int = 100) -> Iterator[None]:
    """Chunks of two, two POSTs in flight, a save after each result; sends above `sync` recipients are queued."""
    with (
        patch("tocsin.application.sending.SYNC_RECIPIENTS", sync),
        patch("tocsin.application.fanning_out.CHUNK_SIZE", 2),
        patch("tocsin.application.delivery_pass.WINDOW", SMALL_WINDOW),
        patch("tocsin.domain.chunk.WINDOW", SMALL_WINDOW),
        patch("tocsin.application.delivery_pass.SAVE_EVERY", 1),
        patch("tocsin.domain.parts.PART_SIZE", 2),
    ):
        yield
