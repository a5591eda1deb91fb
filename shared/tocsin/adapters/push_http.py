"""POSTs to push services: libcurl's multi interface, HTTP/2, many in flight on few connections."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import pycurl

from tocsin.adapters.public_address import is_public
from tocsin.application.ports import Answer
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest

_KEPT_BODY = 1024
# Reading on this far keeps the connection usable after a chatty error page; whoever sends more is cut off.
_MAX_BODY = 64 * 1024
# libcurl looks at every request under way each time it is driven: once for each new one costs twice the processor time.
_BATCH = 32
_FINAL = 200  # statuses below it only announce the answer


class PushHttp:
    """The PushTransport over pycurl; for one thread.

    outbound_proxy: URL of a proxy that every request goes through, resolving names itself; "" for none. The proxies of
    the environment are never used. Without a proxy only public addresses are connected to.
    ca_bundle: path of a PEM file; "" for the system's. connections_per_origin: each carries about 100 requests at once.
    """

    def __init__(self, outbound_proxy: str = "", ca_bundle: str = "", connections_per_origin: int = 1) -> None:
        self._proxy = outbound_proxy
        self._ca_bundle = ca_bundle
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections_per_origin)
        self._idle: list[_Exchange] = []
        self._busy: dict[pycurl.Curl, _Exchange] = {}
        self._waiting = 0

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST that ends within `timeout` seconds; never blocks.

        It leaves with the next 32, or with `wait`. What finds no room on the origin's connections (about 100 at once
        on each over HTTP/2, one over HTTP/1.1) waits its turn, and fails unsent if that is not within half the timeout.
        """
        exchange = self._idle.pop() if self._idle else _Exchange(self._proxy, self._ca_bundle)
        exchange.prepare(ticket, request, timeout)
        self._multi.add_handle(exchange.curl)
        self._busy[exchange.curl] = exchange
        self._waiting += 1
        if self._waiting == _BATCH:
            self._perform()

    def wait(self, timeout: float) -> Sequence[Answer]:
        """Collect what has finished; wait for the first one at most `timeout` seconds, and not if none is under way."""
        deadline = time.monotonic() + timeout
        while True:
            self._perform()
            answers = self._finished()
            left = deadline - time.monotonic()
            if answers or not self._busy or left <= 0:
                return answers
            due = self._multi.timeout()  # milliseconds until libcurl's next own deadline, -1: none
            self._multi.select(left if due < 0 else min(left, due / 1000))

    def cancel(self) -> None:
        """Abandon everything in flight; nothing of it is ever reported."""
        for curl, exchange in self._busy.items():
            self._multi.remove_handle(curl)
            self._idle.append(exchange)
        self._busy.clear()

    def _perform(self) -> None:
        self._waiting = 0
        self._multi.perform()

    def _finished(self) -> list[Answer]:
        answers = []
        queued = 1
        while queued:
            queued, succeeded, failed = self._multi.info_read()
            for curl in [*succeeded, *(curl for curl, _, _ in failed)]:
                self._multi.remove_handle(curl)
                exchange = self._busy.pop(curl)
                answers.append(exchange.answer())
                self._idle.append(exchange)
        return answers


class PushHttpByThread:
    """The PushTransport for threads that each deliver a chunk: every thread has connections of its own.

    A chunk has 100 requests in flight at most, which one HTTP/2 connection carries.
    """

    def __init__(self, outbound_proxy: str = "", ca_bundle: str = "") -> None:
        self._options = outbound_proxy, ca_bundle
        self._local = threading.local()

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST that ends within `timeout` seconds; never blocks."""
        self._own.start(ticket, request, timeout)

    def wait(self, timeout: float) -> Sequence[Answer]:
        """Collect what this thread's POSTs came to; wait for the first one at most `timeout` seconds."""
        return self._own.wait(timeout)

    def cancel(self) -> None:
        """Abandon what this thread has in flight; nothing of it is ever reported."""
        self._own.cancel()

    @property
    def _own(self) -> PushHttp:
        try:
            own: PushHttp = self._local.transport
        except AttributeError:
            own = self._local.transport = PushHttp(*self._options)
        return own


