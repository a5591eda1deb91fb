"""The WebSocket side of Mozilla's push service, for a real Firefox (`dom.push.serverURL`).

The protocol is the one Firefox's own PushServiceWebSocket.sys.mjs speaks: hello, register, unregister, notification,
ack. Messages are kept until Firefox acknowledges them, so they survive a closed browser and a restart of this server.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from dev.simulators.personalities import PERSONALITIES
from dev.simulators.push_request import PushHeaders
from dev.simulators.push_services import Service
from dev.simulators.vapid_check import decode_base64url, encode_base64url, is_public_key

SUBPROTOCOL = "push-notification"


@dataclass(frozen=True, slots=True)
class Channel:
    """One subscription of a Firefox; `application_server_key` is None when the page gave none."""

    token: str
    uaid: str
    channel_id: str
    application_server_key: bytes | None
    gone: bool


@dataclass(slots=True)
class Firefoxes:
    """Every Firefox that subscribed here. Channels and queued messages outlive a restart; what was noted does not."""

    database: sqlite3.Connection
    clock: Callable[[], float]
    acks: list[dict[str, object]] = field(default_factory=list)
    nacks: list[dict[str, object]] = field(default_factory=list)
    unregisters: list[dict[str, object]] = field(default_factory=list)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)

    def find_token(self, token: str) -> Channel | None:
        """The channel behind an endpoint, gone or not."""
        return next(iter(self._channels("token = ?", token)), None)

    def state(self) -> dict[str, object]:
        """What the control API tells: who is connected, which channels there are, what Firefox reported back."""
        channels = self._channels("TRUE")
        clients = {channel.uaid for channel in channels} | self._sockets.keys()
        return {
            "clients": [{"uaid": uaid, "connected": uaid in self._sockets} for uaid in sorted(clients)],
            "channels": [
                {"channel_id": channel.channel_id, "uaid": channel.uaid, "gone": channel.gone} for channel in channels
            ],
            "acks": self.acks,
            "nacks": self.nacks,
            "unregisters": self.unregisters,
        }

    async def kick(self) -> int:
        """Drop every socket, as a lost network would; answers with how many there were."""
        sockets = list(self._sockets.values())
        for socket in sockets:
            await socket.close()
        return len(sockets)

    async def receive(self, channel: Channel, push: PushHeaders, body: bytes) -> str:
        """Deliver now, or queue until Firefox is back; answers with the message's id.

        RFC 8030: a message with TTL 0 is dropped when Firefox is away; one with a topic replaces the waiting one.
        """
        message_id = uuid.uuid4().hex
        if push.topic is not None:
            self.database.execute(
                "DELETE FROM firefox_queue WHERE token = ? AND topic = ?", (channel.token, push.topic)
            )
        expires_at = self.clock() + push.ttl
        self.database.execute(
            "INSERT INTO firefox_queue VALUES (?, ?, ?, ?, ?, ?, ?)",
            (message_id, channel.token, channel.uaid, channel.channel_id, body, push.topic, expires_at),
        )
        socket = self._sockets.get(channel.uaid)
        if socket is not None:
            await _notify(socket, channel.channel_id, message_id, body)
        return message_id

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One Firefox's connection, from its hello until it goes."""
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await socket.prepare(request)
        uaid: str | None = None
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                message = _object(frame.data)
                if message.get("messageType") == "hello" and uaid is None:
                    uaid = await self._hello(socket, message)
                elif uaid is not None:
                    await self._react(socket, uaid, message)
                else:
                    break  # the protocol starts with hello
        finally:
            if uaid is not None and self._sockets.get(uaid) is socket:
                del self._sockets[uaid]
        await socket.close()
        return socket

    async def _hello(self, socket: web.WebSocketResponse, message: dict[str, object]) -> str:
        claimed = message.get("uaid")
        # Another uaid in the answer makes Firefox drop its subscriptions: right for one that is not known here.
        known = isinstance(claimed, str) and bool(self._channels("uaid = ?", claimed))
        uaid = str(claimed) if known else uuid.uuid4().hex
        hello = {"messageType": "hello", "uaid": uaid, "status": 200, "use_webpush": True, "broadcasts": {}}
        await socket.send_json(hello)
        previous = self._sockets.pop(uaid, None)
        if previous is not None:
            await previous.close()
        self._sockets[uaid] = socket
        self.database.execute("DELETE FROM firefox_queue WHERE expires_at <= ?", (self.clock(),))
        waiting = self.database.execute(
            "SELECT id, channel_id, body FROM firefox_queue WHERE uaid = ? ORDER BY rowid", (uaid,)
        ).fetchall()
        for message_id, channel_id, body in waiting:
            await _notify(socket, channel_id, message_id, body)
        return uaid

    async def _react(self, socket: web.WebSocketResponse, uaid: str, message: dict[str, object]) -> None:
        match message.get("messageType"):
            case "register":
                await socket.send_json(self._register(uaid, message))
            case "unregister":
                await socket.send_json(self._unregister(uaid, message))
            case "ack":
                self._acknowledge(uaid, message)
            case "nack":
                self.nacks.append({"version": message.get("version"), "code": message.get("code")})
            case None | "ping":
                await socket.send_str("{}")
            case _:
                pass  # broadcast_subscribe and its like want no answer

    def _register(self, uaid: str, message: dict[str, object]) -> dict[str, object]:
        channel_id, key = str(message.get("channelID")), message.get("key")
        bound_to = decode_base64url(key) if isinstance(key, str) else None
        if key is not None and (bound_to is None or not is_public_key(bound_to)):
            return {"messageType": "register", "channelID": channel_id, "status": 400}
        endpoint = PERSONALITIES[Service.MOZILLA].new_endpoint()
        token = endpoint.rpartition("/")[2]
        # Firefox asks again with the same id when an answer got lost: the earlier channel then has no user.
        self.database.execute(
            "UPDATE firefox_channels SET gone = 1 WHERE uaid = ? AND channel_id = ?", (uaid, channel_id)
        )
        self.database.execute(
            "INSERT INTO firefox_channels VALUES (?, ?, ?, ?, 0)", (token, uaid, channel_id, bound_to)
        )
        return {"messageType": "register", "channelID": channel_id, "status": 200, "pushEndpoint": endpoint}

    def _unregister(self, uaid: str, message: dict[str, object]) -> dict[str, object]:
        channel_id = str(message.get("channelID"))
        for table_change in (
            "UPDATE firefox_channels SET gone = 1 WHERE uaid = ? AND channel_id = ?",
            "DELETE FROM firefox_queue WHERE uaid = ? AND channel_id = ?",
        ):
            self.database.execute(table_change, (uaid, channel_id))
        self.unregisters.append({"channel_id": channel_id, "code": message.get("code")})
        return {"messageType": "unregister", "channelID": channel_id, "status": 200}

    def _acknowledge(self, uaid: str, message: dict[str, object]) -> None:
        updates = message.get("updates")
        for update in updates if isinstance(updates, list) else []:
            version = str(update.get("version"))
            self.database.execute("DELETE FROM firefox_queue WHERE id = ? AND uaid = ?", (version, uaid))
            self.acks.append({"version": version, "code": update.get("code")})

    def _channels(self, condition: str, *values: str) -> list[Channel]:
        rows = self.database.execute(
            "SELECT token, uaid, channel_id, application_server_key, gone FROM firefox_channels"
            f" WHERE {condition} ORDER BY rowid",
            values,
        )
        return [Channel(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


async def _notify(socket: web.WebSocketResponse, channel_id: str, message_id: str, body: bytes) -> None:
    notification: dict[str, object] = {"messageType": "notification", "channelID": channel_id, "version": message_id}
    if body:
        notification |= {"data": encode_base64url(body), "headers": {"encoding": "aes128gcm"}}
    # A Firefox that is just going away gets the message from the queue when it is back.
    with suppress(ConnectionError):
        await socket.send_json(notification)


def _object(text: str) -> dict[str, object]:
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
