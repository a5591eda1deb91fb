"""The WebSocket side, with a client that plays Firefox."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dev.simulators import Simulators
from dev.simulators.vapid_check import encode_base64url
from tests.integration.simulators.sender import Sender, public_bytes

pytestmark = pytest.mark.enable_socket

Socket = aiohttp.ClientWebSocketResponse


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        import time

        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(tmp_path: Path, clock: Clock) -> Iterator[Simulators]:
    running = Simulators(tmp_path / "state", clock=clock)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def application_server(own: Simulators) -> Iterator[Sender]:
    sender = Sender(own)
    yield sender
    sender.close()


class Browser:
    """As much of Firefox as the protocol shows: it keeps its uaid and the keys of its own subscriptions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.uaid: str | None = None

    @asynccontextmanager
    async def online(self) -> AsyncIterator[Socket]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self.url, protocols=("push-notification",)) as socket,
        ):
            assert socket.protocol == "push-notification"
            hello: dict[str, Any] = {"messageType": "hello", "broadcasts": {}, "use_webpush": True}
            await socket.send_json(hello | ({"uaid": self.uaid} if self.uaid else {}))
            answer = await socket.receive_json(timeout=5)
            assert answer["status"] == 200
            self.uaid = answer["uaid"]
            yield socket


async def register(socket: Socket, key: str | None = None) -> tuple[str, dict[str, Any]]:
    """The channel id and a subscription as the page would see it."""
    channel_id = str(uuid.uuid4())
    await socket.send_json({"messageType": "register", "channelID": channel_id} | ({"key": key} if key else {}))
    answer = await socket.receive_json(timeout=5)
    assert (answer["status"], answer["channelID"]) == (200, channel_id)
    browser_key = encode_base64url(public_bytes(ec.generate_private_key(ec.SECP256R1())))
    keys = {"p256dh": browser_key, "auth": encode_base64url(b"a" * 16)}
    return channel_id, {"endpoint": answer["pushEndpoint"], "keys": keys}


async def nothing_comes(socket: Socket) -> bool:
    """Firefox's ping is answered next, so no notification was on its way."""
    await socket.send_str("{}")
    return await socket.receive_str(timeout=5) == "{}"


