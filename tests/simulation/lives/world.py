"""A small deployment on a virtual clock: what outlives processes, and the processes that come and go.

Each invocation is a process of its own and runs to its end at once, unless something goes wrong at one of its port
calls: it dies, it gets no answer, or other invocations run in its middle. A message may be taken twice, late, or out of
order; a wake-up call may come twice, late, never, or for a time that has changed since.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar, cast
from unittest.mock import patch

from tests import builders
from tests.simulation.failures import Crash
from tests.simulation.lives.browsers import Browsers, PushService
from tests.simulation.lives.process import STORES, Home, Process
from tests.simulation.lives.promises import LifePromises
from tests.simulation.lives.troubles import OF_STORES, Kind, Trouble
from tests.simulation.ports import Watched
from tests.simulation.promises import Violation
from tests.simulation.small import small
from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun
from tocsin.application.sightings import Sighted, batches
from tocsin.domain.campaign import CampaignStatus
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow_run import RunState
from tocsin.domain.ids import AppId, CampaignId
from tocsin.domain.quota import Limits
from tocsin.domain.send import Course

VISIBILITY = 90
"""Seconds after which a message comes back that its worker did not finish."""
WORKER_SECONDS = 60.0
RECOVERY = 900
"""Seconds after which all that went wrong is mended."""
MINUTE, HOUR = 60, 3600
SWEEP_LOOKS_AHEAD = 70
MAX_ROUNDS = 5_000
TAIL = 60
"""Lines of what happened that a violation shows."""
Job = FanOut | DeliverChunk | RunJob | Sighted
Call = tuple[AppId, CampaignId, int]
"""Of a campaign, for a time (Unix seconds)."""
Value = TypeVar("Value")
Port = TypeVar("Port")


@dataclass(eq=False)
class Invocation:
    """One run of a function. number: in the order in which they began.

    times: when it last called a port, and since when it is not suspended (Unix seconds).
    """

    number: int
    purpose: str
    dead: bool = False
    times: tuple[float, float] = (0.0, 0.0)


@dataclass(eq=False)
class Message:
    """A job in a queue, visible from `due` (Unix seconds). taken: how often."""

    job: Job
    due: float
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Ended(Generic[Value]):
    """How an invocation ended. refused: with this error. Neither `done` nor `refused`: it is unknown what it did."""

    value: Value | None = None
    done: bool = False
    refused: Refused | None = None


class World:
    """Everything that outlives a process. clock_seconds: what a function has that the clock calls and that can stop."""

    def __init__(self, limits: Limits, browsers: int) -> None:
        self.home = Home()
        self.owner = builders.app(self.home, limits=limits)
        self.clock = self.home.clock
        self.queue: list[Message] = []
        self.calls: list[Call] = []
        self.calls_told = 0
        self.port_calls = 0
        self.troubles = 0
        self.trace: list[str] = []
        self.clock_seconds = WORKER_SECONDS
        self.meanwhile: Callable[[int], None] = lambda number: None
        self.browsers = Browsers(self.home, self.owner, browsers)
        self.promises = LifePromises(self.home, self.owner, self.browsers)
        self._ahead: dict[int, Trouble] = {}
        self._began = 0
        self._running: list[Invocation] = []
        self.broken: Exception | None = None
        self._swept_at = self._tidied_at = self.clock.now()

    # --- invocations --------------------------------------------------------------------------------------------------

    def expect(self, trouble: Trouble) -> None:
        """Have this go wrong."""
        self._ahead[self.port_calls + trouble.calls + 1] = trouble

    def recover(self) -> None:
        """Nothing goes wrong any more."""
        self._ahead.clear()
        self._tell("nothing fails any more")

    def invoke(self, purpose: str, body: Callable[[Process], Value]) -> Ended[Value]:
        """Run a function in a process of its own. Raises Violation."""
        self._began += 1
        invocation = Invocation(self._began, purpose)
        transport = PushService(self.clock, self.browsers, self.promises, lambda: invocation.times)
        process = Process(self.home, transport, partial(self._watched, invocation))
        self._running.append(invocation)
        self._tell(f"{purpose} begins")
        ended: Ended[Value] = Ended()
        try:
            ended = Ended(body(process), done=True)
        except Refused as refused:
            if refused.fault is not Fault.UNAVAILABLE:
                ended = Ended(refused=refused)
        except (Crash, Unavailable):
            pass
        except Exception as error:
            self._break(error)
            raise
        finally:
            self._running.pop()
        if ended.refused is not None or not ended.done:
            self._tell(f"{purpose}: {ended.refused or 'nobody knows'}")
        bugs = [error for error in process.meter.crashes if not isinstance(error, Unavailable)]
        for bug in bugs:
            self._break(bug)  # a bug that a use case survives is still a bug
        if self.broken is not None:
            raise self.broken
        return ended

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is raised here ends the history, and says what happened last."""
        try:
            yield
        except Exception as error:
            self._break(error)
            raise

    def _watched(self, invocation: Invocation, name: str, port: Port) -> Port:
        if name not in STORES and name != "transport":
            return port
        step = partial(self._step, invocation)
        return cast(Port, Watched(step, port, answers=name in STORES))

    def _step(self, invocation: Invocation, name: str, call: Callable[[], object], *, answers: bool) -> object:
        """A port call. answers: whether this port is a store, which may not answer."""
        if invocation.dead:
            raise Crash  # what a dying process still does in `finally` must have no effect either
        self.port_calls += 1
        invocation.times = self.clock.now(), invocation.times[1]
        trouble = self._ahead.pop(self.port_calls, None)
        if trouble is None or (trouble.kind in OF_STORES and not answers):
            return self._checked(invocation, call)
        self._tell(f"{name} <- {trouble.kind}")
        self.troubles += 1
        self.promises.went_wrong()
        match trouble.kind:
            case Kind.CRASH_BEFORE:
                self._die(invocation)
            case Kind.UNAVAILABLE_BEFORE:
                raise Unavailable
            case Kind.MEANWHILE:
                self._suspend(invocation, trouble)
        result = self._checked(invocation, call)
        if trouble.kind is Kind.CRASH_AFTER:
            self._die(invocation)
        if trouble.kind is Kind.UNAVAILABLE_AFTER:
            raise Unavailable
        return result

    def _suspend(self, invocation: Invocation, trouble: Trouble) -> None:
        try:
            self.meanwhile(trouble.meanwhile)
            if trouble.seconds:
                self.live(trouble.seconds)
        except Violation as violation:
            self._give_up(invocation, violation)
        invocation.times = invocation.times[0], self.clock.now()

    def _checked(self, invocation: Invocation, call: Callable[[], object]) -> object:
        try:
            result = call()
            self._collect()
            self.promises.check(invocation.purpose, invocation.number, self._began)
        except Violation as violation:
            self._give_up(invocation, violation)
        return result

    def _give_up(self, invocation: Invocation, violation: Violation) -> None:
        """A use case that survives any Exception must not survive this one."""
        self._break(violation)
        invocation.dead = True
        raise Crash from violation

    def _break(self, error: Exception) -> None:
        if self.broken is None:
            self.broken = error
            error.add_note("\n".join(["What happened last, in seconds since the start:", *self.trace[-TAIL:]]))

    def _die(self, invocation: Invocation) -> None:
        invocation.dead = True
        raise Crash

    def _tell(self, what: str) -> None:
        self.trace.append(f"{self.clock.now() - 1_800_000_000:10.2f} {'  ' * len(self._running)}{what}")

    # --- queues and calls ---------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """What was queued becomes messages; what was scheduled becomes calls."""
        now, home = self.clock.now(), self.home
        jobs, runs, seen = home.jobs, home.run_jobs, home.sightings
        if jobs.planned or jobs.delayed:
            self.queue += [Message(job, now) for job in jobs.planned]
            self.queue += [Message(entry.job, now + entry.delay) for entry in jobs.delayed]
            jobs.planned.clear()
            jobs.delayed.clear()
        if runs.queued:
            self.queue += [Message(job, now + delay) for job, delay in runs.queued]
            runs.queued.clear()
        if seen.bodies:
            self.queue += [Message(job, now) for job in seen.take()]
        for (app, name), at in home.schedules.at.items():
            if (app, name, at) not in self.calls:
                self.calls.append((app, name, at))

    def visible(self) -> list[Message]:
        """The messages that a worker may take now."""
        now = self.clock.now()
        return [message for message in self.queue if message.due <= now]

    def taken(self) -> list[Message]:
        """The messages that a worker has taken and not finished; queues may give them to another one, too."""
        now = self.clock.now()
        return [message for message in self.queue if message.taken and message.due > now]

    def work(self, message: Message, *, again: bool = False) -> None:
        """A worker takes a message. again: it comes once more, although it was finished."""
        message.taken += 1
        # While one worker has it, no other one sees it.
        message.due = self.clock.now() + VISIBILITY
        ended = self.invoke(f"work {_named(message.job)}", lambda process: self._handle(process, message))
        if ended.refused is not None:
            raise Violation(f"a worker was refused: {ended.refused}")
        if ended.done and not again and message in self.queue:
            self.queue.remove(message)

    def _handle(self, process: Process, message: Message) -> None:
        until = self.clock.now() + WORKER_SECONDS
        match message.job:
            case FanOut() as job:
                process.fanning_out.handle(job, until)
            case DeliverChunk() as job:
                if job.recipients and message.taken > 1:
                    process.jobs.deliver([job.without_recipients()])
                else:
                    process.delivering.handle(job, until)
            case Sighted() as job:
                for batch in batches([(0, job)]):
                    process.counting.count(batch)
            case StartRun() | ContinueRun() | ReleaseRuns() as job:
                process.running.handle(job, until)

    def past_calls(self) -> list[Call]:
        """The wake-up calls that may come now, some of them long since wrong."""
        now = self.clock.now()
        return [call for call in self.calls if call[2] <= now]

    def fire(self, call: Call, *, again: bool = False) -> None:
        """A wake-up call comes. again: it comes once more."""
        app, name, at = call
        until = self.clock.now() + self.clock_seconds
        if not again:
            if self.home.schedules.at.get((app, name)) == at:
                self.home.schedules.remove(app, name)
            self.calls = [one for one in self.calls if one != call]
        ended = self.invoke("clock: fire", lambda process: process.firing.fire(app, name, until))
        if ended.refused is not None:
            raise Violation(f"a wake-up call was refused: {ended.refused}")

    def sweep(self) -> None:
        """The schedule of each minute."""
        until = self.clock.now() + self.clock_seconds

        def sweep(process: Process) -> None:
            for one in (
                process.continuing.sweep,
                process.sweeping.sweep,
                lambda: process.firing.sweep(until),
            ):
                try:
                    one()
                except Unavailable:
                    continue

        self.invoke("clock: sweep", sweep)

    def tidy(self) -> None:
        """The schedule of each hour."""
        until, troubles = self.clock.now() + WORKER_SECONDS, self.troubles
        self.invoke("clock: tidy", lambda process: process.firing.tidy(until))
        campaigns = self.home.storage.campaigns
        waiting = {key for key, one in campaigns.items() if one.status is CampaignStatus.SCHEDULED}
        if self.troubles == troubles and (left := self.home.schedules.at.keys() - waiting):
            raise Violation(f"calls are left over: {left}")

    # --- time ---------------------------------------------------------------------------------------------------------

    def live(self, seconds: float | None) -> None:
        """Everything works as it should for so many seconds; None: until there is nothing left to wait for."""
        until = None if seconds is None else self.clock.now() + seconds
        for _ in range(MAX_ROUNDS):
            now = self.clock.now()
            if self.promises.watch.calm_since is None:
                self.promises.watch.calm_since = now + RECOVERY
            if message := min(self.visible(), key=lambda one: one.due, default=None):
                self.work(message)
                continue
            if due := [(app, name) for (app, name), at in self.home.schedules.at.items() if at <= now]:
                self.fire((*due[0], self.home.schedules.at[due[0]]))
                continue
            if self._sweep_at() <= now:
                self._swept_at = now
                self.sweep()
                continue
            following = min(self._times(), default=None)
            if following is None and until is None:
                return
            if until is not None and (following is None or following > until):
                self.clock.advance(max(0.0, until - now))
                return
            self.clock.advance(max(0.0, (following or now) - now))
        raise Violation("the system never comes to rest")

    def stand_still(self, seconds: float) -> None:
        """Time passes, and nothing works."""
        self.promises.watch.calm_since = None
        self.clock.advance(seconds)

    def _times(self) -> Iterator[float]:
        """When something is to happen."""
        yield from (message.due for message in self.queue)
        yield from self.home.schedules.at.values()
        if (at := self._sweep_at()) < float("inf"):
            yield at

    def _sweep_at(self) -> float:
        """The next minute at which the sweep finds something to do."""
        home, storage = self.home, self.home.storage
        wanted = [one.due_at for one in storage.campaigns.values() if one.due_at is not None]
        wanted += [
            one.look_at - SWEEP_LOOKS_AHEAD for one in home.runs.stored.values() if one.run.state is RunState.WAITING
        ]
        for stored in storage.sends.values():
            if stored.due_at is not None:
                paused = stored.send.course is Course.PAUSED
                wanted.append(max(stored.due_at, stored.send.expires_at) if paused else stored.due_at)
        if not wanted:
            return float("inf")
        after = max(min(wanted), self._swept_at + 1)
        return -(-after // MINUTE) * MINUTE


def _named(job: Job) -> str:
    match job:
        case FanOut():
            return f"plan part {job.part} of {job.send[:4]}"
        case DeliverChunk():
            return f"deliver chunk {job.number} of {job.send[:4]}"
        case Sighted():
            return "count " + ", ".join(f"{one.act} of {one.send[:4]}" for one in job.sightings)
        case StartRun():
            return f"start a run of {job.flow[:4]} for {job.subscription[:4]}"
        case ContinueRun():
            return f"continue the run of {job.flow[:4]} for {job.subscription[:4]}"
        case ReleaseRuns():
            return f"release runs of {job.flow[:4]}, shard {job.shard}"


@contextmanager
def small_lives(*, walkable: int) -> Iterator[None]:
    """The engine's sizes for such histories; messages can be read. In apps above `walkable` segments are counted."""
    with ExitStack() as patches:
        patches.enter_context(small())
        for module in ("launching", "sending"):
            patches.enter_context(patch(f"tocsin.application.{module}.WALKABLE", walkable))
        patches.enter_context(patch("tests.memory.subscriptions.LOOKED_AT", 3))
        patches.enter_context(patch("tocsin.application.posting.encrypt", lambda plaintext, keys: plaintext))
        yield
