"""POSTs to customers' servers: whatever URL a customer names, nothing but public addresses is ever connected to.

The name is resolved once, every address that it has must be public, and the connection goes to one of those very
addresses: a second answer of the name server, a moment later, has nobody who asks for it.
"""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import pycurl

from tocsin.adapters.public_address import is_public
from tocsin.adapters.push_http import open_public_socket
from tocsin.application.ports import WebhookAnswer, WebhookPost
from tocsin.domain.webhook import fault_of_url, host_of

SECONDS = 10
MAX_ANSWER = 16 * 1024
_PORT = 443
_FINAL = 200  # statuses below it only announce the answer
Resolve = Callable[[str], Sequence[str]]


class WebhookHttp:
    """The WebhookTransport over pycurl; any thread may use it.

    outbound_proxy: URL of a proxy that every request goes through; "" for none. It is told the address and not the
    name, so that it connects where we looked. The proxies of the environment are never used.
    ca_bundle: path of a PEM file; "" for the system's. resolve: a name's addresses; raises OSError for none.
    """

    def __init__(self, outbound_proxy: str = "", ca_bundle: str = "", resolve: Resolve | None = None) -> None:
        self._proxy = outbound_proxy
        self._ca_bundle = ca_bundle
        self._resolve = resolve or _addresses

    def post(self, request: WebhookPost) -> WebhookAnswer:
        """The answer; it takes ten seconds at most. What may not be connected to gets none."""
        started = time.monotonic()
        status = self._post(request, started + SECONDS)
        return WebhookAnswer(status, round((time.monotonic() - started) * 1000))

    def _post(self, request: WebhookPost, until: float) -> int | None:
        # A URL was checked when it was stored. Rules may have become stricter since.
        if fault_of_url(request.url) is not None:
            return None
        try:
            addresses = self._resolve(host_of(request.url))
        except OSError:
            return None
        left = until - time.monotonic()
        if not addresses or left <= 0 or not all(map(is_public, addresses)):
            return None
        return self._to(addresses[0], request, left)

    def _to(self, address: str, request: WebhookPost, left: float) -> int | None:
        received = 0

        def forget(data: bytes) -> int:
            # Nobody is shown an answer's body. Whoever sends too much of one is cut off.
            nonlocal received
            received += len(data)
            return len(data) if received <= MAX_ANSWER else 0

        curl = pycurl.Curl()
        try:
            host = f"[{address}]" if ":" in address else address
            for option, value in (
                (pycurl.URL, request.url),
                (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
                (pycurl.FOLLOWLOCATION, 0),
                (pycurl.SSL_VERIFYPEER, 1),
                (pycurl.SSL_VERIFYHOST, 2),
                (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
                # Host, SNI and the certificate's name stay those of the URL.
                (pycurl.CONNECT_TO, [f"::{host}:{_PORT}"]),
                # Both are set even when empty: left alone, libcurl takes them from the environment.
                (pycurl.PROXY, self._proxy),
                (pycurl.NOPROXY, ""),
                (pycurl.NOSIGNAL, 1),
                (pycurl.TIMEOUT_MS, max(1, int(left * 1000))),
                (pycurl.USERAGENT, "Tocsin"),
                (pycurl.POST, 1),
                (pycurl.POSTFIELDS, request.body),
                (pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()] + ["Expect:"]),
                (pycurl.WRITEFUNCTION, forget),
            ):
                curl.setopt(option, value)
            if self._ca_bundle:
                curl.setopt(pycurl.CAINFO, self._ca_bundle)
            if not self._proxy:
                curl.setopt(pycurl.OPENSOCKETFUNCTION, open_public_socket)
            # A status that arrived counts, even if the rest of the answer did not.
            with suppress(pycurl.error):
                curl.perform()
            status = int(curl.getinfo(pycurl.RESPONSE_CODE))
            return status if status >= _FINAL else None
        finally:
            curl.close()


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, _PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
