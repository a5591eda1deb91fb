"""The ports of simulated processes: each call is a step of the world that they are in."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tests.engine import CountingMeter
from tests.memory.jobs import MemoryJobs
from tests.memory.system import VirtualClock
from tocsin.application.jobs import DeliverChunk, FanOut


class Step(Protocol):
    """How a call of a port is made. answers: whether it is a store, which may not answer."""

    def __call__(self, name: str, call: Callable[[], object], *, answers: bool) -> object:
        """Make the call, or fail on purpose."""


class SharedClock(VirtualClock):
    """The world's time. Sleeping hands the baton on; when everybody sleeps, the time moves."""

    def __init__(self, sleep_until: Callable[[float], None]) -> None:
        super().__init__()
        self._sleep_until = sleep_until

    def sleep(self, seconds: float) -> None:
        """Let others run until then."""
        self._sleep_until(self.now() + seconds)


class SharedJobs(MemoryJobs):
    """The queues that the world delivers from."""

    def __init__(self, enqueue: Callable[[FanOut | DeliverChunk, float], None]) -> None:
        super().__init__()
        self._enqueue = enqueue

    def fan_out(self, jobs: Sequence[FanOut]) -> None:
        """Queue the planning of these parts."""
        super().fan_out(jobs)
        for job in self.planned:
            self._enqueue(job, 0)
        self.planned.clear()

    def deliver(self, jobs: Sequence[DeliverChunk], delay: int = 0) -> None:
        """Queue chunks."""
        super().deliver(jobs, delay)
        for sent in self.delayed:
            self._enqueue(sent.job, sent.delay)
        self.delayed.clear()


class Watched:
    """A port whose calls are steps of the world."""

    def __init__(self, step: Step, port: object, *, answers: bool) -> None:
        self._step = step
        self._port = port
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., object]:
        method, label = getattr(self._port, name), f"{type(self._port).__name__}.{name}"

        def watched(*args: object, **options: object) -> object:
            return self._step(label, lambda: method(*args, **options), answers=self._answers)

        self.__dict__[name] = watched
        return watched


class ReportingMeter(CountingMeter):
    """A bug that a use case survives is still a bug."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._fail = fail

    def crash(self, error: Exception) -> None:
        """Fail the history."""
        self._fail(error)
