"""A send in simulated time: the functions' own handlers over a Cloud, with as many workers as are asked for.

What is made up: nothing is encrypted, the push service accepts at once, and time passes only by the measured rates.
Everything else is the product's: every record, condition, page, message and log line, as AWS would be asked for it.
Run as a program it reads a Task as JSON from standard input and writes a Story to standard output.
"""

import io
import json
import sys
import threading
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from typing import Any
from unittest import mock

from tests.bench.audience import UserAgent
from tests.bench.cloud import Cloud, billed_requests
from tests.bench.cloud_doors import clients_of
from tests.bench.deployment import DELIVER, FANOUT, WORKERS, Deployment, handler_of
from tests.bench.lambda_event import Context, batch_size, event
from tests.memory.system import START
from tocsin.application.ports import Answer
from tocsin.domain.cost import cost
from tocsin.domain.send import SendState
from tocsin.entrypoints.observability import logger
from tocsin.webpush.encryption import RecipientKeys
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest

HOP = 0.03
"""Seconds from a message's sending to its worker: SQS's long poll and the invocation, together."""
LAMBDA_LINES = 370
"""Bytes of START, END and REPORT, which Lambda logs for each invocation."""
LINE_OVERHEAD = 26
"""Bytes that CloudWatch Logs adds to a line when it bills."""
_BODY = bytes(403)
_CREATED = PushResponse(201, {}, b"")
_QUEUES = {"fanout": FANOUT, "deliver": DELIVER}
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Task:
    """How many subscribers and workers (of each function), and the measured seconds that each recipient takes.

    cold_start: seconds, by function. refuse: endpoints whose number it divides answer with `status`; 0 for none.
    """

    size: int
    workers: int
    fan_out_seconds: float
    deliver_seconds: float
    cold_start: Mapping[str, float]
    refuse: int = 0
    status: int = 410


@dataclass(frozen=True, slots=True)
class Story:
    """What happened. first, most: seconds until the first acceptance and until 99 % of them; cpu: of this process.

    estimate: units by resource, as the send's own record tells them to the operator.
    """

    settled: bool
    accepted: int
    gone: int
    failed: int
    first: float
    most: float
    cpu: float
    cold_starts: Mapping[str, int]
    calls: Mapping[str, int]
    write_units: Mapping[str, float]
    read_units: Mapping[str, float]
    queue_requests: int
    grouped_requests: int
    invocations: Mapping[str, int]
    log_bytes: int
    estimate: Mapping[str, float]


