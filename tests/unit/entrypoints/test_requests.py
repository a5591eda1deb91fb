"""What is told of each request: one log line, and its dialect's metrics."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.customer import READER, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.keymaster import Gym
from tests.memory.transport import Reply
from tests.routes import every_route
from tests.unit.application import queues
from tocsin.application.metrics import Metric
from tocsin.dialect_kit.contract import Capability
from tocsin.dialect_kit.identifiers import render
from tocsin.domain.tenancy import DialectName

KEY = {"X-Api-Key": "psk_x"}
LogLines = Callable[[], list[dict[str, Any]]]


class Broken(MemoryEngine):
    """An engine with a bug."""

    @property
    def authenticating(self) -> None:  # type: ignore[override]
        """Fails."""
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("engine", "method", "path", "body", "status", "fault"),
    [
        (MemoryEngine, "GET", "/healthz", None, 200, None),
        (MemoryEngine, "GET", "/nothing", None, 404, "route_unknown"),
        (MemoryEngine, "GET", "/v1/nothing", None, 404, "route_unknown"),
        (MemoryEngine, "OPTIONS", "/v1/send", None, 405, "method_not_allowed"),
        (MemoryEngine, "PUT", "/v1/send", {}, 405, "method_not_allowed"),
        (MemoryEngine, "POST", "/v1/send", {}, 401, "credential_missing"),
        (MemoryEngine, "POST", "/v1/send", b"{", 401, "credential_missing"),
        (MemoryEngine, "GET", "/admin/tenants", None, 401, "credential_missing"),
        (Broken, "POST", "/v1/send", {}, 500, None),
    ],
)
def test_a_request_is_one_log_line(
    log_lines: LogLines,
    engine: type[MemoryEngine],
    method: str,
    path: str,
    body: object,
    status: int,
    fault: str | None,
) -> None:
    answer = HttpApi(engine()).call(method, path, body, KEY if engine is Broken else {})
    [line] = log_lines()
    assert answer.status == status
    assert (line["message"], line["method"], line["status"], line.get("fault")) == ("request", method, status, fault)
    assert line["request_id"] == "request-1"


ROUTES_THAT_SEND = sorted(
    {route.path for route in every_route() if route.capability is Capability.SEND and route.body is not None}
)


@pytest.mark.parametrize("path", ROUTES_THAT_SEND)
def test_every_answer_of_a_route_that_sends_names_the_send_by_which_the_operator_finds_it(
    path: str, log_lines: LogLines
) -> None:
    engine = MemoryEngine()
    api = HttpApi(engine)
    customer = Customer.sign_up(api)
    gym, shop = Gym.opened(customer), customer.cloudsignal()
    engine.clock.advance(31)  # until then an app is remembered as it was
    browser = new_subscription()
    expect(201, customer.client().subscribe(browser))
    gym.user("anna").registered(json.dumps(browser))
    ways: dict[str, Callable[[], Answer]] = {
        "/v1/send": customer.client().send,
        "/v2/push/send": lambda: shop.send(target_user_emails=[READER]),
        "/v2/push/broadcast": lambda: shop.call("POST", "/broadcast", {"title": "t", "body": "b"}),
        "/api/v1/server/send": customer.pushary().send,
        "/channels/{channel}/notifications/{iuid}": lambda: replace(customer.bnotify(), base="").notify("anna"),
        "/api/channels/{channel}/notifications/{iuid}": lambda: customer.bnotify().notify("anna"),
        "/push/send": lambda: gym.server().send("anna"),
        "/push/send/bulk": lambda: gym.server().bulk(["anna"]),
        "/push/send/batch": lambda: gym.server().batch({"user_id": "anna"}),
        "/admin/apps/{app}/sends": lambda: api.operator(
            "POST", customer.at("/sends"), {"to": {"everyone": True}, "title": "t", "body": "b"}
        ),
    }
    answer = ways[path]()
    expect(200, answer)
    queues.drain(engine)
    named = answer.headers["x-send-id"]
    assert named.startswith("snd_")
    assert expect(200, api.operator("GET", customer.at(f"/sends/{named}")))["accepted"] == 1
    [logged] = [line["send"] for line in log_lines() if "send" in line]
    assert render("snd", logged) == named


def test_what_sent_nothing_names_no_send() -> None:
    api = HttpApi(MemoryEngine())
    customer = Customer.sign_up(api)
    for status, answer in (
        (404, customer.client().send()),
        (400, customer.client().send(title="")),
        (200, api.operator("GET", customer.at("/credits"))),
    ):
        expect(status, answer)
        assert "x-send-id" not in answer.headers


@pytest.mark.parametrize("capability", Capability)
def test_every_function_logs_what_it_does_not_know(log_lines: LogLines, capability: Capability) -> None:
    HttpApi(MemoryEngine()).call("OPTIONS", "/nowhere/at/all", function=capability)
    [line] = log_lines()
    assert (line["capability"], line["status"]) == (capability, 404)


@pytest.mark.parametrize(
    ("engine", "path", "dialect", "metric"),
    [
        (MemoryEngine(), "/healthz", "tocsin", None),
        (MemoryEngine(), "/v1/nothing", "pushservice", Metric.CLIENT_ERRORS),
        (Broken(), "/admin/tenants", "tocsin", Metric.SERVER_ERRORS),
    ],
    ids=["2xx", "4xx", "5xx"],
)
def test_a_request_is_counted_and_timed_by_dialect(
    engine: MemoryEngine, path: str, dialect: str, metric: Metric | None
) -> None:
    HttpApi(engine).call("GET", path, headers={"Authorization": "Bearer x"} if isinstance(engine, Broken) else {})
    crashed = {(Metric.CRASHED, None, None): 1} if isinstance(engine, Broken) else {}
    failed = {(metric, dialect, None): 1} if metric else {}
    assert engine.meter.by_whom == crashed | failed | {(Metric.REQUESTS, dialect, None): 1}
    [(timed, milliseconds, whose)] = engine.meter.times
    assert (timed, whose) == (Metric.LATENCY, dialect)
    assert 0 <= milliseconds < 10_000


def test_what_becomes_of_a_message_is_counted_by_dialect_and_push_service() -> None:
    engine = MemoryEngine()
    owner = builders.app(engine, credits_=10)
    for number, reply in ((1, Reply(201)), (2, Reply(410)), (3, Reply(403))):
        builders.subscribe(engine, owner, number)
        engine.transport.script(builders.endpoint(number), reply)
    engine.sending.send(builders.send_command(owner))
    theirs = (DialectName("pushservice"), "mozilla")
    assert engine.meter.by_whom == {
        (Metric.ACCEPTED, *theirs): 1,
        (Metric.GONE, *theirs): 1,
        (Metric.FORBIDDEN, *theirs): 1,
        (Metric.SENDER_ERROR, None, None): 1,
    }
