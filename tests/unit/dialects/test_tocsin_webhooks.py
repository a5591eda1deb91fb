"""The operator's routes of webhooks."""

import json
from typing import Any

import pytest

from tests import builders
from tests.customer import expect
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.application.jobs import TryAgain
from tocsin.dialect_kit.identifiers import render
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import PendingEvent

BNOTIFY = DialectName("bnotify")
URL = "https://hooks.example.com/shop"
EVENT = Event("e0" * 12, AppId(""), EventKind.SUBSCRIBED, 1_800_000_000, person="anna")


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def app(engine: MemoryEngine) -> App:
    return builders.app(engine)


@pytest.fixture
def api(engine: MemoryEngine) -> HttpApi:
    return HttpApi(engine)


class Hook:
    """The routes of one webhook."""

    def __init__(self, api: HttpApi, app: App) -> None:
        self._api = api
        self.root = f"/admin/apps/{render('app', app.id)}/webhooks/bnotify"

    def call(self, method: str, path: str = "", body: object = None, **query: str) -> Answer:
        """As the operator."""
        return self._api.call(
            method, self.root + path, body, {"Authorization": "Bearer operator-key-of-the-tests"}, query=query
        )


@pytest.fixture
def hook(api: HttpApi, app: App) -> Hook:
    return Hook(api, app)


def keep(engine: MemoryEngine, app: App, number: int = 0, due_at: int | None = None) -> str:
    """An event that did not arrive."""
    id_ = f"{number:02x}" + "e0" * 11
    event = Event(id_, app.id, EventKind.SUBSCRIBED, 1_800_000_000, person="anna")
    engine.pending_events.put(PendingEvent(event, BNOTIFY, 8, due_at, 2_000_000_000, 503, 40, 1_800_000_100))
    return id_


def test_a_webhook_is_set_up_shown_changed_and_taken_away(hook: Hook) -> None:
    expect(404, hook.call("GET"))
    made = expect(200, hook.call("PUT", body={"url": URL, "auth": "Basic x"}))
    shown: dict[str, Any] = {
        "url": URL,
        "auth": True,
        "secret_version": 1,
        "failing_since": None,
        "disabled_at": None,
    }
    assert made.pop("secret").startswith("whsec_")
    assert made == shown
    assert expect(200, hook.call("GET")) == shown
    assert expect(200, hook.call("PUT", body={"url": URL + "2"})) == {**shown, "url": URL + "2"}
    assert expect(200, hook.call("PUT", body={"url": URL, "auth": None})) == {**shown, "auth": False}
    rotated = expect(200, hook.call("PUT", body={"url": URL, "rotate": True}))
    assert (rotated["secret_version"], rotated["secret"].startswith("whsec_")) == (2, True)
    assert expect(200, hook.call("DELETE"))["url"] is None
    expect(404, hook.call("GET"))
    expect(404, hook.call("DELETE"))


def test_a_secret_and_a_credential_cannot_be_read_back(hook: Hook) -> None:
    secret = expect(200, hook.call("PUT", body={"url": URL, "auth": "Basic hidden"}))["secret"]
    for answer in (hook.call("GET"), hook.call("PUT", body={"url": URL})):
        assert secret not in answer.body.decode()
        assert "hidden" not in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": None}, "url"),
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://user:secret@hooks.example.com/"}, "url"),
        ({"url": "https://hooks.example.com/" + "x" * 2048}, "url"),
        ({"url": URL, "auth": ""}, "auth"),
        ({"url": URL, "auth": "a\nb"}, "auth"),
        ({"url": URL, "rotate": "yes"}, "rotate"),
        ({"url": URL, "urll": 1}, "urll"),
    ],
)
def test_a_bad_setting_is_refused_by_name(hook: Hook, body: dict[str, object], field: str) -> None:
    refused = hook.call("PUT", body=body)
    assert refused.status == 400
    assert refused.json["error"]["field"] == field
    assert "secret" not in refused.body.decode()
    expect(404, hook.call("GET"))


@pytest.mark.parametrize("path", ["", "/enable", "/replay", "/events/" + "e0" * 12 + "/replay"])
def test_what_is_not_there_is_not_found(api: HttpApi, app: App, path: str) -> None:
    method = "POST" if path else "GET"
    for root in (
        f"/admin/apps/{render('app', AppId('99' * 12))}/webhooks/bnotify",
        f"/admin/apps/{render('app', app.id)}/webhooks/cloudsignal",
        f"/admin/apps/{render('app', app.id)}/webhooks/nobody",
    ):
        assert api.operator(method, root + path).status == 404


def test_only_the_operator_may(api: HttpApi, hook: Hook) -> None:
    assert api.call("GET", hook.root).status == 401


def test_what_did_not_arrive_is_listed_by_state_without_whom_it_is_about(
    engine: MemoryEngine, app: App, hook: Hook
) -> None:
    for number in range(3):
        keep(engine, app, number)
    failing = keep(engine, app, 7, due_at=1_800_000_160)
    dead = hook.call("GET", "/events", state="dead", limit="2")
    assert [one["id"][:2] for one in expect(200, dead)["events"]] == ["02", "01"]
    rest = expect(200, hook.call("GET", "/events", state="dead", cursor=dead.json["next_cursor"]))
    assert ([one["id"][:2] for one in rest["events"]], rest["next_cursor"]) == (["00"], None)
    assert expect(200, hook.call("GET", "/events", state="failing"))["events"] == [
        {
            "id": failing,
            "kind": "subscribed",
            "at": "2027-01-15T08:00:00Z",
            "state": "failing",
            "tries": 8,
            "status": 503,
            "milliseconds": 40,
            "tried_at": "2027-01-15T08:01:40Z",
            "next_at": "2027-01-15T08:02:40Z",
        }
    ]
    assert "anna" not in json.dumps(dead.json)
    assert [one["id"] for one in expect(200, hook.call("GET", "/events"))["events"]] == [failing]
    assert hook.call("GET", "/events", state="gone").json["error"]["field"] == "state"
    assert hook.call("GET", "/events", state="dead", cursor="x").json["error"]["field"] == "cursor"


def test_events_are_replayed_one_by_one_or_all_that_are_dead(engine: MemoryEngine, app: App, hook: Hook) -> None:
    ids = [keep(engine, app, number) for number in range(3)]
    one = expect(200, hook.call("POST", f"/events/{ids[0]}/replay"))
    assert (one["state"], one["tries"]) == ("failing", 0)
    assert engine.events.take() == [TryAgain(app.id, BNOTIFY, ids[0])]
    assert expect(200, hook.call("POST", "/replay")) == {"replayed": 2}
    assert {job.event for job in engine.events.take() if isinstance(job, TryAgain)} == set(ids[1:])
    assert expect(200, hook.call("POST", "/replay")) == {"replayed": 0}
    assert hook.call("POST", "/events/x/replay").status == 404


def test_one_that_was_disabled_is_enabled_again(engine: MemoryEngine, app: App, hook: Hook) -> None:
    expect(404, hook.call("POST", "/enable"))
    hook.call("PUT", body={"url": URL})
    stored = engine.webhooks.get(app.id, BNOTIFY)
    assert stored is not None
    engine.webhooks.disable(stored, builders.OPERATOR, "for a test")
    assert expect(200, hook.call("GET"))["disabled_at"] is not None
    assert expect(200, hook.call("POST", "/enable"))["disabled_at"] is None
