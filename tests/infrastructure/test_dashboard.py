"""The dashboard: it shows metrics that exist, of this stack, and of all its parts."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infrastructure.metrics import AWS_METRICS, COUNTED_BY, DEPTH, OWN_NAMESPACE
from tests.infrastructure.template import resources
from tocsin.application.metrics import Metric

SEARCHED = re.compile(r"SEARCH\('\{\"(?P<namespace>[^\"]+)\",(?P<dimension>\w+)\} (?P<names>.+)', '\w+', 300\)")
FUNCTIONS = resources("AWS::Serverless::Function")
QUEUES = resources("AWS::SQS::Queue")
TABLES = resources("AWS::DynamoDB::Table")
[BODY] = (dashboard["DashboardBody"]["Fn::Sub"] for dashboard in resources("AWS::CloudWatch::Dashboard").values())
WIDGETS = [widget["properties"] for widget in json.loads(BODY)["widgets"]]


def searched() -> Iterator[tuple[str, set[str]]]:
    """Dimension and metric names of each search."""
    for widget in WIDGETS:
        for row in widget["metrics"]:
            if isinstance(row[0], dict):
                found = SEARCHED.fullmatch(row[0]["expression"])
                assert found is not None, row[0]["expression"]
                assert {"Fn::Sub": found["namespace"]} == OWN_NAMESPACE
                yield found["dimension"], {name.strip('"') for name in found["names"].split(" OR ")}


def listed() -> Iterator[tuple[str, str, str]]:
    """Namespace, metric and value of the dimension of each row that names a metric of AWS."""
    for widget in WIDGETS:
        before: list[Any] = []
        for row in widget["metrics"]:
            if isinstance(row[0], str):
                before = [*before[:3], row[1]] if row[0] == "..." else row
                namespace, metric, _, value = before
                yield namespace, metric, re.sub(r"^\$\{(\w+).*", r"\1", value)


def test_every_metric_of_ours_is_shown_and_by_a_dimension_that_it_has() -> None:
    shown = set()
    for dimension, names in searched():
        assert names <= COUNTED_BY[dimension]
        shown |= names
    assert shown == set(Metric)


def test_every_metric_of_aws_that_is_shown_exists() -> None:
    for namespace, metric, _ in listed():
        assert metric in AWS_METRICS[namespace]


@pytest.mark.parametrize(
    ("metric", "parts"),
    [
        ("Errors", FUNCTIONS),
        ("Duration", FUNCTIONS),
        ("Throttles", FUNCTIONS),
        (DEPTH, QUEUES),
        ("WriteThrottleEvents", TABLES),
        ("ReadThrottleEvents", TABLES),
    ],
)
def test_no_part_is_left_out(metric: str, parts: dict[str, Any]) -> None:
    assert {part for _, name, part in listed() if name == metric} == set(parts)


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: str(widget["title"]))
def test_a_widget_looks_where_it_was_deployed(widget: dict[str, Any]) -> None:
    assert widget["region"] == "${AWS::Region}"
