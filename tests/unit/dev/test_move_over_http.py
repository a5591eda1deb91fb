"""The command's requests over real HTTP: where the operator's key goes, and where it does not."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dev.move.api import OperatorApi, Refusal

pytestmark = pytest.mark.enable_socket


class Server(HTTPServer):
    """Answers each request with the next of these statuses, and remembers who asked for what with which key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.statuses.pop(0))
        self.send_header("Location", "/elsewhere")
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(b'{"error": {"code": "x", "message": "In words"}}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, daemon=True)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def test_a_redirect_is_not_followed_for_it_would_take_the_key_along(server: Server) -> None:
    server.statuses = [302]
    with pytest.raises(Refusal) as refused:
        OperatorApi(server.url, "app_x", "secret", print).call("GET", "/export")
    assert refused.value.status == 302
    assert server.asked == [("/admin/apps/app_x/export", "Bearer secret")]


def test_a_refusal_is_told_in_the_servers_words_and_not_tried_again(server: Server) -> None:
    server.statuses = [404]
    with pytest.raises(Refusal, match="The server answers 404: In words"):
        OperatorApi(server.url, "app_x", "secret", print).call("GET", "")
    assert len(server.asked) == 1


def test_a_server_that_is_busy_is_asked_again_when_it_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.statuses, waits, told = [429, 503, 200], list[float](), list[str]()
    monkeypatch.setattr("dev.move.api.time.sleep", waits.append)
    OperatorApi(server.url, "app_x", "secret", told.append).call("GET", "", query={"from": 1})
    assert waits == [7, 7]
    assert told == ["In words. Trying again in 7 s ..."] * 2
    assert [path for path, _ in server.asked] == ["/admin/apps/app_x?from=1"] * 3


def test_the_key_stands_in_no_representation(server: Server) -> None:
    assert "secret" not in repr(OperatorApi(server.url, "app_x", "secret", print))
