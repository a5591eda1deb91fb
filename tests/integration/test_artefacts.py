"""Each built artefact alone: a package that is missing from a layer shows here, and nowhere else before AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev.stack import Stack
from dev.stack.build import LOCAL_BUILD, ROOT
from tests.infrastructure.runtime_api import running

LAYERS = [LOCAL_BUILD / "DependenciesLayer", LOCAL_BUILD / "SharedLayer"]


def event(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return read


def answer(stack: Stack, function: str, trigger: str = "") -> Any:
    """What the artefact answers to its example in events/, with the settings that the template gives it.

    trigger: of a function that has several, the one that its example is called after.
    """
    listed = stack.aws("lambda").list_functions()["Functions"]
    (deployed,) = (f for f in listed if f["FunctionName"].startswith(f"tocsin-{function.capitalize()}Function"))
    settings = deployed["Environment"]["Variables"] | stack.aws_environment
    with running(ROOT / "functions" / function, LAYERS, settings) as api:
        return api.invoke(event(f"{function}-{trigger}" if trigger else function))


@pytest.mark.parametrize(
    ("function", "status"),
    [
        ("send", 401),
        ("subscribe", 401),
        ("unsubscribe", 401),
        ("subscribers", 401),
        ("quota", 401),
        ("campaigns", 401),
        ("account", 401),
        ("web", 200),
    ],
)
def test_an_http_function_answers_its_example(deployed: Stack, function: str, status: int) -> None:
    reply = answer(deployed, function)
    assert (reply["statusCode"], json.loads(reply["body"]) != {}) == (status, True)


@pytest.mark.parametrize("function", ["fanout", "deliver", "runs", "tally", "webhooks"])
def test_a_worker_takes_its_example_off_the_queue(deployed: Stack, function: str) -> None:
    assert answer(deployed, function) == {"batchItemFailures": []}


def test_the_scheduler_sweeps(deployed: Stack) -> None:
    assert answer(deployed, "scheduler") is None


def test_the_scheduler_reconciles(deployed: Stack) -> None:
    assert answer(deployed, "scheduler", "reconcile") is None


def test_every_function_has_an_example() -> None:
    names = {path.parent.name for path in Path(ROOT / "functions").glob("*/app.py")}
    assert {path.stem.partition("-")[0] for path in (ROOT / "events").glob("*.json")} == names
