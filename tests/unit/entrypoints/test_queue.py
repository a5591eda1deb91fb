"""The workers' handlers: a batch is worked on at once, each message fails alone, and nothing is left running."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.engine import CountingMeter
from tests.memory.jobs import MemoryJobs
from tests.memory.system import START, VirtualClock
from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    Lane,
    Notify,
    Recipient,
    Route,
    TryAgain,
    WebhookJob,
    encode_deliver,
    encode_fan_out,
    encode_webhook_job,
)
from tocsin.application.metrics import Metric
from tocsin.application.sightings import Batch, Sighted, encode_sighted
from tocsin.domain.chunk import Chunk, opened
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.domain.place_token import Place
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints import queue
from tocsin.entrypoints.queue import CHUNKS_AT_ONCE, EVENTS_AT_ONCE, RESERVE_SECONDS, QueueHandler
from tocsin.webpush.encryption import RecipientKeys
from tocsin.webpush.origins import PushService

EVENTS = Path(__file__).parents[3] / "events"
APP, OTHER_APP, SEND = AppId("a0" * 12), AppId("a1" * 12), SendId("b0" * 12)
ROUTE = Route(TenantId("c0" * 12), Lane.BULK)
ENDPOINT = "https://push.example/secret"
RECIPIENT = Recipient(SubscriptionId("d0" * 12), ENDPOINT, RecipientKeys(b"\x04" + bytes(64), bytes(16)), "vapid", None)
LAMBDA_SECONDS = 120
LogLines = Callable[[], list[dict[str, Any]]]
Work = Callable[[DeliverChunk, float], Chunk | None]


class Meter(CountingMeter):
    """Counts how often it was flushed."""

    flushes = 0

    def flush(self) -> None:
        """Write what this invocation measured."""
        self.flushes += 1


class Worker:
    """The deliver handler over a use case that does as the test says."""

    def __init__(self, work: Work, handler: Callable[[], QueueHandler], monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs, self.meter = MemoryJobs(), Meter()
        use_case = SimpleNamespace(handle=work)
        container = SimpleNamespace(
            delivering=use_case,
            fanning_out=use_case,
            telling=use_case,
            jobs=self.jobs,
            meter=self.meter,
            clock=VirtualClock(),
        )
        monkeypatch.setattr(queue, "Container", lambda _: container)
        self._handle = handler()

    def failures(self, *records: dict[str, Any]) -> list[str]:
        """Which of these messages the handler gives back."""
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: LAMBDA_SECONDS * 1000)
        answer = self._handle({"Records": list(records)}, cast("LambdaContext", context))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], Worker]:
    return lambda work: Worker(work, queue.deliver_handler, monkeypatch)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens at the end of the test, so that no thread outlives it."""
    opens = threading.Event()
    yield opens
    opens.set()


def message(name: str, body: str, *, receives: int = 1) -> dict[str, Any]:
    """A record as Lambda hands it over."""
    (record,) = json.loads((EVENTS / "deliver.json").read_text())["Records"]
    attributes = {**record["attributes"], "ApproximateReceiveCount": str(receives)}
    return {**record, "messageId": name, "body": body, "attributes": attributes}


def chunk(number: int, *recipients: Recipient) -> str:
    """The body of a message for a chunk."""
    return encode_deliver(DeliverChunk(APP, SEND, number, "ff" * 32, ROUTE, int(START), recipients))


def chunks(count: int) -> list[dict[str, Any]]:
    """A batch of messages, named by their chunks' numbers."""
    return [message(str(number), chunk(number)) for number in range(count)]


def test_the_chunks_of_a_batch_are_worked_on_at_the_same_time(worker: Callable[[Work], Worker]) -> None:
    all_there = threading.Barrier(CHUNKS_AT_ONCE)

    def work(job: DeliverChunk, until: float) -> None:
        all_there.wait(10)

    assert worker(work).failures(*chunks(CHUNKS_AT_ONCE)) == []


@pytest.mark.parametrize("failing", range(3))
def test_a_message_that_fails_is_the_only_one_given_back(worker: Callable[[Work], Worker], failing: int) -> None:
    done = set()

    def work(job: DeliverChunk, until: float) -> None:
        if job.number == failing:
            raise ZeroDivisionError
        done.add(job.number)

    assert worker(work).failures(*chunks(3)) == [str(failing)]
    assert done == {0, 1, 2} - {failing}


