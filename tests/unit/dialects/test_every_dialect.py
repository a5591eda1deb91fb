"""What every dialect owes, whichever it is; a new folder joins by existing."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tocsin.application.ports import Unavailable
from tocsin.dialect_kit.contract import Capability, Dialect
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.entrypoints.registry import dialects

ALL = list(dialects().values())


def test_the_dialects_are_found_by_their_folders() -> None:
    assert {"pushservice", "cloudsignal", "tocsin"} <= dialects().keys()


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_status_and_a_json_body(dialect: Dialect, fault: Fault) -> None:
    rendered = dialect.render(Refused(fault, "why", field="title"))
    server_side = fault in {Fault.UNAVAILABLE, Fault.INTERNAL}
    assert rendered.status >= 500 if server_side else 400 <= rendered.status < 500
    assert json.loads(json.dumps(rendered.body))


def test_no_path_belongs_to_two_dialects() -> None:
    prefixes = [prefix for dialect in ALL for prefix in dialect.prefixes]
    assert len(prefixes) == len(set(prefixes))


def test_no_two_kinds_of_key_look_alike() -> None:
    told = [form.told(AppId("0" * 24), f"{form.prefix}_x") for dialect in ALL for form in dialect.keys.values()]
    starts = [re.sub(r"(?<=_)[a-z0-9]+", "", key) for key in told]
    assert len(starts) >= 5
    assert len(starts) == len(set(starts))


@pytest.mark.row("PS-20")
@pytest.mark.parametrize("dialect", [one for one in ALL if KeyKind.PUBLISHABLE in one.keys], ids=lambda one: one.name)
def test_a_publishable_key_can_have_no_scope_but_subscribing(dialect: Dialect) -> None:
    assert dialect.keys[KeyKind.PUBLISHABLE].scopes == {Scope.SUBSCRIBE}


@pytest.mark.parametrize("capability", Capability)
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/nothing", {"error": "There is nothing at this address"}),
        ("/v1/send/", {"error": "There is nothing at this address"}),
        ("/nothing", {"error": {"code": "route_unknown", "message": "There is nothing at this address"}}),
        ("/v1x", {"error": {"code": "route_unknown", "message": "There is nothing at this address"}}),
    ],
)
@pytest.mark.row("X-9")
def test_x_9_an_unknown_route_is_404_in_the_dialects_own_shape(
    capability: Capability, path: str, expected: dict[str, object]
) -> None:
    answer = HttpApi(MemoryEngine()).call("GET", path, function=capability)
    assert (answer.status, answer.json) == (404, expected)


class Broken(MemoryEngine):
    """An engine with a bug."""

    error: Exception = ZeroDivisionError("a secret: hunter2")

    @property
    def authenticating(self) -> None:  # type: ignore[override]
        """Fails."""
        raise self.error


LogLines = Callable[[], list[dict[str, Any]]]


def test_a_bug_is_a_500_in_the_dialects_shape_and_its_text_is_not_logged(log_lines: LogLines) -> None:
    answer = HttpApi(Broken()).call("POST", "/v1/send", {}, {"X-Api-Key": "psk_x"})
    assert answer.status == 500
    assert answer.json == {"error": "Server error. Safe to retry: the notification was not delivered"}
    [line] = log_lines()
    assert (line["level"], line["message"], line["status"], line["error"]) == (
        "ERROR",
        "request",
        500,
        "ZeroDivisionError",
    )
    assert "test_every_dialect.py:" in line["at"]
    assert "hunter2" not in json.dumps(log_lines())


def test_a_store_that_does_not_answer_is_a_503_to_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "error", Unavailable())
    answer = HttpApi(Broken()).call("POST", "/v1/send", {}, {"X-Api-Key": "psk_x"})
    assert answer.status == 503
    assert answer.headers["retry-after"] == "2"


@pytest.mark.row("X-5")
def test_x_5_every_answer_carries_the_gateways_request_id_and_the_log_has_it(log_lines: LogLines) -> None:
    answer = HttpApi(MemoryEngine()).call("GET", "/healthz")
    assert answer.headers["x-request-id"] == "request-1"
    assert [line["request_id"] for line in log_lines()] == ["request-1"]
