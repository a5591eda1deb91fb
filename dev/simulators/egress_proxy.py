"""A CONNECT proxy that leads the simulated host names to the simulators and lets nothing else out."""

import asyncio
import re
from contextlib import suppress

from dev.simulators.hosts import is_simulated

_HEAD_LIMIT = 16 * 1024
_CHUNK = 64 * 1024
_REQUEST = re.compile(rb"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1\.[01]\r\n")
_TARGET = re.compile(r"(?P<host>[A-Za-z0-9.-]+):443")


class EgressProxy:
    """Speaks to senders in plain HTTP on 127.0.0.1; `tls_port` is where the simulated push services listen."""

    def __init__(self, tls_port: int) -> None:
        self._tls_port = tls_port
        self._tunnels: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; answers with the port, which is a free one if `port` is 0."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and cut every tunnel."""
        if self._server is not None:
            self._server.close()
        for tunnel in self._tunnels:
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            await self._tunnel(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # either side hung up, or the proxy stops: closing is all that is left
        finally:
            self._tunnels.discard(task)
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        refusal = refuse(head)
        if refusal is not None:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        service_reader, service_writer = await asyncio.open_connection("127.0.0.1", self._tls_port)
        try:
            writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, service_writer))
                both.create_task(_copy(service_reader, writer))
        finally:
            service_writer.close()


def refuse(head: bytes) -> str | None:
    """Status line for a request that gets no tunnel; None for CONNECT to a simulated host's port 443."""
    request = _REQUEST.match(head)
    if request is None:
        return "400 Bad Request"
    if request["method"] != b"CONNECT":
        return "405 Method Not Allowed"
    target = _TARGET.fullmatch(request["target"].decode("latin-1"))
    if target is None or not is_simulated(target["host"]):
        return "403 Forbidden"
    return None


async def _copy(source: asyncio.StreamReader, destination: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(_CHUNK):
            destination.write(data)
            await destination.drain()
    destination.close()
