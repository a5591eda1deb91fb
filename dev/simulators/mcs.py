"""The Mobile Connection Server's protocol, as Chromium's google_apis/gcm speaks it: stanzas over one TLS stream.

A version byte from each side, then stanzas: a tag byte, the length as a varint, a protobuf message. Each side counts
the stanzas it receives, and says in its own ones how far it got; that is the acknowledgement.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum

from dev.simulators import protobuf
from dev.simulators.channels import WaitingMessage
from dev.simulators.vapid_check import encode_base64url

_VERSION = 41
_MAX_STANZA = 64 * 1024


class Tag(IntEnum):
    """Kinds of stanza that are used here."""

    HEARTBEAT_PING = 0
    HEARTBEAT_ACK = 1
    LOGIN_REQUEST = 2
    LOGIN_RESPONSE = 3
    CLOSE = 4
    IQ = 7
    DATA_MESSAGE = 8


_TAGS = frozenset(Tag)
# The field in which each kind of Chromium's stanzas says what it received last.
_LAST_RECEIVED = {Tag.HEARTBEAT_PING: 2, Tag.HEARTBEAT_ACK: 2, Tag.IQ: 10, Tag.DATA_MESSAGE: 11}


@dataclass(frozen=True, slots=True)
class Stanza:
    """One message of the browser; its values are read by field number."""

    tag: Tag
    content: bytes

    def texts(self, number: int) -> list[str]:
        """Every string of a repeated field."""
        return [value.decode() for value in protobuf.parse(self.content).get(number, ()) if isinstance(value, bytes)]

    def text(self, number: int) -> str:
        """A string, empty when it is missing."""
        return next(iter(self.texts(number)), "")

    @property
    def last_received(self) -> int:
        """Number of the last stanza that the browser had received when it wrote this one; 0 when it does not say."""
        value = protobuf.parse(self.content).get(_LAST_RECEIVED.get(self.tag, -1), [0])[0]
        return value if isinstance(value, int) else 0


@dataclass(slots=True, eq=False)
class Stream:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _sent: int = 0
    _unacknowledged: dict[int, str] = field(default_factory=dict)
    """Number of the stanza -> id of the message in it."""

    async def open(self) -> Stanza:
        """The login request that a browser starts with. Raises Malformed when it does not."""
        await self.reader.readexactly(1)  # its version
        login = await self.read()
        if login.tag is not Tag.LOGIN_REQUEST:
            raise protobuf.Malformed("no login")
        self.writer.write(bytes([_VERSION]))
        return login

    async def read(self) -> Stanza:
        """The browser's next stanza."""
        tag = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if tag not in _TAGS or length > _MAX_STANZA:
            raise protobuf.Malformed(f"tag {tag}, {length} bytes")
        return Stanza(Tag(tag), await self.reader.readexactly(length))

    async def accept_login(self, now_ms: int) -> None:
        """Let the browser in."""
        await self._send(Tag.LOGIN_RESPONSE, protobuf.content(1, "login") + protobuf.integer(8, now_ms))

    async def refuse_login(self, code: int) -> None:
        """Tell the browser why it is not let in."""
        error = protobuf.integer(1, code)
        await self._send(Tag.LOGIN_RESPONSE, protobuf.content(1, "login") + protobuf.content(3, error))

    async def answer_heartbeat(self) -> None:
        """Say that the connection lives."""
        await self._send(Tag.HEARTBEAT_ACK, b"")

    async def deliver(self, message: WaitingMessage, product: str) -> None:
        """Send a push message, to be acknowledged at once; `product` is the name that the browser registered as."""
        key = message.channel.application_server_key
        assert key is not None, "Chromium registers with a key"
        stanza = protobuf.content(2, message.id)
        stanza += protobuf.content(3, encode_base64url(key))
        stanza += protobuf.content(5, product)
        stanza += _app_data("subtype", message.channel.channel_id)
        if message.body:
            stanza += _app_data("content-encoding", "aes128gcm")
        stanza += protobuf.content(9, message.id)
        if message.body:
            stanza += protobuf.content(21, message.body)
        stanza += protobuf.integer(24, True)
        self._unacknowledged[self._sent + 1] = message.id
        # A Chromium that is just going away gets the message from the queue when it is back.
        with suppress(ConnectionError):
            await self._send(Tag.DATA_MESSAGE, stanza)

    def acknowledged_by(self, stanza: Stanza) -> list[str]:
        """Ids of the messages that the browser has, going by this stanza of its own; each is named once."""
        received = [number for number in self._unacknowledged if number <= stanza.last_received]
        return [self._unacknowledged.pop(number) for number in received]

    async def _send(self, tag: Tag, content: bytes) -> None:
        self._sent += 1
        self.writer.write(bytes([tag]) + protobuf.varint(len(content)) + content)
        await self.writer.drain()


def _app_data(key: str, value: str) -> bytes:
    return protobuf.content(7, protobuf.content(1, key) + protobuf.content(2, value))