def test_nothing_runs_any_more_when_the_handler_has_ended(
    worker: Callable[[Work], Worker], gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda freezes the process then, and what it had in flight would go on minutes later, after others took over."""
    slow_done = []

    def work(job: DeliverChunk, until: float) -> None:
        if job.number == 0:
            raise SystemExit  # no message's failure: it ends the handler itself
        gate.wait()
        slow_done.append(job.number)

    def opening(running: Any) -> Any:
        gate.set()
        return wait(running)

    deliver = worker(work)
    monkeypatch.setattr(queue, "wait", opening)
    with pytest.raises(SystemExit):
        deliver.failures(*chunks(2))
    assert slow_done == [1]
    assert deliver.meter.flushes == 1


def test_the_engine_is_told_to_be_done_before_lambda_ends_it(worker: Callable[[Work], Worker]) -> None:
    told = []

    def work(job: DeliverChunk, until: float) -> None:
        told.append(until)

    worker(work).failures(*chunks(1))
    assert told == [START + LAMBDA_SECONDS - RESERVE_SECONDS]


def test_a_message_that_comes_back_is_put_aside_for_one_that_names_nobody(worker: Callable[[Work], Worker]) -> None:
    """A dead letter lies for two weeks; it must hold nobody's endpoint."""
    worked = []

    def work(job: DeliverChunk, until: float) -> None:
        worked.append(job.number)

    deliver = worker(work)
    again = [message(str(number), chunk(number, RECIPIENT), receives=number + 1) for number in range(3)]
    assert deliver.failures(*again, message("3", chunk(3), receives=2)) == []
    assert sorted(worked) == [0, 3]
    assert sorted(job.number for job in deliver.jobs.chunks) == [1, 2]
    assert {(job.recipients, job.route) for job in deliver.jobs.chunks} == {((), ROUTE)}


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[1]", '{"v":1}', chunk(0, RECIPIENT).replace('"v":2', '"v":99'), chunk(0).replace("bulk", "x")],
    ids=["empty", "cut", "null", "list", "old", "of a version to come", "of no lane"],
)
def test_a_body_that_nobody_can_read_fails_alone_and_is_not_logged(
    worker: Callable[[Work], Worker], log_lines: LogLines, body: str
) -> None:
    deliver = worker(lambda job, until: opened(job.app, job.send, job.number, 0, job.digest))
    assert deliver.failures(message("bad", body), message("good", chunk(7))) == ["bad"]
    lines = {line["message"]: line for line in log_lines()}
    assert (lines["job failed"]["level"], lines["job failed"]["error"]) == ("ERROR", "MalformedJob")
    assert lines["chunk"]["chunk"] == 7
    assert ENDPOINT not in json.dumps(log_lines())


def test_a_failure_is_logged_with_where_it_was_and_whose_it_is(
    worker: Callable[[Work], Worker], log_lines: LogLines
) -> None:
    def work(job: DeliverChunk, until: float) -> None:
        raise ValueError(ENDPOINT)

    worker(work).failures(*chunks(1))
    [line] = log_lines()
    assert (line["level"], line["app"], line["send"], line["error"]) == ("ERROR", APP, SEND, "ValueError")
    assert "test_queue.py:" in line["at"]
    assert ENDPOINT not in json.dumps(line)


