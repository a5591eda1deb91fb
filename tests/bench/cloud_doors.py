"""Two ways into a Cloud: as boto3's clients inside this process, and over HTTPS for botocore in another."""

import asyncio
import base64
import contextlib
import json
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from botocore import xform_name
from botocore.exceptions import ClientError

from tests.bench.cloud import Cloud, Refusal, plain

_OPERATIONS = (
    *("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"),
    *("SendMessage", "SendMessageBatch", "Encrypt", "Decrypt", "GetSecretValue"),
)
_METHODS = {xform_name(operation): operation for operation in _OPERATIONS}
_REQUEST_ID = "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG"
_HEAD_END = b"\r\n\r\n"


@contextlib.contextmanager
def clients_of(cloud: Cloud) -> Iterator[None]:
    """While this lasts, boto3's clients are the cloud's: no request is built, signed or sent."""
    lock = threading.Lock()
    with mock.patch("boto3.client", return_value=_Client(cloud, lock)):
        yield


class _Client:
    def __init__(self, cloud: Cloud, lock: threading.Lock) -> None:
        self._cloud = cloud
        self._lock = lock

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        operation = _METHODS[method]

        def call(**request: Any) -> dict[str, Any]:
            try:
                with self._lock:
                    return self._cloud.answer(operation, request)
            except Refusal as refusal:
                answer: Any = {"Error": {"Code": refusal.code, "Message": "refused"}, **refusal.more}
                raise ClientError(answer, operation) from refusal

        return call


@contextlib.contextmanager
def served(cloud: Cloud, certificate: str, latency: float) -> Iterator[str]:
    """Serve the cloud on a free port of loopback, each answer after `latency` seconds; gives the endpoint's URL."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    connections: set[asyncio.Transport] = set()

    async def start() -> asyncio.Server:
        return await loop.create_server(lambda: _Connection(cloud, latency, connections), "127.0.0.1", 0, ssl=tls)

    async def stop() -> None:
        server.close()
        for connection in list(connections):
            connection.abort()
        await asyncio.sleep(0.02)  # the sockets close in callbacks

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time, as botocore uses it."""

    def __init__(self, cloud: Cloud, latency: float, connections: set[asyncio.Transport]) -> None:
        self._cloud = cloud
        self._latency = latency
        self._connections = connections
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end:
            return
        lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self._received = b""
        answer = _answer(self._cloud, headers["x-amz-target"].rpartition(".")[2], json.loads(body, object_hook=_binary))
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _binary(read: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(read["B"])} if len(read) == 1 and "B" in read else read


def _answer(cloud: Cloud, operation: str, request: Mapping[str, Any]) -> bytes:
    try:
        status, reply = "200 OK", cloud.answer(operation, request)
    except Refusal as refusal:
        status, reply = "400 Bad Request", {"__type": f"aws#{refusal.code}", "message": "refused", **refusal.more}
    body = json.dumps(reply, default=plain, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n"
        f"x-amzn-RequestId: {_REQUEST_ID}\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body
