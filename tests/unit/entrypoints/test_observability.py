"""Counters of an invocation."""

import json
import warnings

import pytest

from tocsin.application.metrics import Metric
from tocsin.entrypoints.observability import PowertoolsMeter, flush


def test_counters_are_written_once_in_the_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    meter = PowertoolsMeter()
    meter.count(Metric.GONE)
    meter.count(Metric.GONE, 2)
    flush()
    flush()
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["Gone"] == [1.0, 2.0]


def test_an_invocation_that_counted_nothing_writes_and_warns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    PowertoolsMeter().count(Metric.GONE, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flush()
    assert not capsys.readouterr().out
