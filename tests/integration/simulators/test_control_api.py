"""The control API: user agents, their messages, scripted behaviour, and what survives a restart."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.simulators import Simulators
from dev.simulators.forwarding import forward
from dev.simulators.push_services import Reply
from tests.integration.simulators.sender import Sender

pytestmark = pytest.mark.enable_socket


def script(sender: Sender, agent: dict[str, Any], **behaviour: object) -> None:
    reply = sender.control.put(f"/user-agents/{agent['id']}/behaviour", json=behaviour)
    assert reply.status_code == 204, reply.text


def test_health(sender: Sender) -> None:
    assert sender.control.get("/healthz").json() == {"ok": True}


def test_a_scripted_answer_lasts_for_its_times_and_delivers_nothing(sender: Sender) -> None:
    agent = sender.subscribe("fcm")
    script(sender, agent, status=429, headers={"Retry-After": "7"}, body="slow down", times=2)
    replies = [sender.post(agent["subscription"]) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [429, 429, 201]
    assert (replies[0].headers["Retry-After"], replies[0].text) == ("7", "slow down")
    assert len(sender.messages(agent)) == 1
    answers = sender.control.get(f"/user-agents/{agent['id']}").json()["answers"]
    assert [answer["status"] for answer in answers] == [429, 429, 201]


def test_the_answers_of_all_user_agents_are_told_together(sender: Sender) -> None:
    reached, busy, idle = (sender.subscribe(service) for service in ("mozilla", "fcm", "wns"))
    script(sender, busy, status=429, times=1)
    for agent in (reached, busy, busy):
        sender.post(agent["subscription"])
    answers = sender.control.get("/answers").json()
    statuses = {name: [answer["status"] for answer in answers[name]] for name in (reached["id"], busy["id"])}
    assert statuses == {reached["id"]: [201], busy["id"]: [429, 201]}
    assert idle["id"] not in answers


def test_a_scripted_answer_without_times_lasts_until_replaced(sender: Sender) -> None:
    agent = sender.subscribe("apple")
    script(sender, agent, status=503, body={"reason": "ServiceUnavailable"})
    assert {sender.post(agent["subscription"]).json()["reason"] for _ in range(4)} == {"ServiceUnavailable"}
    script(sender, agent)
    assert sender.post(agent["subscription"]).status_code == 201


def test_a_script_never_hides_a_broken_request(sender: Sender) -> None:
    agent = sender.subscribe("fcm")
    script(sender, agent, status=201, times=1)
    assert sender.post(agent["subscription"], headers={"TTL": None}).status_code == 400
    assert sender.post(agent["subscription"]).status_code == 201
    assert sender.messages(agent) == []


def test_a_delayed_message_is_delivered_although_its_sender_gave_up(sender: Sender) -> None:
    agent = sender.subscribe("mozilla")
    script(sender, agent, delay_ms=300, times=1)
    started = time.monotonic()
    assert sender.post(agent["subscription"]).status_code == 201
    assert time.monotonic() - started >= 0.3
    assert len(sender.messages(agent)) == 1


def test_a_hanging_service_never_answers(sender: Sender) -> None:
    agent = sender.subscribe("mozilla")
    script(sender, agent, hang=True, times=1)
    sender.client.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        sender.post(agent["subscription"])
    sender.client.timeout = httpx.Timeout(5)
    assert sender.post(agent["subscription"]).status_code == 201
    assert len(sender.messages(agent)) == 1


def test_a_service_can_take_less_than_others(sender: Sender) -> None:
    agent = sender.subscribe("mozilla")
    script(sender, agent, most_bytes=2744)
    refused, taken = (sender.post(agent["subscription"], "x" * size) for size in (2642, 2641))
    assert (refused.status_code, refused.json()["errno"], taken.status_code) == (413, 104, 201)
    assert [message["text"] for message in sender.messages(agent)] == ["x" * 2641]


def test_waiting_ends_when_enough_messages_are_there(sender: Sender) -> None:
    agent = sender.subscribe("wns")
    threading.Timer(0.2, sender.post, (agent["subscription"], "one")).start()
    threading.Timer(0.4, sender.post, (agent["subscription"], "two")).start()
    started = time.monotonic()
    assert [message["text"] for message in sender.messages(agent, wait=10)] == ["one"]
    assert [message["text"] for message in sender.messages(agent, wait=10, count=2)] == ["one", "two"]
    assert 0.4 <= time.monotonic() - started < 5


def test_waiting_in_vain_answers_with_what_there_is(sender: Sender) -> None:
    agent = sender.subscribe("wns")
    started = time.monotonic()
    assert sender.messages(agent, wait=0.2) == []
    assert time.monotonic() - started >= 0.2


def test_clearing_forgets_messages(sender: Sender) -> None:
    agent = sender.subscribe("wns")
    sender.post(agent["subscription"])
    assert sender.control.delete(f"/user-agents/{agent['id']}/messages").status_code == 204
    assert sender.messages(agent) == []


def test_listing_tells_who_is_gone(sender: Sender) -> None:
    here, gone = sender.subscribe("fcm"), sender.subscribe("apple")
    sender.control.delete(f"/user-agents/{gone['id']}")
    listed = {agent["id"]: agent["gone"] for agent in sender.control.get("/user-agents").json()}
    assert (listed[here["id"]], listed[gone["id"]]) == (False, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"fcm"',
        b'{"service": "gcm"}',
        b"{}",
        b'{"service": "fcm", "application_server_key": "BA"}',
        b'{"service": "fcm", "application_server_key": "%%"}',
        b'{"service": "fcm", "application_server_key": 7}',
        b"\xff",
    ],
)
def test_a_user_agent_asked_for_wrongly_is_a_clear_400(sender: Sender, content: bytes) -> None:
    reply = sender.control.post("/user-agents", content=content)
    assert (reply.status_code, bool(reply.json()["error"])) == (400, True)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"state": 429},
        {"status": 99},
        {"status": "429"},
        {"status": True},
        {"status": 429, "times": 0},
        {"status": 429, "times": 1.5},
        {"delay_ms": -1},
        {"most_bytes": -1},
        {"delay_ms": 10**9},
        {"hang": "yes"},
        {"headers": {"Retry-After": "1"}},
        {"status": 429, "headers": ["Retry-After"]},
        {"status": 429, "headers": {"Retry-After": 1}},
        {"status": 429, "headers": {"Retry-After": "1\r\nX: y"}},
        {"status": 429, "headers": {"Retry After": "1"}},
    ],
)
def test_a_script_that_makes_no_sense_is_a_clear_400(sender: Sender, behaviour: object) -> None:
    agent = sender.subscribe("fcm")
    reply = sender.control.put(f"/user-agents/{agent['id']}/behaviour", json=behaviour)
    assert (reply.status_code, bool(reply.json()["error"])) == (400, True)
    assert sender.post(agent["subscription"]).status_code == 201


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=nan", "wait=1e9", "count=0", "count=x"])
def test_a_wait_that_makes_no_sense_is_a_clear_400(sender: Sender, query: str) -> None:
    agent = sender.subscribe("fcm")
    reply = sender.control.get(f"/user-agents/{agent['id']}/messages?{query}")
    assert (reply.status_code, bool(reply.json()["error"])) == (400, True)


def test_what_does_not_exist_is_a_404_and_a_wrong_method_a_405(sender: Sender) -> None:
    for method, path in (
        ("GET", "/user-agents/none/messages"),
        ("DELETE", "/user-agents/none"),
        ("PUT", "/user-agents/none/behaviour"),
        ("GET", "/nothing"),
    ):
        reply = sender.control.request(method, path, json={})
        assert (reply.status_code, bool(reply.json()["error"])) == (404, True)
    assert sender.control.delete("/healthz").status_code == 405


def test_a_restart_keeps_the_ca_the_subscriptions_and_the_messages(tmp_path: Path) -> None:
    simulators = Simulators(tmp_path / "state")
    simulators.start()
    sender = Sender(simulators)
    live, gone = sender.subscribe("wns"), sender.subscribe("mozilla")
    sender.control.delete(f"/user-agents/{gone['id']}")
    sender.post(live["subscription"], "before")
    authority = simulators.ca_bundle.read_bytes()
    addresses = (simulators.control_url, simulators.proxy_url, simulators.firefox_url)
    simulators.stop()

    simulators.start()
    # The sender's trust was read from the file before: the same CA vouches for the new server certificate.
    assert simulators.ca_bundle.read_bytes() == authority
    assert (simulators.control_url, simulators.proxy_url, simulators.firefox_url) == addresses
    sender_again = Sender(simulators)
    sender_again.key, sender_again.public_key = sender.key, sender.public_key
    assert sender_again.post(live["subscription"], "after").status_code == 201
    assert [message["text"] for message in sender_again.messages(live)] == ["before", "after"]
    assert sender_again.post(gone["subscription"]).status_code == 410
    for each in (sender, sender_again):
        each.close()
    simulators.stop()


def test_a_taken_port_is_an_error_at_the_start(simulators: Simulators, tmp_path: Path) -> None:
    port = int(simulators.control_url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        Simulators(tmp_path, control_port=port).start()


def test_stopping_does_not_wait_for_requests_that_hang(tmp_path: Path) -> None:
    simulators = Simulators(tmp_path)
    simulators.start()
    sender = Sender(simulators)
    agent = sender.subscribe("fcm")
    script(sender, agent, hang=True)
    outcome: list[str] = []

    def post() -> None:
        try:
            sender.post(agent["subscription"])
        except httpx.HTTPError as error:
            outcome.append(type(error).__name__)

    waiting = threading.Thread(target=post)
    waiting.start()
    time.sleep(0.2)
    started = time.monotonic()
    simulators.stop()
    waiting.join()
    sender.close()
    assert time.monotonic() - started < 2
    assert outcome


def test_only_tokens_never_handed_out_are_forwarded(tmp_path: Path) -> None:
    forwarded: list[tuple[str, str, bytes]] = []

    async def real_service(url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        forwarded.append((url, headers["TTL"], body))
        return Reply(201, {"Location": "https://fcm.googleapis.com/message/1"})

    simulators = Simulators(tmp_path, forward=real_service)
    simulators.start()
    sender = Sender(simulators)
    ours = sender.subscribe("fcm")
    real = {**ours["subscription"], "endpoint": "https://fcm.googleapis.com/fcm/send/real:APA91b"}
    assert sender.post(real, body=b"sealed").headers["Location"] == "https://fcm.googleapis.com/message/1"
    sender.post(ours["subscription"])
    sender.control.delete(f"/user-agents/{ours['id']}")
    assert sender.post(ours["subscription"]).status_code == 410
    assert forwarded == [("https://fcm.googleapis.com/fcm/send/real:APA91b", "60", b"sealed")]
    sender.close()
    simulators.stop()


def test_forwarding_repeats_the_request_and_passes_the_answer_back(simulators: Simulators, sender: Sender) -> None:
    import asyncio

    headers = {"Host": "fcm.googleapis.com", "Connection": "keep-alive", "Content-Type": "application/json"}
    content = b'{"service": "apple"}'
    reply = asyncio.run(forward(f"{simulators.control_url}/user-agents", headers, content))
    assert reply.status == 201
    assert b"web.push.apple.com" in reply.body
    assert asyncio.run(forward("http://127.0.0.1:1/", headers, content)) == Reply(502)