def test_a_message_reaches_firefox_and_its_ack_is_recorded(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            channel_id, subscription = await register(socket, application_server.public_key + "=")
            assert subscription["endpoint"].startswith("https://updates.push.services.mozilla.com/wpush/v2/")
            reply = application_server.post(subscription)
            assert reply.status_code == 201
            message = await socket.receive_json(timeout=5)
            assert (message["messageType"], message["channelID"]) == ("notification", channel_id)
            assert message["headers"] == {"encoding": "aes128gcm"}
            assert message["data"]
            assert reply.headers["Location"].endswith(message["version"])
            update = {"channelID": channel_id, "version": message["version"], "code": 100}
            await socket.send_json({"messageType": "ack", "updates": [update]})
            await socket.send_json({"messageType": "nack", "version": "v", "code": 301})
            assert await nothing_comes(socket)
            state = application_server.control.get("/firefox").json()
            assert state["acks"] == [{"version": message["version"], "code": 100}]
            assert state["nacks"] == [{"version": "v", "code": 301}]
            assert [client["connected"] for client in state["clients"]] == [True]

    asyncio.run(scenario())


def test_a_firefox_token_is_worth_nothing_at_another_service(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            _, subscription = await register(socket)
            token = subscription["endpoint"].rpartition("/")[2]
            for elsewhere in ("https://fcm.googleapis.com/fcm/send/", "https://web.push.apple.com/"):
                assert application_server.post({**subscription, "endpoint": elsewhere + token}).status_code == 404

    asyncio.run(scenario())


def test_an_empty_push_has_no_data(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            _, subscription = await register(socket)
            assert application_server.post(subscription, body=b"").status_code == 201
            assert "data" not in await socket.receive_json(timeout=5)

    asyncio.run(scenario())


def test_firefox_subscriptions_are_as_strict_as_simulated_ones(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            other = encode_base64url(public_bytes(ec.generate_private_key(ec.SECP256R1())))
            _, subscription = await register(socket, other)
            replies: list[httpx.Response] = [
                application_server.post(subscription),
                application_server.post(subscription, headers={"TTL": None}),
                application_server.post(subscription, "x" * 3994),
            ]
            answers = [(reply.status_code, reply.json()["errno"]) for reply in replies]
            assert answers == [(401, 109), (400, 111), (413, 104)]
            assert await nothing_comes(socket)

    asyncio.run(scenario())


def test_while_away_a_topic_replaces_and_ttl_zero_is_dropped(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
            _, other = await register(socket)
        application_server.post(subscription, "old", headers={"Topic": "score"})
        kept = [
            application_server.post(subscription, "new", headers={"Topic": "score"}),
            application_server.post(other, "another channel", headers={"Topic": "score"}),
            application_server.post(subscription, "no topic"),
        ]
        assert application_server.post(subscription, "now or never", headers={"TTL": "0"}).status_code == 201
        async with browser.online() as socket:
            versions = [(await socket.receive_json(timeout=5))["version"] for _ in kept]
            assert versions == [reply.headers["Location"].rpartition("/")[2] for reply in kept]
            assert await nothing_comes(socket)

    asyncio.run(scenario())


def test_ttl_zero_reaches_a_firefox_that_is_there_but_only_once(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
            application_server.post(subscription, headers={"TTL": "0"})
            assert (await socket.receive_json(timeout=5))["messageType"] == "notification"
        async with browser.online() as socket:
            assert await nothing_comes(socket)

    asyncio.run(scenario())


def test_a_waiting_message_expires(own: Simulators, application_server: Sender, clock: Clock) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
        application_server.post(subscription, headers={"TTL": "60"})
        clock.ahead = 61
        async with browser.online() as socket:
            assert await nothing_comes(socket)

    asyncio.run(scenario())


def test_without_an_ack_a_message_comes_again(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
            application_server.post(subscription)
            first = await socket.receive_json(timeout=5)
        async with browser.online() as socket:
            assert (await socket.receive_json(timeout=5))["version"] == first["version"]

    asyncio.run(scenario())


def test_after_unregister_the_endpoint_is_gone(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            channel_id, subscription = await register(socket)
            await socket.send_json({"messageType": "unregister", "channelID": channel_id, "code": 200})
            assert (await socket.receive_json(timeout=5))["status"] == 200
            reply = application_server.post(subscription)
            assert (reply.status_code, reply.json()["errno"]) == (410, 106)
            assert reply.headers["Cache-Control"] == "max-age=86400"
            state = application_server.control.get("/firefox").json()
            assert state["unregisters"] == [{"channel_id": channel_id, "code": 200}]
            assert [channel["gone"] for channel in state["channels"]] == [True]

    asyncio.run(scenario())


def test_kick_drops_the_socket_and_firefox_may_come_back(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
            uaid = browser.uaid
            kick = asyncio.to_thread(application_server.control.post, "/firefox/kick")
            reply, frame = await asyncio.gather(kick, socket.receive(timeout=5))
            assert reply.json() == {"kicked": 1}
            assert frame.type is aiohttp.WSMsgType.CLOSE
        application_server.post(subscription)
        async with browser.online() as socket:
            assert browser.uaid == uaid
            assert (await socket.receive_json(timeout=5))["messageType"] == "notification"

    asyncio.run(scenario())


def test_a_restart_keeps_channels_and_waiting_messages(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as socket:
            _, subscription = await register(socket)
        uaid = browser.uaid
        application_server.post(subscription)
        await asyncio.to_thread(own.stop)
        await asyncio.to_thread(own.start)
        async with browser.online() as socket:
            assert browser.uaid == uaid
            assert (await socket.receive_json(timeout=5))["messageType"] == "notification"

    asyncio.run(scenario())


def test_a_firefox_of_another_service_is_told_so_by_a_new_uaid(own: Simulators) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        browser.uaid = "f" * 32
        async with browser.online():
            assert browser.uaid != "f" * 32

    asyncio.run(scenario())


def test_a_key_off_the_curve_gets_no_endpoint(own: Simulators) -> None:
    async def scenario() -> None:
        async with Browser(own.firefox_url).online() as socket:
            for key in ("BA", "not base64url!", encode_base64url(b"\x04" + b"\x01" * 64)):
                await socket.send_json({"messageType": "register", "channelID": "c", "key": key})
                answer = await socket.receive_json(timeout=5)
                assert (answer["status"], "pushEndpoint" in answer) == (400, False)

    asyncio.run(scenario())


def test_a_second_connection_of_the_same_firefox_takes_over(own: Simulators, application_server: Sender) -> None:
    async def scenario() -> None:
        browser = Browser(own.firefox_url)
        async with browser.online() as first:
            _, subscription = await register(first)
            async with browser.online() as second:
                assert (await first.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
                application_server.post(subscription)
                assert (await second.receive_json(timeout=5))["messageType"] == "notification"

    asyncio.run(scenario())


@pytest.mark.parametrize("frame", ["not json", "[]", '{"messageType": "register", "channelID": "c"}', '"hello"'])
def test_a_client_that_does_not_start_with_hello_is_dropped(own: Simulators, frame: str) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(own.firefox_url) as socket:
            await socket.send_str(frame)
            assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE

    asyncio.run(scenario())