def test_a_part_of_a_send_is_planned_with_the_same_deadline(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    told = []

    def plan(job: Any, until: float) -> Any:
        told.append((job, until))
        return 3

    job = FanOut(APP, SEND, ROUTE, part=2, ordinal=5, taken=2_500, after="x")
    planner = Worker(plan, queue.fanout_handler, monkeypatch)
    assert planner.failures(message("0", encode_fan_out(job))) == []
    assert told == [(job, START + LAMBDA_SECONDS - RESERVE_SECONDS)]
    [line] = log_lines()
    assert (line["message"], line["part"], line["chunks"]) == ("fan-out", 2, 3)


@pytest.mark.parametrize("name", ["deliver", "fanout"])
def test_the_example_event_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def work(job: Any, until: float) -> None:
        seen.append(job.send)

    handler = {"deliver": queue.deliver_handler, "fanout": queue.fanout_handler}[name]
    records = json.loads((EVENTS / f"{name}.json").read_text())["Records"]
    assert Worker(work, handler, monkeypatch).failures(*records) == []
    assert len(seen) == 1


def test_a_customers_server_that_hangs_holds_up_no_other_of_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    all_there = threading.Barrier(EVENTS_AT_ONCE)

    def work(job: WebhookJob) -> None:
        all_there.wait(10)

    worker = Worker(cast("Work", work), queue.webhooks_handler, monkeypatch)
    bodies = [encode_webhook_job(TryAgain(APP, DialectName("pager"), f"{number:024x}")) for number in range(10)]
    assert worker.failures(*(message(str(number), body) for number, body in enumerate(bodies))) == []


def seen(act: Act, chunk_: int, send: SendId = SEND) -> Sighting:
    return Sighting(act, send, Place(chunk_, 0, PushService.FCM), int(START))


class Tally:
    """The tally handler over a use case that does as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: Callable[[Batch], int], seconds: int = 60) -> None:
        self.meter, self._seconds = Meter(), seconds
        container = SimpleNamespace(counting=SimpleNamespace(count=work), meter=self.meter, clock=VirtualClock())
        monkeypatch.setattr(queue, "Container", lambda _: container)
        self._handle = queue.tally_handler()

    def failures(self, *bodies: str) -> list[str]:
        """Which of these messages the handler gives back, by their numbers."""
        records = [message(str(number), body) for number, body in enumerate(bodies)]
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: self._seconds * 1000)
        answer = self._handle({"Records": records}, cast("LambdaContext", context))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_what_all_messages_say_of_a_block_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Batch] = []

    def work(batch: Batch) -> int:
        counted.append(batch)
        return len(batch.sightings)

    displayed, clicked, far = seen(Act.DISPLAYED, 0), seen(Act.CLICKED, 3), seen(Act.DISPLAYED, 4)
    tally = Tally(monkeypatch, work)
    jobs = [Sighted(APP, (displayed, far)), Sighted(APP, (clicked,)), Sighted(OTHER_APP, (clicked,))]
    assert tally.failures(*map(encode_sighted, jobs)) == []
    assert {(batch.app, batch.number): set(batch.sightings) for batch in counted} == {
        (APP, 0): {displayed, clicked},
        (APP, 1): {far},
        (OTHER_APP, 0): {clicked},
    }
    assert tally.meter.flushes == 1


def test_a_message_is_given_back_unless_all_that_it_says_is_counted(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    def work(batch: Batch) -> int:
        if batch.number == 1:
            raise ZeroDivisionError
        return 1

    both, fine, other = (
        Sighted(APP, (seen(Act.DISPLAYED, 0), seen(Act.DISPLAYED, 4))),
        Sighted(APP, (seen(Act.CLICKED, 0),)),
        Sighted(APP, (seen(Act.CLICKED, 5),)),
    )
    tally = Tally(monkeypatch, work)
    assert tally.failures(*map(encode_sighted, (both, fine, other)), "{", '{"v":2,"app":"x","seen":[[1]]}') == [
        *("0", "2", "3", "4")
    ]
    failed = [line for line in log_lines() if line["message"] == "job failed"]
    assert sorted((line["error"], line.get("send")) for line in failed) == [
        ("MalformedJob", None),
        ("MalformedJob", None),
        ("ZeroDivisionError", SEND),
    ]
    assert tally.meter.counted[Metric.CRASHED] == 3


def test_what_comes_too_late_is_left_to_another_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally(monkeypatch, lambda _: 1, seconds=RESERVE_SECONDS)
    assert tally.failures(encode_sighted(Sighted(APP, (seen(Act.CLICKED, 0),)))) == ["0"]
    assert not tally.meter.counted


def test_the_example_event_of_tally_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    [record] = json.loads((EVENTS / "tally.json").read_text())["Records"]
    counted = []

    def work(batch: Batch) -> int:
        counted.append(batch.send)
        return 1

    assert Tally(monkeypatch, work).failures(record["body"]) == []
    assert len(counted) == 1


def test_a_job_about_webhooks_that_fails_is_given_back_and_logged_without_whom_it_is_about(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    def work(job: WebhookJob) -> None:
        raise ZeroDivisionError

    event = Event("e0" * 12, APP, EventKind.SUBSCRIBED, 0, person="anna")
    bodies = [encode_webhook_job(job) for job in (Notify(event), ChunkReceipts(APP, SEND, 7))]
    worker = Worker(cast("Work", work), queue.webhooks_handler, monkeypatch)
    failed = worker.failures(*(message(str(number), body) for number, body in enumerate([*bodies, "{"])))
    assert failed == ["0", "1", "2"]
    lines = sorted(log_lines(), key=len)
    assert [(line.get("app"), line.get("send"), line["error"]) for line in lines] == [
        (None, None, "MalformedJob"),
        (APP, None, "ZeroDivisionError"),
        (APP, SEND, "ZeroDivisionError"),
    ]
    assert "anna" not in json.dumps(lines)