class _Exchange:
    """One pooled handle: its request under way and what has come back."""

    def __init__(self, proxy: str, ca_bundle: str) -> None:
        self.curl = curl = pycurl.Curl()
        self._ticket = 0
        self._sent = False
        self._timeout = 0.0
        self._lines: list[bytes] = []
        self._body = bytearray()
        self._received = 0
        for option, value in (
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.PIPEWAIT, 1),
            # Both are set even when empty: left alone, libcurl takes them from the environment.
            (pycurl.PROXY, proxy),
            (pycurl.NOPROXY, ""),
            (pycurl.NOSIGNAL, 1),
            (pycurl.USERAGENT, "Tocsin"),
            (pycurl.POST, 1),
            (pycurl.HEADERFUNCTION, self._lines.append),  # parsed when somebody asks: most answers are a 201
            (pycurl.WRITEFUNCTION, self._on_body),
            (pycurl.PREREQFUNCTION, self._on_request),
        ):
            curl.setopt(option, value)
        if ca_bundle:
            curl.setopt(pycurl.CAINFO, ca_bundle)
        if not proxy:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, open_public_socket)

    def prepare(self, ticket: int, request: PushRequest, timeout: float) -> None:
        self._ticket = ticket
        self._sent = False
        self._forget_answer()
        curl = self.curl
        curl.setopt(pycurl.URL, request.url)
        # Said apart, or libcurl would write the %2b of a WNS token as %2B. PushRequest has no URL without a path.
        curl.setopt(pycurl.REQUEST_TARGET, "/" + request.url.split("/", 3)[3])
        curl.setopt(pycurl.HTTPHEADER, request.headers.lines)
        curl.setopt(pycurl.POSTFIELDS, request.body)
        if timeout != self._timeout:
            self._timeout = timeout
            curl.setopt(pycurl.TIMEOUT_MS, max(1, int(timeout * 1000)))  # 0 would mean no limit
            # Counts from the start, with the wait for a place on a connection: what has not left by half-time surely
            # never does, and what has left still has the other half to be answered.
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(timeout * 500)))

    def answer(self) -> Answer:
        """Tell how it ended: a status that arrived counts, even if the rest of the answer did not."""
        head = _final_head(self._lines) if self._sent else None
        if head is None:
            return Answer(self._ticket, None, self._sent)
        status = int(head[0].split()[1])
        return Answer(self._ticket, PushResponse(status, _Headers(head[1:]), bytes(self._body)), True)

    def _on_request(self, *_addresses: object) -> int:
        # libcurl calls this with the connection up and TLS agreed, before the first byte of the request: the exact line
        # between "surely not sent" and "perhaps sent". It is called again if a reused connection turns out to be dead
        # and libcurl repeats the request on a new one, so a failure there still counts as sent. What came before
        # it is a proxy's answer to CONNECT.
        self._sent = True
        if self._lines:
            self._forget_answer()
        return pycurl.PREREQFUNC_OK

    def _forget_answer(self) -> None:
        self._lines.clear()  # the list that libcurl appends to
        if self._received:
            self._body = bytearray()
            self._received = 0

    def _on_body(self, data: bytes) -> int:
        self._body += data[: _KEPT_BODY - len(self._body)]
        self._received += len(data)
        return len(data) if self._received <= _MAX_BODY else 0


def _final_head(lines: list[bytes]) -> list[bytes] | None:
    """Status line and headers of the final answer, None if it did not come whole; trailers are left out."""
    start = 0
    for place, line in enumerate(lines):
        if line.strip():
            continue
        if int(lines[start].split()[1]) >= _FINAL:
            return lines[start:place]
        start = place + 1
    return None


class _Headers(Mapping[str, str]):
    """Headers by name in lower case, the first of each; parsed when somebody asks."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    @cached_property
    def _parsed(self) -> dict[str, str]:
        parsed: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.decode("latin-1").partition(":")
            parsed.setdefault(name.strip().lower(), value.strip())
        return parsed

    def __getitem__(self, name: str) -> str:
        return self._parsed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed)

    def __len__(self) -> int:
        return len(self._parsed)


class _LentSocket:
    """pycurl duplicates the descriptor and lets go of the object, which closes the original then."""

    def __init__(self, lent: socket.socket) -> None:
        self._lent = lent

    def fileno(self) -> int:
        return self._lent.fileno()

    def __del__(self) -> None:
        self._lent.close()


def open_public_socket(_purpose: int, address: pycurl.CurlSockAddr) -> _LentSocket | int:
    """Refuse a private address before a connection is tried; libcurl then goes on to the host's next one."""
    host = address.addr[0] if isinstance(address.addr, tuple) else ""
    if not is_public(str(host)):
        return pycurl.SOCKET_BAD
    return _LentSocket(socket.socket(address.family, address.socktype, address.protocol))
