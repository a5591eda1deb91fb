"""The browser's side of FCM, for a real Chromium: check-in and registration over HTTP, messages over MCS.

Chromium's command line says where both are (`--gcm-checkin-url`, `--gcm-registration-url`, `--gcm-mcs-endpoint`). The
messages and their field numbers are those of its own google_apis/gcm: checkin.proto and mcs.proto.
"""

import asyncio
import secrets
import sqlite3
import ssl
from dataclasses import dataclass, field

from aiohttp import web

from dev.simulators import protobuf
from dev.simulators.channels import Channel, Channels
from dev.simulators.mcs import Stanza, Stream, Tag
from dev.simulators.push_request import PushHeaders
from dev.simulators.vapid_check import decode_base64url, is_public_key

_UNAUTHORIZED = 401
# What a read ends with when Chromium goes, says nonsense, or does not finish its TLS handshake.
_HUNG_UP = (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, protobuf.Malformed)


@dataclass(slots=True)
class Chromiums:
    """Every Chromium that subscribed here, a channel's client being its `android_id`.

    A message waits until the Chromium acknowledges it. It tells nobody whether it could decrypt one.
    """

    channels: Channels
    database: sqlite3.Connection
    _streams: dict[str, Stream] = field(default_factory=dict)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def find_token(self, token: str) -> Channel | None:
        """The channel behind an endpoint, gone or not."""
        return self.channels.find_token(token)

    def state(self) -> dict[str, object]:
        """What the control API tells: who is connected, and which channels there are."""
        channels = self.channels.all()
        clients = {channel.client for channel in channels} | self._streams.keys()
        return {
            "clients": [{"android_id": client, "connected": client in self._streams} for client in sorted(clients)],
            "channels": [
                {"app": channel.channel_id, "android_id": channel.client, "gone": channel.gone} for channel in channels
            ],
        }

    async def receive(self, channel: Channel, push: PushHeaders, body: bytes) -> str:
        """Deliver now, or queue until the Chromium is back; answers with the message's id."""
        message = self.channels.keep(channel, push, body)
        stream = self._streams.get(channel.client)
        if stream is not None:
            await stream.deliver(message, self._product(channel.client))
        return message.id

    def registration(self) -> web.Application:
        """The HTTP side: `/checkin` gives a Chromium its identity, `/register` a token for each subscription."""
        application = web.Application()
        application.add_routes([web.post("/checkin", self._check_in), web.post("/register", self._register)])
        return application

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One MCS connection, from its login until it goes."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._converse(Stream(reader, writer))
        except asyncio.CancelledError:
            writer.transport.abort()  # a farewell would outlast the event loop
        except _HUNG_UP:
            pass  # closing is all that is left
        finally:
            self._serving.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Cut every connection."""
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _check_in(self, request: web.Request) -> web.Response:
        asked = protobuf.parse(await request.read())
        known = self._security_token(str(asked.get(2, [0])[0]))
        if known is not None and asked.get(13) == [int(known)]:
            android_id, security_token = str(asked[2][0]), known
        else:
            android_id, security_token = str(secrets.randbits(62) | 1), str(secrets.randbits(62) | 1)
            self.database.execute(
                "INSERT INTO chromiums (android_id, security_token) VALUES (?, ?)", (android_id, security_token)
            )
        now_ms = int(self.channels.clock() * 1000)
        answer = protobuf.integer(1, True) + protobuf.integer(3, now_ms)
        answer += protobuf.fixed64(7, int(android_id)) + protobuf.fixed64(8, int(security_token))
        return web.Response(body=answer, content_type="application/x-protobuf")

    async def _register(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        android_id, _, security_token = (
            request.headers.get("Authorization", "").removeprefix("AidLogin ").partition(":")
        )
        if not security_token or self._security_token(android_id) != security_token:
            return web.Response(text="Error=AUTHENTICATION_FAILED")
        name = form.get("X-subtype", "")
        if form.get("delete") == "true":
            self.channels.close(android_id, name)
            return web.Response(text=f"token={name}")
        if not name:
            # For a purpose of its own, which no site sees. Refused, it would ask again on every connection.
            return web.Response(text=f"token={secrets.token_urlsafe()}")
        key = decode_base64url(form.get("sender", ""))
        if key is None or not is_public_key(key):
            return web.Response(text="Error=INVALID_PARAMETERS")
        self.database.execute(
            "UPDATE chromiums SET product = ? WHERE android_id = ?", (form.get("app", ""), android_id)
        )
        # Chromium puts the token behind the origin that its build is made with.
        return web.Response(text="token=" + self.channels.open(android_id, name, key).rpartition("/")[2])

    async def _converse(self, stream: Stream) -> None:
        login = await stream.open()
        android_id, security_token = login.text(3), login.text(5)
        if self._security_token(android_id) != security_token:
            await stream.refuse_login(_UNAUTHORIZED)
            return
        for message_id in login.texts(10):
            self.channels.acknowledge(android_id, message_id)
        await stream.accept_login(int(self.channels.clock() * 1000))
        self._streams[android_id] = stream
        try:
            for message in self.channels.waiting(android_id):
                await stream.deliver(message, self._product(android_id))
            while (stanza := await stream.read()).tag is not Tag.CLOSE:
                await self._react(stream, android_id, stanza)
        finally:
            if self._streams.get(android_id) is stream:
                del self._streams[android_id]

    async def _react(self, stream: Stream, android_id: str, stanza: Stanza) -> None:
        for message_id in stream.acknowledged_by(stanza):
            self.channels.acknowledge(android_id, message_id)
        if stanza.tag is Tag.HEARTBEAT_PING:
            await stream.answer_heartbeat()

    def _security_token(self, android_id: str) -> str | None:
        row = self.database.execute(
            "SELECT security_token FROM chromiums WHERE android_id = ?", (android_id,)
        ).fetchone()
        return None if row is None else str(row[0])

    def _product(self, android_id: str) -> str:
        row = self.database.execute("SELECT product FROM chromiums WHERE android_id = ?", (android_id,)).fetchone()
        return str(row[0])
