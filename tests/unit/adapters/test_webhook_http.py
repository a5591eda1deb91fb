"""POSTs to customers' servers: where they may go, and what is taken for an answer."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pycurl
import pytest

from tests.unit.adapters import hostile_urls
from tests.unit.adapters.push_server import Proxy, PushServer, make_certificate, serving
from tocsin.adapters import webhook_http
from tocsin.adapters.webhook_http import MAX_ANSWER, WebhookHttp
from tocsin.application.ports import WebhookPost

pytestmark = pytest.mark.enable_socket

HOST, PUBLIC = "hooks.example.com", "93.184.215.14"
URL = f"https://{HOST}"
HEADERS = {"Content-Type": "application/json", "webhook-id": "e1", "X-Own": "yes"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Names:
    """A resolver that answers as told, one answer after the other, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


class Receiver:
    """A customer's server behind the way out, and who sends to it."""

    def __init__(self, server: PushServer, proxy: Proxy, authority: Path) -> None:
        self.server, self.proxy = server, proxy
        self.names = Names([PUBLIC])
        self._authority = str(authority)

    def post(self, path: str = "/", host: str = HOST) -> int | None:
        """The status of the answer."""
        transport = WebhookHttp(self.proxy.url, self._authority, self.names)
        return transport.post(WebhookPost(f"https://{host}{path}", HEADERS, b'{"a":1}')).status


@pytest.fixture(params=["h2", "http/1.1"])
def receiver(request: pytest.FixtureRequest, certificates: tuple[Path, Path]) -> Iterator[Receiver]:
    with PushServer(certificates[1], (request.param,)).running() as server, Proxy(server.port).running() as proxy:
        yield Receiver(server, proxy, certificates[0])


@contextlib.contextmanager
def canary() -> Iterator[tuple[int, list[str]]]:
    """Something that listens inside, and who came. It must never hear anything."""
    heard: list[str] = []

    async def connection(reader: object, writer: object) -> None:
        heard.append("a connection")

    with serving(connection, None) as port:
        yield port, heard


# --- where it goes -----------------------------------------------------------------------------------------------


def test_the_request_arrives_whole_under_the_name_and_at_the_address_that_was_looked_up(receiver: Receiver) -> None:
    assert receiver.post("/in/shop?a=1") == 201
    (received,) = receiver.server.received
    assert (received.method, received.path, received.body) == ("POST", "/in/shop?a=1", b'{"a":1}')
    assert received.headers.get("host", HOST) == received.headers.get(":authority", HOST) == HOST
    assert {name.lower(): received.headers[name.lower()] for name in HEADERS} == {
        name.lower(): value for name, value in HEADERS.items()
    }
    assert not {"cookie", "referer", "expect", "proxy-authorization", "accept-encoding"} & received.headers.keys()
    assert receiver.proxy.asked == [f"CONNECT {PUBLIC}:443"]
    assert receiver.names.asked == [HOST]


def test_an_ipv6_address_is_told_the_way_out_in_brackets(receiver: Receiver) -> None:
    receiver.names = Names(["2606:4700::1111"])
    assert receiver.post() == 201
    assert receiver.proxy.asked == ["CONNECT [2606:4700::1111]:443"]


def test_a_name_is_looked_up_once_so_that_a_second_answer_leads_nowhere(receiver: Receiver) -> None:
    receiver.names = Names([PUBLIC], ["127.0.0.1"])
    assert receiver.post() == 201
    assert receiver.names.asked == [HOST]
    assert receiver.proxy.asked == [f"CONNECT {PUBLIC}:443"]
    assert receiver.post() is None
    assert len(receiver.proxy.asked) == 1


def test_a_certificate_for_another_name_is_no_answer(receiver: Receiver) -> None:
    assert receiver.post(host="other.example.com") is None
    assert receiver.server.received == []


def test_a_certificate_of_nobody_we_know_is_no_answer(receiver: Receiver) -> None:
    transport = WebhookHttp(receiver.proxy.url, "", receiver.names)
    assert transport.post(WebhookPost(URL, HEADERS, b"")).status is None
    assert receiver.server.received == []


