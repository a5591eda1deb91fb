"""Log lines, and the counters of an invocation."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.memory.system import START, VirtualClock
from tocsin.application.metrics import Metric
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.observability import EmbeddedMeter, log

LogLines = Callable[[], list[dict[str, Any]]]
OURS, THEIRS = DialectName("tocsin"), DialectName("pushservice")


@pytest.fixture
def meter() -> EmbeddedMeter:
    return EmbeddedMeter("Tocsin/test", "deliver", VirtualClock())


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_counted_is_summed_and_written_once(meter: EmbeddedMeter, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(250):
        meter.count(Metric.SWEPT)
    meter.count(Metric.SWEPT, 2)
    meter.flush()
    meter.flush()
    directive = {
        "Namespace": "Tocsin/test",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Swept", "Unit": "Count"}],
    }
    about = {"Timestamp": START * 1000, "CloudWatchMetrics": [directive]}
    assert written(capsys) == [{"_aws": about, "service": "deliver", "Swept": 252}]


def test_there_is_a_line_for_each_set_of_dimensions(meter: EmbeddedMeter, capsys: pytest.CaptureFixture[str]) -> None:
    for service in ("mozilla", "apple", "mozilla"):
        meter.count(Metric.ACCEPTED, dialect=THEIRS, push_service=service)
    meter.count(Metric.GONE, dialect=THEIRS, push_service="apple")
    meter.count(Metric.SENDER_ERROR)
    meter.flush()
    lines = written(capsys)
    assert [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines] == [
        [["dialect"], ["push_service"]],
        [["dialect"], ["push_service"]],
        [["service"]],
    ]
    assert [{name: value for name, value in line.items() if name != "_aws"} for line in lines] == [
        {"dialect": "pushservice", "push_service": "mozilla", "Accepted": 2},
        {"dialect": "pushservice", "push_service": "apple", "Accepted": 1, "Gone": 1},
        {"service": "deliver", "SenderError": 1},
    ]


def test_times_are_kept_one_by_one(meter: EmbeddedMeter, capsys: pytest.CaptureFixture[str]) -> None:
    meter.count(Metric.REQUESTS, dialect=OURS)
    for milliseconds in (12, 480):
        meter.timed(Metric.LATENCY, milliseconds, dialect=OURS)
    meter.flush()
    [line] = written(capsys)
    assert (line["dialect"], line["Requests"], line["Latency"]) == ("tocsin", 1, [12, 480])
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "Requests", "Unit": "Count"},
        {"Name": "Latency", "Unit": "Milliseconds"},
    ]


def test_an_invocation_that_counted_nothing_writes_nothing(
    meter: EmbeddedMeter, capsys: pytest.CaptureFixture[str]
) -> None:
    meter.count(Metric.GONE, 0)
    meter.flush()
    assert not capsys.readouterr().out


def test_a_bug_that_no_caller_is_told_of_stands_in_the_line_of_its_request(
    meter: EmbeddedMeter, log_lines: LogLines
) -> None:
    try:
        raise ZeroDivisionError("hunter2")
    except ZeroDivisionError as error:
        meter.crash(error)
    log("request", {"status": 200})
    log("request", {"status": 204})
    first, second = log_lines()
    assert (first["level"], first["status"], first["error"]) == ("ERROR", 200, "ZeroDivisionError")
    assert "test_observability.py:" in first["at"]
    assert "hunter2" not in json.dumps(first)
    assert (second["level"], "error" in second) == ("INFO", False)


def test_a_bug_that_no_caller_is_told_of_is_counted_apart_from_those_that_were_told(
    meter: EmbeddedMeter, capsys: pytest.CaptureFixture[str], log_lines: LogLines
) -> None:
    meter.crash(ZeroDivisionError())
    meter.flush()
    line = json.loads(capsys.readouterr().out)
    assert (line[Metric.CRASHED_AFTER_ACCEPTANCE], Metric.CRASHED in line) == (1, False)
    log("request", {"status": 200})  # takes the bug along, which otherwise stood in the line of the next test
    assert len(log_lines()) == 1


def test_what_push_services_refused_stands_in_the_next_line(meter: EmbeddedMeter, log_lines: LogLines) -> None:
    for _ in range(2):
        meter.refusal("apple", "BadJwtToken")
    log("chunk", {"accepted": 1})
    log("chunk", {"accepted": 2})
    first, second = log_lines()
    assert first["refusals"] == {"apple: BadJwtToken": 2}
    assert "refusals" not in second
