"""Webhooks on the deployed template: signed, tried again, given up, replayed; and never sent inside."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Receiver, Simulator
from tests.integration.queues import Queues, invoked
from tocsin.application.jobs import Notify, encode_webhook_job
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId

SECONDS = 25


class Hook:
    """A webhook of an app of its own, as the operator and the queue see it."""

    def __init__(self, deployed: Stack, api: DeployedApi, customer: Customer) -> None:
        self._deployed, self._api, self._app = deployed, api, customer.app
        self._number = 0

    def call(self, method: str, path: str = "", body: object = None) -> Answer:
        """One of the operator's routes of it."""
        return self._api.operator(method, f"/admin/apps/{self._app}/webhooks/bnotify{path}", body)

    def put(self, url: str, **more: object) -> dict[str, Any]:
        """Set it up."""
        answer: dict[str, Any] = expect(200, self.call("PUT", body={"url": url, **more}))
        return answer

    def happens(self) -> str:
        """Something happens at the app; the id of the event."""
        self._number += 1
        id_ = f"{self._number:024x}"
        app = AppId(parse("app", self._app) or "")
        event = Event(id_, app, EventKind.SUBSCRIBED, int(time.time()), person="anna")
        Queues(self._deployed).put("WebhooksQueue", [encode_webhook_job(Notify(event))])
        return id_

    def events(self, state: str) -> list[dict[str, Any]]:
        """What did not arrive."""
        found: list[dict[str, Any]] = expect(200, self._events(state))["events"]
        return found

    def _events(self, state: str) -> Answer:
        path = f"/admin/apps/{self._app}/webhooks/bnotify/events"
        headers = {"Authorization": f"Bearer {self._api.operator_key}"}
        return self._api.call("GET", path, headers=headers, query={"state": state})

    def a_minute_passes(self) -> None:
        """What is to be tried in a minute is tried now: it is due at once, and the schedule fires."""
        database = self._deployed.aws("dynamodb")
        (table,) = (name for name in database.list_tables()["TableNames"] if "SendsTable" in name)
        key = {"pk": {"S": f"APP#{parse('app', self._app)}#HOOK#bnotify"}}
        for one in self.events("failing"):
            database.update_item(
                TableName=table,
                Key={**key, "sk": {"S": one["id"]}},
                UpdateExpression="SET due_at = :now, tried_at = :yesterday",
                ExpressionAttributeValues={
                    ":now": {"N": str(int(time.time()))},
                    ":yesterday": {"N": str(int(time.time()) - 86_400)},
                },
            )
        invoked(self._deployed, "scheduler", {})


@pytest.fixture
def hook(deployed: Stack, api: DeployedApi, customer: Customer) -> Hook:
    return Hook(deployed, api, customer)


@pytest.fixture
def receiver(simulator: Simulator) -> Receiver:
    return simulator.receiver()


def becomes(wanted: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + SECONDS
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_event_arrives_signed_by_both_secrets_after_a_rotation(
    hook: Hook, receiver: Receiver, deployed: Stack
) -> None:
    old = hook.put(receiver.url, auth="c2VjcmV0")["secret"]
    new = hook.put(receiver.url, rotate=True)["secret"]
    id_ = hook.happens()
    (arrived,) = receiver.arrived(1)
    assert arrived["method"] == "POST"
    assert arrived["headers"]["webhook-id"] == id_
    assert arrived["headers"]["authorization"] == "Basic c2VjcmV0"
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(arrived["body"], arrived["headers"])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new).verify(arrived["body"] + " ", arrived["headers"])
    for hidden in (receiver.name, old, new, "c2VjcmV0"):
        assert deployed.log_lines(hidden) == []


@pytest.mark.row("BN-27")
def test_a_server_that_fails_is_tried_again_with_the_same_id_until_it_takes_the_event(
    hook: Hook, receiver: Receiver
) -> None:
    secret = hook.put(receiver.url)["secret"]
    receiver.behave(status=503, body="a secret of the receiver's")
    id_ = hook.happens()
    first = receiver.arrived(1)[0]
    becomes(lambda: bool(hook.events("failing")))
    (failing,) = hook.events("failing")
    assert (failing["id"], failing["status"], failing["tries"]) == (id_, 503, 1)
    assert expect(200, hook.call("GET"))["failing_since"] is not None
    receiver.behave()
    time.sleep(1)  # so that the next try is in another second
    hook.a_minute_passes()
    second = receiver.arrived(2)[1]
    assert second["headers"]["webhook-id"] == id_
    assert second["body"] == first["body"]
    assert int(second["headers"]["webhook-timestamp"]) > int(first["headers"]["webhook-timestamp"])
    standardwebhooks.Webhook(secret).verify(second["body"], second["headers"])
    becomes(lambda: not hook.events("failing"))
    becomes(lambda: expect(200, hook.call("GET"))["failing_since"] is None)


@pytest.mark.row("BN-27")
def test_a_server_that_wants_no_more_is_left_alone_and_told_all_when_it_is_enabled_and_events_are_replayed(
    hook: Hook, receiver: Receiver, api: DeployedApi
) -> None:
    hook.put(receiver.url)
    receiver.behave(status=410)
    id_ = hook.happens()
    becomes(lambda: expect(200, hook.call("GET"))["disabled_at"] is not None)
    assert [one["id"] for one in hook.events("dead")] == [id_]
    receiver.behave()
    hook.happens()
    expect(200, hook.call("POST", "/enable"))
    assert expect(200, hook.call("POST", "/replay")) == {"replayed": 1}
    assert [one["headers"]["webhook-id"] for one in receiver.arrived(2)] == [id_, id_]
    becomes(lambda: not hook.events("failing"))
    assert hook.events("dead") == []


def test_a_redirect_is_not_followed(hook: Hook, receiver: Receiver, simulator: Simulator) -> None:
    other = simulator.receiver()
    hook.put(receiver.url)
    receiver.behave(status=307, headers={"Location": other.url})
    hook.happens()
    becomes(lambda: bool(hook.events("failing")))
    assert hook.events("failing")[0]["status"] == 307
    assert other.arrived() == []


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://localhost/", "http://hooks.example.com/"])
def test_a_url_that_leads_inside_is_refused(hook: Hook, url: str) -> None:
    refused = expect(400, hook.call("PUT", body={"url": url}))
    assert (refused["error"]["code"], refused["error"]["field"]) == ("field_invalid", "url")
    assert hook.call("GET").status == 404


@pytest.mark.parametrize("host", ["inside.example.com", "mixed.example.com"])
def test_a_name_that_leads_inside_is_never_connected_to(hook: Hook, receiver: Receiver, host: str) -> None:
    hook.put(f"https://{host}/{receiver.name}")
    hook.happens()
    becomes(lambda: bool(hook.events("failing")))
    (failing,) = hook.events("failing")
    assert (failing["status"], failing["tries"]) == (None, 1)
    assert receiver.arrived() == []
