"""The handler of the queue of runs: each message fails alone, and a step that was taken leaves a line."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.engine import CountingMeter
from tests.memory.system import VirtualClock
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import ContinueRun, RunJob, encode_run_job
from tocsin.application.running import Progress
from tocsin.domain.ids import AppId, FlowId, SubscriptionId
from tocsin.entrypoints import queue
from tocsin.entrypoints.queue import RESERVE_SECONDS, RUNS_AT_ONCE

EVENT = json.loads((Path(__file__).parents[3] / "events" / "runs.json").read_text())
APP, FLOW = AppId("a0" * 12), FlowId("f0" * 12)
LogLines = Callable[[], list[dict[str, Any]]]
Work = Callable[[RunJob, float], Progress]


class Meter(CountingMeter):
    """Need not be flushed."""

    def flush(self) -> None:
        """Nothing."""


class Worker:
    """The handler over a use case that does as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
        self.clock, self.meter = VirtualClock(), Meter()
        container = SimpleNamespace(running=SimpleNamespace(handle=work), meter=self.meter, clock=self.clock)
        monkeypatch.setattr(queue, "Container", lambda _: container)
        self._handle = queue.runs_handler()

    def failures(self, *bodies: str) -> list[str]:
        """Which of these messages the handler gives back, by their numbers."""
        [example] = EVENT["Records"]
        records = [{**example, "messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
        answer = self._handle({"Records": records}, cast("LambdaContext", context))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def job(number: int) -> str:
    return encode_run_job(ContinueRun(APP, FLOW, SubscriptionId(f"{number:024x}")))


def test_a_step_that_was_taken_is_told_with_how_late_it_was_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    done = {f"{1:024x}": Progress(late=3, sent=1), f"{2:024x}": Progress()}

    def work(one: RunJob, until: float) -> Progress:
        assert isinstance(one, ContinueRun)
        assert until == worker.clock.now() + 60 - RESERVE_SECONDS
        return done[one.subscription]

    worker = Worker(monkeypatch, work)
    assert worker.failures(job(1), job(2)) == []
    [line] = log_lines()
    assert {name: line[name] for name in ("message", "app", "flow", "late", "sent", "skipped")} == {
        "message": "run",
        "app": APP,
        "flow": FLOW,
        "late": 3,
        "sent": 1,
        "skipped": 0,
    }


def test_what_is_put_off_is_told_and_is_no_failure(monkeypatch: pytest.MonkeyPatch, log_lines: LogLines) -> None:
    worker = Worker(monkeypatch, lambda _job, _until: Progress(put_off=True))
    assert worker.failures(job(1)) == []
    [line] = log_lines()
    assert (line["message"], line["app"], line["flow"]) == ("run put off", APP, FLOW)
    assert Metric.CRASHED not in worker.meter.counted


def test_a_message_that_fails_is_given_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(one: RunJob, _until: float) -> Progress:
        if one == ContinueRun(APP, FLOW, SubscriptionId(f"{1:024x}")):
            raise ZeroDivisionError
        return Progress()

    worker = Worker(monkeypatch, work)
    assert worker.failures(job(0), job(1), "{}", job(3)) == ["1", "2"]
    assert worker.meter.counted[Metric.CRASHED] == 2


def test_what_was_put_off_too_often_is_given_back_and_counted_by_what_rings_the_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(_job: RunJob, _until: float) -> Progress:
        raise Unavailable

    worker = Worker(monkeypatch, work)
    assert worker.failures(job(1)) == ["0"]
    assert worker.meter.counted[Metric.CRASHED] == 1


def test_several_runs_are_taken_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    all_there = threading.Barrier(RUNS_AT_ONCE)

    def work(_job: RunJob, _until: float) -> Progress:
        all_there.wait(10)
        return Progress()

    assert Worker(monkeypatch, work).failures(*map(job, range(RUNS_AT_ONCE))) == []


def test_the_example_event_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def work(one: RunJob, _until: float) -> Progress:
        seen.append(one)
        return Progress()

    assert Worker(monkeypatch, work).failures(EVENT["Records"][0]["body"]) == []
    assert len(seen) == 1
