"""What simulated user agents tell an app of the messages that they received."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from dev.simulators import Simulators
from tests.browser.served import ServerThread
from tests.integration.simulators.sender import Sender

pytestmark = pytest.mark.enable_socket


class Api:
    """An API that takes every report of one app."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, list[dict[str, Any]]]] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/sdk/v1/app_known/events", self._hear)
        return application

    async def _hear(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers["Origin"], request.content_type, json.loads(await request.read())))
        return web.json_response({}, status=202)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def sender(api: Api, tmp_path: Path) -> Iterator[Sender]:
    with ServerThread() as servers:
        simulators = Simulators(tmp_path, api=f"http://localhost:{servers.start(api.application())}")
        simulators.start()
        opened = Sender(simulators)
        yield opened
        opened.close()
        simulators.stop()


def received(sender: Sender, *data: dict[str, Any]) -> dict[str, Any]:
    """A user agent with a message for each."""
    agent = sender.subscribe("mozilla")
    for one in data:
        sender.post(agent["subscription"], json.dumps({"notification": {"title": "Hello", "data": one}}))
    return agent


def act(sender: Sender, agent: dict[str, Any], event: str, **more: object) -> httpx.Response:
    return sender.control.post(f"/user-agents/{agent['id']}/events", json={"event": event, "app": "app_known", **more})


@pytest.mark.parametrize("event", ["displayed", "clicked", "dismissed"])
def test_a_report_has_the_id_and_the_token_of_the_latest_message(sender: Sender, api: Api, event: str) -> None:
    agent = received(sender, {"id": "one", "k": "first"}, {"id": "two", "k": "second"})
    reply = act(sender, agent, event)
    assert (reply.status_code, reply.json()) == (202, {})
    [(_, content_type, [report])] = api.heard
    assert content_type == "text/plain"
    assert isinstance(report.pop("t"), int)
    assert report == {"e": event, "id": "two", "k": "second"}


def test_the_message_and_the_site_can_be_chosen(sender: Sender, api: Api) -> None:
    agent = received(sender, {"id": "one", "k": "first"}, {"id": "two", "k": "second"})
    act(sender, agent, "clicked", message=0, origin="https://shop.example")
    [(origin, _, [report])] = api.heard
    assert (origin, report["id"]) == ("https://shop.example", "one")


def test_the_answer_is_the_apis_own(sender: Sender) -> None:
    assert act(sender, received(sender, {"id": "one", "k": "first"}), "clicked", app="app_other").status_code == 404


def test_of_clicks_alone_others_are_not_told(sender: Sender, api: Api) -> None:
    agent = received(sender, {"id": "one", "k": "first", "c": 1})
    refused = act(sender, agent, "displayed")
    assert (refused.status_code, refused.json()) == (409, {"error": "the message asks for clicks only"})
    assert act(sender, agent, "clicked").status_code == 202
    assert len(api.heard) == 1


@pytest.mark.parametrize("text", ['{"notification": {"data": {"id": "one"}}}', '{"notification": []}', "[]", "Hello"])
def test_a_message_without_a_token_is_not_reported(sender: Sender, api: Api, text: str) -> None:
    agent = sender.subscribe("fcm")
    sender.post(agent["subscription"], text)
    refused = act(sender, agent, "clicked")
    assert (refused.status_code, refused.json()["error"].partition(":")[0]) == (409, "the message carries no token")
    assert api.heard == []


@pytest.mark.parametrize("message", [-2, 1, 10**30])
def test_there_is_no_such_message(sender: Sender, message: int) -> None:
    refused = act(sender, received(sender, {"id": "one", "k": "first"}), "clicked", message=message)
    assert (refused.status_code, refused.json()) == (404, {"error": "no such message"})


@pytest.mark.parametrize(
    ("content", "field"),
    [({"event": "seen"}, "event"), ({"event": "clicked", "app": 7}, "app"), ({"message": "0"}, "message")],
)
def test_a_bad_report_is_refused(sender: Sender, content: dict[str, object], field: str) -> None:
    agent = received(sender, {"id": "one", "k": "first"})
    refused = act(sender, agent, **{"event": "clicked", **content})  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["error"].partition(" ")[0]) == (400, field)


def test_without_an_api_there_is_nobody_to_tell(tmp_path: Path) -> None:
    simulators = Simulators(tmp_path)
    simulators.start()
    sender = Sender(simulators)
    assert act(sender, received(sender, {"id": "one", "k": "first"}), "clicked").status_code == 409
    sender.close()
    simulators.stop()


def test_an_api_that_is_gone_is_told_in_words(tmp_path: Path) -> None:
    simulators = Simulators(tmp_path, api="http://localhost:1")
    simulators.start()
    sender = Sender(simulators)
    refused = act(sender, received(sender, {"id": "one", "k": "first"}), "clicked")
    assert (refused.status_code, refused.json()) == (502, {"error": "http://localhost:1 does not answer"})
    sender.close()
    simulators.stop()
