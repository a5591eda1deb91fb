"""Requests to token servers, against servers on loopback: where they may go, and what is taken for an answer."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.adapters.push_server import Proxy, PushServer, make_certificate
from tocsin.adapters import oauth_http
from tocsin.adapters.oauth_http import OauthHttp
from tocsin.application.ports import Unavailable

pytestmark = pytest.mark.enable_socket

HOST = "oauth2.googleapis.com"
FORM = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b&c=d é"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=["h2", "http/1.1"])
def server(request: pytest.FixtureRequest, certificates: tuple[Path, Path]) -> Iterator[PushServer]:
    with PushServer(certificates[1], (request.param,)).running() as server:
        yield server


@pytest.fixture
def http(server: PushServer, certificates: tuple[Path, Path]) -> Iterator[OauthHttp]:
    with Proxy(server.port).running() as proxy:
        yield OauthHttp(proxy.url, str(certificates[0]))


def test_a_form_is_posted(http: OauthHttp, server: PushServer) -> None:
    assert http.post_form(f"https://{HOST}/token", FORM).status == 201
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/token")
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    assert received.body.decode() == f"{grant}&assertion=a.b%26c%3Dd+%C3%A9"


def test_a_document_is_read(http: OauthHttp, server: PushServer) -> None:
    assert http.get(f"https://{HOST}/.well-known/openid-configuration").status == 201
    (received,) = server.received
    assert (received.method, received.path, received.body) == ("GET", "/.well-known/openid-configuration", b"")


def test_an_answer_is_read_with_its_headers_and_not_the_proxys(http: OauthHttp) -> None:
    answer = http.post_form(f"https://{HOST}/status/503", FORM)
    assert (answer.status, answer.body) == (503, b'{"errno": 1}')
    assert (answer.headers["retry-after"], answer.headers["x-twice"]) == ("7", "one")


def test_a_redirect_is_an_answer_and_not_followed(http: OauthHttp, server: PushServer) -> None:
    assert http.post_form(f"https://{HOST}/status/302", FORM).status == 302
    assert len(server.received) == 1


def test_who_sends_too_much_has_not_answered(http: OauthHttp) -> None:
    assert len(http.post_form(f"https://{HOST}/large/60000", FORM).body) == 60_000
    with pytest.raises(Unavailable):
        http.post_form(f"https://{HOST}/large/70000", FORM)


def test_who_takes_too_long_has_not_answered(http: OauthHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth_http, "_SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        http.post_form(f"https://{HOST}/slow/3000", FORM)
    assert time.monotonic() - began < 2.5


def test_who_cannot_be_trusted_is_sent_nothing(server: PushServer) -> None:
    with Proxy(server.port).running() as proxy, pytest.raises(Unavailable):
        OauthHttp(proxy.url).post_form(f"https://{HOST}/token", FORM)
    assert not server.received


def test_without_a_proxy_no_private_address_is_connected_to(
    server: PushServer, certificates: tuple[Path, Path]
) -> None:
    with pytest.raises(Unavailable):
        OauthHttp("", str(certificates[0])).post_form(f"https://127.0.0.1:{server.port}/token", FORM)
    assert server.connections == 0


@pytest.mark.parametrize("url", ["http://oauth2.googleapis.com/token", "file:///etc/passwd", "ftp://x/y"])
def test_nothing_but_https_is_spoken(http: OauthHttp, url: str, server: PushServer) -> None:
    with contextlib.suppress(UnicodeError), pytest.raises(Unavailable):
        http.post_form(url, FORM)
    assert not server.received
