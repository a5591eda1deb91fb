"""The WebSocket side of Mozilla's push service, for a real Firefox (`dom.push.serverURL`).

The protocol is the one Firefox's own PushServiceWebSocket.sys.mjs speaks: hello, register, unregister, notification,
ack. Messages are kept until Firefox acknowledges them, so they survive a closed browser and a restart of this server.
"""

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from dev.simulators.channels import Channel, Channels, WaitingMessage
from dev.simulators.push_request import PushHeaders
from dev.simulators.vapid_check import decode_base64url, encode_base64url, is_public_key

SUBPROTOCOL = "push-notification"


@dataclass(slots=True)
class Firefoxes:
    """Every Firefox that subscribed here, a channel's client being its `uaid`; what was noted is lost on a restart."""

    channels: Channels
    acks: list[dict[str, object]] = field(default_factory=list)
    nacks: list[dict[str, object]] = field(default_factory=list)
    unregisters: list[dict[str, object]] = field(default_factory=list)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)

    def find_token(self, token: str) -> Channel | None:
        """The channel behind an endpoint, gone or not."""
        return self.channels.find_token(token)

    def state(self) -> dict[str, object]:
        """What the control API tells: who is connected, which channels there are, what Firefox reported back."""
        channels = self.channels.all()
        clients = {channel.client for channel in channels} | self._sockets.keys()
        return {
            "clients": [{"uaid": uaid, "connected": uaid in self._sockets} for uaid in sorted(clients)],
            "channels": [
                {"channel_id": channel.channel_id, "uaid": channel.client, "gone": channel.gone} for channel in channels
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
        message = self.channels.keep(channel, push, body)
        socket = self._sockets.get(channel.client)
        if socket is not None:
            await _notify(socket, message)
        return message.id

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
        known = isinstance(claimed, str) and bool(self.channels.of(claimed))
        uaid = str(claimed) if known else uuid.uuid4().hex
        hello = {"messageType": "hello", "uaid": uaid, "status": 200, "use_webpush": True, "broadcasts": {}}
        await socket.send_json(hello)
        previous = self._sockets.pop(uaid, None)
        if previous is not None:
            await previous.close()
        self._sockets[uaid] = socket
        for waiting in self.channels.waiting(uaid):
            await _notify(socket, waiting)
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
        # Firefox asks again with the same id when an answer got lost.
        endpoint = self.channels.open(uaid, channel_id, bound_to)
        return {"messageType": "register", "channelID": channel_id, "status": 200, "pushEndpoint": endpoint}

    def _unregister(self, uaid: str, message: dict[str, object]) -> dict[str, object]:
        channel_id = str(message.get("channelID"))
        self.channels.close(uaid, channel_id)
        self.unregisters.append({"channel_id": channel_id, "code": message.get("code")})
        return {"messageType": "unregister", "channelID": channel_id, "status": 200}

    def _acknowledge(self, uaid: str, message: dict[str, object]) -> None:
        updates = message.get("updates")
        for update in updates if isinstance(updates, list) else []:
            version = str(update.get("version"))
            self.channels.acknowledge(uaid, version)
            self.acks.append({"version": version, "code": update.get("code")})


async def _notify(socket: web.WebSocketResponse, message: WaitingMessage) -> None:
    notification: dict[str, object] = {
        "messageType": "notification",
        "channelID": message.channel.channel_id,
        "version": message.id,
    }
    if message.body:
        notification |= {"data": encode_base64url(message.body), "headers": {"encoding": "aes128gcm"}}
    # A Firefox that is just going away gets the message from the queue when it is back.
    with suppress(ConnectionError):
        await socket.send_json(notification)


def _object(text: str) -> dict[str, object]:
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
