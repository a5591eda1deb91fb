"""A push service on loopback that does what the path asks for, and a CONNECT proxy; both count what reaches them.

Paths: /status/<n>, /slow/<milliseconds>, /hang, /close, /redirect, /large/<bytes>, /endless, /cut, /hints, /last, /odd.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    version: str
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """What the path asked for."""

    status: int = 201
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    delay: float = 0.0
    hints: bool = False
    cut: bool = False
    endless: bool = False
    close: bool = False
    last: bool = False


_FIXED = {
    "hang": Reply(delay=3600),
    "close": Reply(close=True),
    "redirect": Reply(307, [("Location", "/status/201")]),
    "endless": Reply(410, endless=True),
    "cut": Reply(410, [("Content-Length", "500")], b"half", cut=True),
    "hints": Reply(hints=True),
    "last": Reply(last=True),
    "odd": Reply(410, [("HTTP/9", "x"), ("Link", "")]),
}


def reply_for(path: str) -> Reply:
    match path.partition("?")[0].split("/")[1:]:
        case ["status", status]:
            return Reply(int(status), [("Retry-After", "7"), ("X-Twice", "one"), ("X-Twice", "two")], b'{"errno": 1}')
        case ["slow", milliseconds]:
            return Reply(delay=int(milliseconds) / 1000)
        case ["large", size]:
            return Reply(400, [], b"0123456789" * (int(size) // 10))
        case [name]:
            return _FIXED.get(name, Reply())
        case _:
            return Reply()


class PushServer:
    """TLS on 127.0.0.1, HTTP/2 or HTTP/1.1 by ALPN."""

    def __init__(self, certificate: Path, protocols: tuple[str, ...] = ("h2", "http/1.1")) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.set_alpn_protocols(list(protocols))
        self.port = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["PushServer"]:
        with serving(self._connection, self._tls) as self.port:
            yield self

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() == "h2":
            await self._http2(reader, writer, self.connections)
        else:
            await self._http1(reader, writer, self.connections)

    async def _http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        bodies: dict[int, bytes] = {}
        async with asyncio.TaskGroup() as replies:
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        heads[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                        bodies[event.stream_id] = b""
                    elif isinstance(event, DataReceived):
                        bodies[event.stream_id] += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        head = heads.pop(event.stream_id)
                        method, path = head.pop(":method"), head.pop(":path")
                        self.received.append(Received("2", number, method, path, head, bodies.pop(event.stream_id)))
                        replies.create_task(self._reply2(connection, writer, event.stream_id, reply_for(path)))
                writer.write(connection.data_to_send())
            raise asyncio.CancelledError  # the client is gone: no reply is wanted any more

    async def _reply2(self, connection: H2Connection, writer: asyncio.StreamWriter, stream: int, reply: Reply) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(reply.delay)
        self._at_once -= 1
        if reply.close:
            writer.close()
            return
        headers = [(name.lower(), value) for name, value in reply.headers]
        with contextlib.suppress(ProtocolError, ConnectionError):  # the client may have given the stream up
            if reply.hints:
                connection.send_headers(stream, [(":status", "103"), ("link", "</x>; rel=preload")])
            body = reply.body
            connection.send_headers(stream, [(":status", str(reply.status)), *headers], end_stream=False)
            while body or reply.endless:
                body = body or b"x" * 65536
                window = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                connection.send_data(stream, body[:window])
                body = body[window:]
                writer.write(connection.data_to_send())
                await asyncio.sleep(0 if window else 0.01)
            if reply.cut:
                writer.write(connection.data_to_send())
                writer.close()
                return
            connection.end_stream(stream)
            if reply.last:
                connection.close_connection()
            writer.write(connection.data_to_send())
            if reply.last:
                writer.close()

    async def _http1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while head := await read_head(reader):
            method, path, _ = head.pop("").split(" ")
            body = await reader.readexactly(int(head.get("content-length", "0")))
            self.received.append(Received("1.1", number, method, path, head, body))
            reply = reply_for(path)
            await asyncio.sleep(reply.delay)
            if reply.close:
                return
            if reply.hints:
                writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            names = {name for name, _ in reply.headers}
            length = [] if "Content-Length" in names else [("Content-Length", str(len(reply.body)))]
            lines = [f"{name}: {value}" for name, value in [*reply.headers, *length]]
            writer.write("\r\n".join([f"HTTP/1.1 {reply.status} Said", *lines, "", ""]).encode() + reply.body)
            await writer.drain()
            if reply.cut or reply.last:
                return


class Proxy:
    """An HTTP proxy that knows CONNECT only, and leads every name to one port of loopback."""

    def __init__(self, target: int, answer: str = "200 Connection established") -> None:
        self.asked: list[str] = []
        self._target = target
        self._answer = answer
        self.url = ""

    @contextlib.contextmanager
    def running(self) -> Iterator["Proxy"]:
        with serving(self._connection, None) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        self.asked.append(head[""].rsplit(" ", 1)[0])
        writer.write(f"HTTP/1.1 {self._answer}\r\nX-Proxy: yes\r\n\r\n".encode())
        if not self._answer.startswith("200"):
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        with contextlib.closing(far_writer):
            await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def read_head(reader: asyncio.StreamReader) -> dict[str, str]:
    """Read a request's head: the first line under "", names in lower case; {} at the end of the connection."""
    try:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return {}
    return {"": first} | {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@contextlib.contextmanager
def serving(connection: Connection, tls: ssl.SSLContext | None) -> Iterator[int]:
    """Run a server on a free port of loopback, in a thread of its own; at the end nothing of it is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    under_way: set[asyncio.Task[Any]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.current_task()
        assert task
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            await connection(reader, writer)
        writer.close()

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()  # a client that is gone would never answer a polite end of TLS
        await asyncio.sleep(0.02)  # the sockets close in callbacks

    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls), loop).result(5)
        yield server.sockets[0].getsockname()[1]
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Write a certificate authority and a server's certificate with its key; return their paths in this order."""
    now = dt.datetime.now(dt.UTC)
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of a test")])

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
        )

    authority = (
        builder(issuer, issuer_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    hosts = [x509.DNSName(name) for name in names]
    leaf = (
        builder(x509.Name([]), key.public_key())
        .add_extension(
            x509.SubjectAlternativeName([*hosts, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
        )
        .sign(issuer_key, hashes.SHA256())
    )
    authority_file, server_file = folder / "authority.pem", folder / "server.pem"
    authority_file.write_bytes(authority.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server_file.write_bytes(private + leaf.public_bytes(Encoding.PEM))
    return authority_file, server_file
