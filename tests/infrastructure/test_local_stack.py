"""The parts of the local stack that stand between a test and the truth: route order, target checks, samconfig."""

from pathlib import Path
from typing import Any

import pytest

from dev.stack import log_messages
from dev.stack.build import Target, build, foreign_modules, stage_target
from dev.stack.failure import StackFailure
from dev.stack.http_event import http_event
from dev.stack.routes import Route

ROUTES = [
    Route("ANY", path, path)
    for path in ("$default", "/admin/{proxy+}", "/sdk/v1/{proxy+}", "/sdk/v1/{app}/unsubscribe", "/v1/send", "/{page}")
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/send", "/v1/send"),
        ("/v1/send/", "$default"),
        ("/v1/sendx", "$default"),
        ("/sdk/v1/app_x/unsubscribe", "/sdk/v1/{app}/unsubscribe"),
        ("/sdk/v1/app_x/config", "/sdk/v1/{proxy+}"),
        ("/sdk/v1/a/b/unsubscribe", "/sdk/v1/{proxy+}"),
        ("/admin/a/b/c", "/admin/{proxy+}"),
        ("/admin", "/{page}"),
        ("/admin/", "$default"),
        ("/", "$default"),
    ],
)
def test_the_most_specific_route_takes_a_request(path: str, expected: str) -> None:
    ordered = sorted(ROUTES, key=lambda route: route.precedence, reverse=True)
    assert next(route for route in ordered if route.matches(path)).path == expected


@pytest.mark.parametrize(
    ("name", "target", "fits"),
    [
        ("_x.cpython-313-aarch64-linux-gnu.so", Target("3.13", "arm64"), True),
        ("_x.cpython-313-x86_64-linux-gnu.so", Target("3.13", "arm64"), False),
        ("_x.cpython-311-aarch64-linux-gnu.so", Target("3.13", "arm64"), False),
        ("_x.cpython-312-darwin.so", Target("3.12", "arm64", host=True), True),
        ("_x.cpython-312-darwin.so", Target("3.12", "arm64"), False),
        ("_x.abi3.so", Target("3.13", "arm64"), True),
    ],
)
def test_a_binary_for_another_target_is_found(tmp_path: Path, name: str, target: Target, fits: bool) -> None:
    (tmp_path / "DependenciesLayer").mkdir()
    (tmp_path / "DependenciesLayer" / name).touch()
    assert list(foreign_modules(tmp_path, target)) == ([] if fits else [name])


@pytest.mark.parametrize("stage", ["default", "staging", "prod"])
def test_every_stage_builds_what_it_deploys(stage: str) -> None:
    assert stage_target(stage) == Target("3.13", "arm64")


def test_no_build_for_a_lambda_whose_libc_is_too_old(tmp_path: Path) -> None:
    with pytest.raises(StackFailure, match=r"^Python 3\.11 is for the local stack only: .+\.$"):
        build(Target("3.11", "arm64"), tmp_path / "build")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_stage_is_one_sentence() -> None:
    with pytest.raises(StackFailure, match=r"^samconfig\.toml has no section nowhere\.$"):
        stage_target("nowhere")


def test_an_event_names_the_host_without_its_port() -> None:
    event = http_event("OPTIONS", "/v1/send", headers={"Host": "localhost:8787", "Origin": "https://shop.example"})
    assert event["requestContext"]["domainName"] == "localhost"
    assert event["headers"] == {"host": "localhost:8787", "origin": "https://shop.example"}


class CutLogs:
    """CloudWatch Logs that answer with the first three events only."""

    def __init__(self, *times: int) -> None:
        self._events: list[dict[str, Any]] = [
            {"timestamp": time, "message": f"{time}/{place}"} for place, time in enumerate(times)
        ]

    def filter_log_events(self, logGroupName: str, startTime: int) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"events": [event for event in self._events if event["timestamp"] >= startTime][:3]}


@pytest.mark.parametrize("times", [(), (1,), (1, 2, 3), (1, 2, 2, 3), (1, 1, 2, 2, 3, 3), (1, 2, 3, 4, 5, 6)])
def test_a_long_log_is_read_to_its_end_and_nothing_twice(
    times: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_messages, "MOST", 3)
    read = list(log_messages.messages(CutLogs(*times), "group"))
    assert read == [f"{time}/{place}" for place, time in enumerate(times)]
