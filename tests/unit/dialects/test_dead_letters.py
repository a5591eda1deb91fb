"""The operator's routes of dead letters."""

import json

import pytest

from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.memory.system import START
from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    Lane,
    Notify,
    Recipient,
    Route,
    encode_deliver,
    encode_fan_out,
    encode_webhook_job,
)
from tocsin.application.ports import Queue, Unavailable
from tocsin.application.run_jobs import ContinueRun, encode_run_job
from tocsin.application.sightings import Sighted, encode_sighted
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId, TenantId
from tocsin.domain.place_token import Place
from tocsin.webpush.encryption import RecipientKeys
from tocsin.webpush.origins import PushService

APP, SEND = AppId("a0" * 12), SendId("b0" * 12)
ROUTE = Route(TenantId("c0" * 12), Lane.DIRECT)
ENDPOINT = "https://push.example/secret"
RECIPIENT = Recipient(SubscriptionId("d0" * 12), ENDPOINT, RecipientKeys(bytes(65), bytes(16)), "k", "anna")
NAMES = {"app": render("app", APP), "send": render("snd", SEND)}


@pytest.fixture
def api() -> HttpApi:
    engine = MemoryEngine()
    chunk = DeliverChunk(APP, SEND, 7, "ff" * 32, ROUTE, int(START), (RECIPIENT,))
    engine.dead_letters.add(Queue.DELIVER, encode_deliver(chunk))
    engine.dead_letters.add(Queue.BULK_FANOUT, encode_fan_out(FanOut(APP, SEND, ROUTE, part=2)))
    engine.dead_letters.add(Queue.BULK_FANOUT, "{")
    event = Event("e0" * 12, APP, EventKind.SUBSCRIBED, int(START), person="anna")
    for job in (Notify(event), ChunkReceipts(APP, SEND, 7)):
        engine.dead_letters.add(Queue.WEBHOOKS, encode_webhook_job(job))
    seen = tuple(Sighting(act, SEND, Place(0, 7, PushService.FCM), int(START)) for act in (Act.DISPLAYED, Act.CLICKED))
    engine.dead_letters.add(Queue.EVENTS, encode_sighted(Sighted(APP, seen)))
    return HttpApi(engine)


def test_the_operator_sees_what_was_given_up_and_never_an_endpoint(api: HttpApi) -> None:
    answer = api.operator("GET", "/admin/dead-letters")
    first = {"queued_at": iso(int(START)), "received": 4}
    assert expect(200, answer) == {
        "queues": [
            {"queue": "fanout", "waiting": 0, "messages": []},
            {"queue": "deliver", "waiting": 1, "messages": [{**first, **NAMES, "chunk": 7}]},
            {
                "queue": "bulk_fanout",
                "waiting": 2,
                "messages": [{**first, **NAMES, "part": 2}, {**first, "app": None, "send": None}],
            },
            {"queue": "bulk_deliver", "waiting": 0, "messages": []},
            {
                "queue": "webhooks",
                "waiting": 2,
                "messages": [
                    {**first, "app": NAMES["app"], "send": None, "event": "e0" * 12},
                    {**first, **NAMES, "chunk": 7},
                ],
            },
            {
                "queue": "events",
                "waiting": 1,
                "messages": [{**first, "app": NAMES["app"], "send": None, "events": 2}],
            },
            {"queue": "runs", "waiting": 0, "messages": []},
        ]
    }
    assert ENDPOINT not in json.dumps(answer.json)
    assert "anna" not in json.dumps(answer.json)


def test_a_redrive_puts_all_back_and_says_how_many(api: HttpApi) -> None:
    moved = {"fanout": 0, "deliver": 1, "bulk_fanout": 2, "bulk_deliver": 0, "webhooks": 2, "events": 1, "runs": 0}
    told = expect(200, api.operator("POST", "/admin/dead-letters/redrive"))
    assert told == {"queues": [{"queue": queue, "waiting": 0, "moved": number} for queue, number in moved.items()]}
    assert sum(map(len, api.engine.dead_letters.requeued.values())) == 6


def test_a_step_of_a_flow_is_told_by_its_flow_and_not_by_its_subscriber(api: HttpApi) -> None:
    flow, anna = FlowId("f0" * 12), SubscriptionId("d0" * 12)
    api.engine.dead_letters.add(Queue.RUNS, encode_run_job(ContinueRun(APP, flow, anna)))
    api.engine.dead_letters.add(Queue.RUNS, encode_run_job(ContinueRun(APP, FlowId("no id"), anna)))
    queues = expect(200, api.operator("GET", "/admin/dead-letters"))["queues"]
    [runs] = [one for one in queues if one["queue"] == "runs"]
    about = [{name: message.get(name) for name in ("app", "send", "flow")} for message in runs["messages"]]
    assert about == [
        {"app": NAMES["app"], "send": None, "flow": render("flow", flow)},
        {"app": None, "send": None, "flow": None},
    ]
    assert anna not in json.dumps(runs)


@pytest.mark.row("X-9")
def test_refusals_have_our_own_shape(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = Customer.sign_up(api)
    for method, path in (("GET", "/admin/dead-letters"), ("POST", "/admin/dead-letters/redrive")):
        assert expect(401, api.call(method, path))["error"]["code"] == "credential_missing"
        stranger = {"Authorization": f"Bearer {customer.client().key}"}
        assert expect(401, api.call(method, path, headers=stranger))["error"]["code"] == "credential_invalid"
    assert expect(405, api.operator("GET", "/admin/dead-letters/redrive"))["error"]["code"] == "method_not_allowed"

    def silent(queue: Queue) -> int:
        raise Unavailable

    monkeypatch.setattr(api.engine.dead_letters, "waiting", silent)
    assert expect(503, api.operator("GET", "/admin/dead-letters"))["error"]["code"] == "unavailable"
