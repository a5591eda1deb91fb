"""The push transport against servers on loopback: what arrives, what comes back, and what surely never left."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pycurl
import pytest

from tests.unit.adapters.push_server import Proxy, PushServer, make_certificate
from tocsin.adapters.push_http import PushHttp, PushHttpByThread
from tocsin.application.ports import Answer, PushTransport
from tocsin.webpush.request import PushHeaders, PushRequest

pytestmark = pytest.mark.enable_socket

MOZILLA = "https://updates.push.services.mozilla.com"
HEADERS = PushHeaders(("Authorization", "vapid t=a, k=b"), ("TTL", "60"), ("Content-Type", "application/octet-stream"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost", "*.push.services.mozilla.com")


@pytest.fixture(scope="module")
def authority(certificates: tuple[Path, Path]) -> str:
    return str(certificates[0])


@pytest.fixture(params=["h2", "http/1.1"])
def server(request: pytest.FixtureRequest, certificates: tuple[Path, Path]) -> Iterator[PushServer]:
    with PushServer(certificates[1], (request.param,)).running() as server:
        yield server


@pytest.fixture
def http2(certificates: tuple[Path, Path]) -> Iterator[PushServer]:
    with PushServer(certificates[1]).running() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.adapters.push_http.is_public", lambda address: address == "127.0.0.1")


def request(url: str, body: bytes = b"body", headers: PushHeaders = HEADERS) -> PushRequest:
    return PushRequest(url, headers, body)


def collect(push: PushTransport, count: int, seconds: float = 10) -> list[Answer]:
    answers: list[Answer] = []
    deadline = time.monotonic() + seconds
    while len(answers) < count and time.monotonic() < deadline:
        answers += push.wait(0.2)
    return answers


def post(push: PushTransport, url: str, timeout: float = 5) -> Answer:
    push.start(7, request(url), timeout)
    [answer] = push.wait(10)
    assert answer.ticket == 7
    return answer


def status_of(answer: Answer) -> int:
    assert answer.response
    return answer.response.status


# --- what arrives ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback_is_public")
def test_the_request_arrives_as_it_was_built(server: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    body = bytes(range(256)) * 16
    push.start(1, request(f"https://localhost:{server.port}/w/a/../b%2bc/?token=x%2fy", body), 5)
    assert status_of(collect(push, 1)[0]) == 201
    [received] = server.received
    assert (received.method, received.path, received.body) == ("POST", "/w/a/../b%2bc/?token=x%2fy", body)
    assert {name: received.headers[name] for name in ("authorization", "ttl", "content-type", "content-length")} == {
        "authorization": "vapid t=a, k=b",
        "ttl": "60",
        "content-type": "application/octet-stream",
        "content-length": "4096",
    }
    assert not {"cookie", "referer", "expect", "proxy-authorization"} & received.headers.keys()


@pytest.mark.usefixtures("loopback_is_public")
def test_an_answer_has_its_status_its_headers_and_its_body(server: PushServer, authority: str) -> None:
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/status/429")
    assert answer.sent
    assert answer.response
    assert (answer.response.status, answer.response.body) == (429, b'{"errno": 1}')
    assert answer.response.headers["retry-after"] == "7"
    assert answer.response.headers["x-twice"] == "one"


@pytest.mark.usefixtures("loopback_is_public")
def test_a_pooled_handle_takes_nothing_from_one_request_to_the_next(server: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    base = f"https://localhost:{server.port}"
    push.start(1, request(f"{base}/status/400", b"a" * 4096, PushHeaders(*HEADERS, ("Topic", "first"))), 5)
    collect(push, 1)
    push.start(2, request(f"{base}/slow/0", b""), 5)
    [second] = collect(push, 1)
    assert second.response
    assert (second.ticket, second.response.status, second.response.body) == (2, 201, b"")
    assert "retry-after" not in second.response.headers
    assert "topic" not in server.received[1].headers
    assert server.received[1].body == b""
    push.start(3, request(f"{base}/hang"), 0.2)
    assert collect(push, 1) == [Answer(3, None, sent=True)]
    assert server.connections <= 2


@pytest.mark.usefixtures("loopback_is_public")
def test_many_are_under_way_at_once_on_few_connections(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority, connections_per_origin=2)
    started = time.monotonic()
    for ticket in range(300):
        push.start(ticket, request(f"https://localhost:{http2.port}/slow/200", str(ticket).encode()), 10)
    assert time.monotonic() - started < 2
    answers = collect(push, 300)
    assert sorted(answer.ticket for answer in answers) == list(range(300))
    assert {status_of(answer) for answer in answers} == {201}
    assert sorted(int(received.body) for received in http2.received) == list(range(300))
    assert {received.version for received in http2.received} == {"2"}
    assert http2.connections <= 2
    assert http2.most_at_once > 50


@pytest.mark.usefixtures("loopback_is_public")
def test_one_connection_and_one_handle_serve_one_request_after_the_other(
    server: PushServer, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles: list[pycurl.Curl] = []
    make = pycurl.Curl

    def counted() -> pycurl.Curl:
        handles.append(make())
        return handles[-1]

    monkeypatch.setattr(pycurl, "Curl", counted)
    push = PushHttp(ca_bundle=authority)
    for _ in range(5):
        assert status_of(post(push, f"https://localhost:{server.port}/slow/0")) == 201
    assert (server.connections, len(handles)) == (1, 1)


@pytest.mark.usefixtures("loopback_is_public")
def test_a_second_connection_is_not_opened_while_the_first_has_room(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority, connections_per_origin=4)
    for ticket in range(60):
        push.start(ticket, request(f"https://localhost:{http2.port}/slow/100"), 5)
    assert {status_of(answer) for answer in collect(push, 60)} == {201}
    assert http2.connections == 1


@pytest.mark.usefixtures("loopback_is_public")
def test_a_connection_that_the_server_closed_is_replaced(server: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    for _ in range(3):
        assert status_of(post(push, f"https://localhost:{server.port}/last")) == 201
    assert (server.connections, len(server.received)) == (3, 3)


# --- what comes back ---------------------------------------------------------------------------------------------


@pytest.mark.row("X-8")
@pytest.mark.usefixtures("loopback_is_public")
def test_a_redirect_is_an_answer_and_is_not_followed(server: PushServer, authority: str) -> None:
    assert status_of(post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/redirect")) == 307
    assert len(server.received) == 1


@pytest.mark.usefixtures("loopback_is_public")
def test_early_hints_are_not_the_answer(server: PushServer, authority: str) -> None:
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/hints")
    assert status_of(answer) == 201
    assert answer.response
    assert "link" not in answer.response.headers


@pytest.mark.usefixtures("loopback_is_public")
def test_a_header_that_looks_like_a_status_line_is_none(server: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    assert status_of(post(push, f"https://localhost:{server.port}/odd")) == 410
    assert status_of(post(push, f"https://localhost:{server.port}/slow/0")) == 201


@pytest.mark.usefixtures("loopback_is_public")
@pytest.mark.parametrize("size", [1020, 1030, 30_000, 500_000])
def test_only_the_first_kibibyte_of_a_body_is_kept(server: PushServer, authority: str, size: int) -> None:
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/large/{size}")
    assert answer.response
    assert answer.response.status == 400
    assert answer.response.body == (b"0123456789" * 103)[: min(size, 1024)]


@pytest.mark.usefixtures("loopback_is_public")
def test_a_body_without_end_does_not_hold_the_answer_up(http2: PushServer, authority: str) -> None:
    started = time.monotonic()
    assert status_of(post(PushHttp(ca_bundle=authority), f"https://localhost:{http2.port}/endless", timeout=20)) == 410
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("loopback_is_public")
def test_a_status_counts_even_if_its_body_is_cut_off(server: PushServer, authority: str) -> None:
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/cut")
    assert (status_of(answer), answer.sent) == (410, True)


# --- no answer: sent or not --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback_is_public")
def test_a_connection_closed_before_the_answer_may_have_delivered(server: PushServer, authority: str) -> None:
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/close")
    assert (answer.response, answer.sent) == (None, True)


@pytest.mark.usefixtures("loopback_is_public")
def test_no_answer_in_time_may_have_delivered(server: PushServer, authority: str) -> None:
    started = time.monotonic()
    answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{server.port}/hang", timeout=0.3)
    assert (answer.response, answer.sent) == (None, True)
    assert 0.25 < time.monotonic() - started < 1.5


@pytest.mark.usefixtures("loopback_is_public")
def test_a_refused_connection_surely_sent_nothing(authority: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(PushHttp(ca_bundle=authority), f"https://localhost:{port}/x") == Answer(7, None, sent=False)


@pytest.mark.usefixtures("loopback_is_public")
def test_what_one_request_did_says_nothing_about_the_next(server: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    assert status_of(post(push, f"https://localhost:{server.port}/status/410")) == 410
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(push, f"https://localhost:{port}/x") == Answer(7, None, sent=False)


def test_an_unknown_name_surely_sent_nothing(authority: str) -> None:
    assert post(PushHttp(ca_bundle=authority), "https://no-such-host.invalid/x", 3) == Answer(7, None, sent=False)


@pytest.mark.usefixtures("loopback_is_public")
def test_a_peer_that_never_speaks_tls_surely_got_nothing(authority: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        answer = post(PushHttp(ca_bundle=authority), f"https://localhost:{silent.getsockname()[1]}/x", timeout=0.3)
        assert answer == Answer(7, None, sent=False)
        assert time.monotonic() - started < 1.5


@pytest.mark.usefixtures("loopback_is_public")
def test_a_certificate_of_an_unknown_authority_gets_nothing(server: PushServer) -> None:
    assert post(PushHttp(), f"https://localhost:{server.port}/x") == Answer(7, None, sent=False)
    assert server.received == []


@pytest.mark.usefixtures("loopback_is_public")
def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path) -> None:
    authority, certificate = make_certificate(tmp_path, "other.example")
    with PushServer(certificate).running() as server:
        push = PushHttp(ca_bundle=str(authority))
        assert post(push, f"https://localhost:{server.port}/x") == Answer(7, None, sent=False)
        assert server.received == []


@pytest.mark.usefixtures("loopback_is_public")
def test_one_failure_does_not_touch_its_neighbours(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    paths = ["slow/50", "hang", "status/410", "slow/100", "redirect"]
    for ticket, path in enumerate(paths):
        push.start(ticket, request(f"https://localhost:{http2.port}/{path}"), 1)
    answers = {answer.ticket: answer.response and answer.response.status for answer in collect(push, len(paths))}
    assert answers == {0: 201, 1: None, 2: 410, 3: 201, 4: 307}


@pytest.mark.usefixtures("loopback_is_public")
def test_what_finds_no_place_by_half_time_surely_sent_nothing(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority, connections_per_origin=1)
    for ticket in range(150):
        push.start(ticket, request(f"https://localhost:{http2.port}/slow/700"), 1)
    answers = collect(push, 150)
    assert (
        sorted((answer.response is not None, answer.sent) for answer in answers)
        == [(False, False)] * 50 + [(True, True)] * 100
    )
    assert len(http2.received) == 100


# --- the guard ---------------------------------------------------------------------------------------------------


@pytest.mark.row("X-8")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::1]"])
def test_a_name_that_leads_inside_is_not_even_connected_to(http2: PushServer, authority: str, host: str) -> None:
    assert post(PushHttp(ca_bundle=authority), f"https://{host}:{http2.port}/x") == Answer(7, None, sent=False)
    assert (http2.connections, http2.received) == (0, [])


@pytest.mark.usefixtures("loopback_is_public")
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(
    http2: PushServer, authority: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(http2.port).running() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert status_of(post(PushHttp(ca_bundle=authority), f"https://localhost:{http2.port}/x")) == 201
        assert proxy.asked == []


# --- through a proxy ---------------------------------------------------------------------------------------------


def test_an_outbound_proxy_carries_everything_and_resolves_the_names(server: PushServer, authority: str) -> None:
    with Proxy(server.port).running() as proxy:
        push = PushHttp(proxy.url, authority)
        answer = post(push, f"{MOZILLA}/status/410")
        assert status_of(answer) == 410
        assert answer.response
        assert "x-proxy" not in answer.response.headers
        assert status_of(post(push, f"{MOZILLA}/slow/0")) == 201
        assert proxy.asked == ["CONNECT updates.push.services.mozilla.com:443"]
        assert [received.headers.get(":authority", received.headers.get("host")) for received in server.received] == [
            "updates.push.services.mozilla.com"
        ] * 2


def test_no_name_is_excepted_from_the_outbound_proxy(
    http2: PushServer, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    with Proxy(http2.port).running() as proxy:
        assert status_of(post(PushHttp(proxy.url, authority), f"{MOZILLA}/x")) == 201
        assert len(proxy.asked) == 1


@pytest.mark.parametrize("answer", ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"])
def test_what_the_proxy_says_is_not_what_the_push_service_says(http2: PushServer, authority: str, answer: str) -> None:
    with Proxy(http2.port, answer).running() as proxy:
        assert post(PushHttp(proxy.url, authority), f"{MOZILLA}/x") == Answer(7, None, sent=False)
        assert http2.received == []


def test_a_proxy_that_is_not_there_surely_sent_nothing(authority: str) -> None:
    assert post(PushHttp("http://127.0.0.1:1", authority), f"{MOZILLA}/x") == Answer(7, None, sent=False)


def test_tls_is_checked_through_the_proxy_too(http2: PushServer) -> None:
    with Proxy(http2.port).running() as proxy:
        assert post(PushHttp(proxy.url), f"{MOZILLA}/x") == Answer(7, None, sent=False)
        assert http2.received == []


# --- waiting -----------------------------------------------------------------------------------------------------


def test_with_nothing_under_way_there_is_nothing_to_wait_for() -> None:
    started = time.monotonic()
    assert PushHttp().wait(5) == []
    assert time.monotonic() - started < 0.5


@pytest.mark.usefixtures("loopback_is_public")
def test_waiting_ends_in_time_and_costs_no_processor(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    push.start(1, request(f"https://localhost:{http2.port}/slow/900"), 5)
    started = time.monotonic()
    assert push.wait(0.1) == []
    assert 0.08 < time.monotonic() - started < 0.5
    assert push.wait(0) == []
    used = time.thread_time()
    assert len(collect(push, 1)) == 1
    assert time.thread_time() - used < 0.2


@pytest.mark.usefixtures("loopback_is_public")
def test_starting_never_blocks(authority: str) -> None:
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        push = PushHttp(ca_bundle=authority)
        started = time.monotonic()
        for ticket in range(20):
            push.start(ticket, request(f"https://localhost:{silent.getsockname()[1]}/x"), 0.5)
        assert time.monotonic() - started < 0.3
        assert {(answer.response, answer.sent) for answer in collect(push, 20)} == {(None, False)}


@pytest.mark.usefixtures("loopback_is_public")
def test_requests_leave_in_batches_before_anybody_waits(http2: PushServer, authority: str) -> None:
    push = PushHttp(ca_bundle=authority)
    for ticket in range(32 * 12):
        push.start(ticket, request(f"https://localhost:{http2.port}/slow/0"), 5)
        if ticket % 32 == 31:
            time.sleep(0.03)
    assert http2.received
    assert {status_of(answer) for answer in collect(push, 32 * 12)} == {201}


@pytest.mark.usefixtures("loopback_is_public")
def test_what_was_abandoned_is_never_reported_and_its_tickets_can_be_used_again(
    http2: PushServer, authority: str
) -> None:
    push = PushHttp(ca_bundle=authority)
    for ticket in range(5):
        push.start(ticket, request(f"https://localhost:{http2.port}/slow/100"), 5)
    push.wait(0)
    push.cancel()
    assert push.wait(0.3) == []
    push.start(0, request(f"https://localhost:{http2.port}/slow/0"), 5)
    [answer] = push.wait(5)
    assert (answer.ticket, status_of(answer)) == (0, 201)


# --- several threads ---------------------------------------------------------------------------------------------


THREADS = 4


@pytest.mark.usefixtures("loopback_is_public")
def test_each_thread_has_connections_and_answers_of_its_own(server: PushServer, authority: str) -> None:
    push, together = PushHttpByThread(ca_bundle=authority), threading.Barrier(THREADS)

    def run(number: int) -> dict[int, int]:
        together.wait()  # so that no thread serves two of them
        for ticket in range(20):  # all threads use the same tickets
            url = f"https://localhost:{server.port}/status/{400 + number}"
            push.start(ticket, request(url, str(number).encode()), 10)
        return {answer.ticket: status_of(answer) for answer in collect(push, 20)}

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(run, range(THREADS)))
    assert found == [dict.fromkeys(range(20), 400 + number) for number in range(THREADS)]
    connections = [
        {received.connection for received in server.received if received.body == str(number).encode()}
        for number in range(THREADS)
    ]
    assert len(server.received) == 20 * THREADS
    assert server.connections == len(set().union(*connections)) == sum(map(len, connections)) == THREADS


@pytest.mark.usefixtures("loopback_is_public")
def test_a_thread_keeps_its_connection_from_one_chunk_to_the_next(http2: PushServer, authority: str) -> None:
    push = PushHttpByThread(ca_bundle=authority)
    with ThreadPoolExecutor(1) as threads:
        for _ in range(3):
            answer = threads.submit(post, push, f"https://localhost:{http2.port}/slow/0").result()
            assert status_of(answer) == 201
    assert http2.connections == 1


@pytest.mark.usefixtures("loopback_is_public")
def test_a_thread_abandons_and_awaits_only_what_is_its_own(http2: PushServer, authority: str) -> None:
    push = PushHttpByThread(ca_bundle=authority)
    push.start(1, request(f"https://localhost:{http2.port}/slow/300"), 5)

    def elsewhere() -> tuple[object, float]:
        started = time.monotonic()
        found = push.wait(5)
        push.cancel()
        return found, time.monotonic() - started

    with ThreadPoolExecutor(1) as threads:
        found, waited = threads.submit(elsewhere).result()
    assert found == []
    assert waited < 0.2
    assert [(answer.ticket, status_of(answer)) for answer in collect(push, 1)] == [(1, 201)]