@pytest.mark.parametrize("through_proxy", [True, False])
def test_no_address_inside_is_ever_connected_to_whatever_the_name_server_says(
    through_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with canary() as (port, heard), Proxy(port).running() as proxy:
        monkeypatch.setattr(webhook_http, "_PORT", port)
        monkeypatch.setattr(webhook_http, "SECONDS", 0.5)  # whoever is let through after all shall not take long
        for inside in hostile_urls.addresses():
            for answer in ([inside], [PUBLIC, inside], [inside, PUBLIC], ["2606:4700::1", PUBLIC, inside]):
                transport = WebhookHttp(proxy.url if through_proxy else "", "", Names(answer))
                assert transport.post(WebhookPost(URL, {}, b"")).status is None, answer
        assert proxy.asked == []
        assert heard == []


def test_no_hostile_url_is_ever_connected_to() -> None:
    with canary() as (port, heard), Proxy(port).running() as proxy:
        hostile = hostile_urls.urls(port)
        assert len(set(hostile)) >= 300
        for url in hostile:
            names = Names([PUBLIC])
            assert WebhookHttp(proxy.url, "", names).post(WebhookPost(url, {}, b"")).status is None, url
            assert names.asked == [], url
        assert (heard, proxy.asked) == ([], [])


def test_were_a_hostile_url_let_in_its_address_would_still_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence alone, with this machine's own resolver: it takes decimal, octal and hex forms."""
    monkeypatch.setattr(webhook_http, "fault_of_url", lambda _url: None)
    resolved = 0
    with canary() as (port, heard):
        monkeypatch.setattr(webhook_http, "_PORT", port)
        for host in hostile_urls.literals():
            with contextlib.suppress(OSError):
                resolved += bool(socket.getaddrinfo(host.strip("[]"), port))
            assert WebhookHttp().post(WebhookPost(f"https://{host}/", {}, b"")).status is None, host
        assert heard == []
    assert resolved >= 200


def test_were_every_address_taken_for_public_the_socket_would_still_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third line of defence alone."""
    monkeypatch.setattr(webhook_http, "is_public", lambda _address: True)
    with canary() as (port, heard):
        monkeypatch.setattr(webhook_http, "_PORT", port)
        for inside in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert WebhookHttp(resolve=Names([inside])).post(WebhookPost(URL, {}, b"")).status is None
        assert heard == []


def test_the_canary_does_hear_whoever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "is_public", lambda _address: True)
    monkeypatch.setattr("tocsin.adapters.push_http.is_public", lambda _address: True)
    with canary() as (port, heard):
        monkeypatch.setattr(webhook_http, "_PORT", port)
        assert WebhookHttp(resolve=Names(["127.0.0.1"])).post(WebhookPost(URL, {}, b"")).status is None
        assert heard == ["a connection"]


def test_a_name_that_nobody_knows_is_no_answer() -> None:
    def unknown(host: str) -> Sequence[str]:
        raise OSError

    for resolve in (unknown, Names([])):
        assert WebhookHttp(resolve=resolve).post(WebhookPost(URL, {}, b"")).status is None


# --- what is an answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 301, 404, 410, 500])
def test_the_status_is_the_answer(receiver: Receiver, status: int) -> None:
    assert receiver.post(f"/status/{status}") == status
    assert len(receiver.server.received) == 1


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    assert receiver.post("/redirect") == 307
    assert [one.path for one in receiver.server.received] == ["/redirect"]


def test_an_interim_answer_is_none(receiver: Receiver) -> None:
    assert receiver.post("/hints") == 201


@pytest.mark.parametrize("path", ["/endless", f"/large/{MAX_ANSWER * 20}"])
def test_no_more_is_read_than_16_kib(receiver: Receiver, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[int]()

    class Counting(pycurl.Curl):
        def setopt(self, option: int, value: Any, **options: Any) -> None:
            if option == pycurl.WRITEFUNCTION:

                def counted(data: bytes) -> int:
                    read.append(len(data))
                    return int(value(data))

                super().setopt(option, counted, **options)
            else:
                super().setopt(option, value, **options)

    monkeypatch.setattr(pycurl, "Curl", Counting)
    assert receiver.post(path) in {400, 410}
    assert sum(read[:-1]) <= MAX_ANSWER


def test_who_hangs_up_without_a_word_gave_no_answer(receiver: Receiver) -> None:
    assert receiver.post("/close") is None


def test_who_takes_too_long_gave_no_answer(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "SECONDS", 0.4)
    transport = WebhookHttp(receiver.proxy.url, receiver._authority, receiver.names)
    began = time.monotonic()
    answer = transport.post(WebhookPost(f"{URL}/hang", {}, b""))
    assert (answer.status, time.monotonic() - began < 2) == (None, True)
    assert 350 <= answer.milliseconds < 2000


def test_the_time_for_the_name_counts_too(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "SECONDS", 0.3)

    def slow(host: str) -> Sequence[str]:
        time.sleep(0.35)
        return [PUBLIC]

    transport = WebhookHttp(receiver.proxy.url, receiver._authority, slow)
    assert transport.post(WebhookPost(URL, {}, b"")).status is None
    assert receiver.proxy.asked == []


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with canary() as (port, heard), Proxy(port).running() as proxy:
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setattr(webhook_http, "SECONDS", 0.3)
        # The socket itself would refuse this proxy, but not one on the Internet.
        monkeypatch.setattr("tocsin.adapters.push_http.is_public", lambda _address: True)
        # An address that is public and that nobody here can reach.
        assert WebhookHttp(resolve=Names([PUBLIC])).post(WebhookPost(URL, {}, b"")).status is None
        assert (proxy.asked, heard) == ([], [])


def test_no_name_is_excepted_from_the_outbound_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    assert receiver.post() == 201
    assert len(receiver.proxy.asked) == 1