def simulate(task: Task) -> Story:
    """Send to everybody and wait until the send is settled."""
    clock, logged = Clock(), Log()
    cloud = Cloud(clock.now)
    service = _PushService(clock, task)
    with _instead_of_the_world(cloud, clock, service), logging_to(logged):
        deployment = Deployment(cloud, task.size, [UserAgent()])
        cloud.forget_counts()
        cloud.when_read = lambda items: clock.advance(items * task.fan_out_seconds)
        began, cpu = clock.now(), time.process_time()
        send = deployment.send()
        workers = {name: _Workers(name, cloud, clock, task) for name in WORKERS}
        while (next_one := min(workers.values(), key=_Workers.next_start)).next_start() < _NEVER:
            next_one.work()
        cpu = time.process_time() - cpu
        calls, write_units, read_units = dict(cloud.calls), dict(cloud.write_units), dict(cloud.read_units)
        settled = deployment.found(send)
    invocations = {name: one.invocations for name, one in workers.items()}
    polls = sum(one.polls for one in workers.values())
    accepted_at = sorted(service.accepted_at)
    estimate = cost(settled, settled.counts, settled.report).units
    return Story(
        settled=settled.state is SendState.SETTLED,
        accepted=settled.counts.accepted,
        gone=settled.counts.gone,
        failed=settled.counts.failed - settled.counts.gone,
        first=accepted_at[0] - began,
        most=accepted_at[-(-len(accepted_at) * 99 // 100) - 1] - began,
        cpu=cpu,
        cold_starts={name: one.started for name, one in workers.items()},
        calls=calls,
        write_units=write_units,
        read_units=read_units,
        queue_requests=cloud.queue_requests + polls,
        grouped_requests=cloud.grouped_requests + polls if cloud.grouped_requests else 0,
        invocations=invocations,
        log_bytes=logged.bytes + sum(invocations.values()) * LAMBDA_LINES,
        estimate={resource: float(units) for resource, units in estimate.items()},
    )


class Clock:
    """Simulated time; each worker goes on from where it is."""

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def cpu(self) -> float:
        """Simulated time takes no processor."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds

    def set(self, now: float) -> None:
        """Say what time it is."""
        self._now = now


class _PushService:
    """Answers every message after the time that a worker needs for it."""

    def __init__(self, clock: Clock, task: Task) -> None:
        self.accepted_at = array("d")
        self._clock = clock
        self._task = task
        self._lock = threading.Lock()

    def post(self, url: str) -> PushResponse:
        self._clock.advance(self._task.deliver_seconds)
        if self._task.refuse and int(url[-8:]) % self._task.refuse == 0:
            return PushResponse(self._task.status, {}, b"")
        with self._lock:
            self.accepted_at.append(self._clock.now())
        return _CREATED


class _Transport:
    """The PushTransport of one thread."""

    def __init__(self, service: _PushService) -> None:
        self._service = service
        self._begun: list[tuple[int, str]] = []

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        self._begun.append((ticket, request.url))

    def wait(self, timeout: float) -> Sequence[Answer]:
        begun, self._begun = self._begun, []
        return [Answer(ticket, self._service.post(url), True) for ticket, url in begun]

    def cancel(self) -> None:
        self._begun.clear()


def _encrypted(_plaintext: bytes, _keys: RecipientKeys) -> bytes:
    return _BODY


class Log(io.TextIOBase):
    """Counts what is written to it as CloudWatch Logs does."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, text: str) -> int:
        self.bytes += len(text.encode()) + LINE_OVERHEAD * text.count("\n")
        return len(text)


@contextmanager
def _instead_of_the_world(cloud: Cloud, clock: Clock, service: _PushService) -> Iterator[None]:
    with (
        clients_of(cloud),
        mock.patch("tocsin.entrypoints.adapters.SystemClock", return_value=clock),
        mock.patch("tocsin.adapters.push_http.PushHttp", side_effect=lambda *_options: _Transport(service)),
        mock.patch("tocsin.application.posting.encrypt", _encrypted),
    ):
        yield


@contextmanager
def logging_to(log: Log) -> Iterator[None]:
    """What would go to CloudWatch Logs goes there."""
    handler: Any = logger.registered_handler
    before = handler.setStream(log)
    with redirect_stdout(log):
        yield
    handler.setStream(before)


class _Workers:
    """The workers of one function: each takes what is in the queue, as much as an event holds."""

    def __init__(self, function: str, cloud: Cloud, clock: Clock, task: Task) -> None:
        self.invocations = self.polls = self.started = 0
        self._function = function
        self._cloud = cloud
        self._clock = clock
        self._task = task
        self._batch = batch_size(function)
        self._free = [(0.0, number) for number in range(task.workers)]
        self._messages: list[tuple[float, int, str]] = []
        self._seen = 0
        # A container each: what one has read, or learnt of a push service, another does not know.
        self._handlers = [handler_of(function) for _ in range(task.workers)]

    def next_start(self) -> float:
        """When the next worker has something to do."""
        for url in [url for url in self._cloud.queued if url.endswith(_QUEUES[self._function])]:
            for sent_at, body in self._cloud.queued.pop(url):
                self._seen += 1
                heappush(self._messages, (sent_at + HOP, self._seen, body))
        return max(self._messages[0][0], self._free[0][0]) if self._messages else _NEVER

    def work(self) -> None:
        """One invocation."""
        start = self.next_start()
        free_since, worker = heappop(self._free)
        bodies: list[str] = []
        while self._messages and self._messages[0][0] <= start and len(bodies) < self._batch:
            bodies.append(heappop(self._messages)[2])
        if not free_since:
            self.started += 1
            start += self._task.cold_start[self._function]
        self._clock.set(start)
        answer = self._handlers[worker](event(bodies), Context())
        if answer["batchItemFailures"]:
            raise AssertionError(f"{self._function} failed")
        heappush(self._free, (self._clock.now(), worker))
        self.invocations += 1
        # The poll that brought the messages, and their deletion.
        self.polls += billed_requests(sum(map(len, bodies))) + 1


def main() -> None:
    """Simulate the task on standard input."""
    json.dump(asdict(simulate(Task(**json.load(sys.stdin)))), sys.stdout)


if __name__ == "__main__":
    main()
