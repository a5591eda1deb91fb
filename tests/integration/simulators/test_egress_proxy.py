"""The egress proxy: the push services' hosts and nothing else, and never without TLS that the test CA vouches for."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dev.simulators import Simulators, certificates
from dev.simulators.hosts import SIMULATED
from tests.integration.simulators.sender import Sender

pytestmark = pytest.mark.enable_socket

HOSTS = (
    "updates.push.services.mozilla.com",
    "fcm.googleapis.com",
    "jmt17.google.com",
    "web.push.apple.com",
    "wns2-par02p.notify.windows.com",
)


def ask(proxy_url: str, request: bytes) -> bytes:
    """The proxy's status line."""
    proxy = urlsplit(proxy_url)
    assert proxy.hostname is not None
    with socket.create_connection((proxy.hostname, proxy.port or 0), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize("host", HOSTS)
def test_each_push_service_is_behind_its_real_name(sender: Sender, host: str) -> None:
    assert sender.client.get(f"https://{host}/").status_code == 405


def test_googles_token_endpoint_is_behind_its_real_name(sender: Sender) -> None:
    assert sender.client.get("https://oauth2.googleapis.com/token").status_code == 405


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "127.0.0.1:443",
        "169.254.169.254:443",
        "notify.windows.com:443",
        "a.b.notify.windows.com:443",
        "xfcm.googleapis.com:443",
        "fcm.googleapis.com.example.com:443",
        "fcm.googleapis.com:80",
        "fcm.googleapis.com",
        "user@fcm.googleapis.com:443",
    ],
)
def test_every_other_target_is_forbidden(simulators: Simulators, target: str) -> None:
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    assert ask(simulators.proxy_url, request) == b"HTTP/1.1 403 Forbidden"


def test_a_proxy_request_without_connect_is_refused(simulators: Simulators) -> None:
    plain = b"GET http://fcm.googleapis.com/ HTTP/1.1\r\nHost: fcm.googleapis.com\r\n\r\n"
    assert ask(simulators.proxy_url, plain) == b"HTTP/1.1 405 Method Not Allowed"
    assert ask(simulators.proxy_url, b"\x16\x03\x01\r\n\r\n") == b"HTTP/1.1 400 Bad Request"


def test_a_sender_without_the_test_ca_refuses_the_certificate(simulators: Simulators) -> None:
    with (
        httpx.Client(proxy=simulators.proxy_url, trust_env=False, verify=ssl.create_default_context()) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get("https://fcm.googleapis.com/")


def test_the_ca_key_is_readable_by_its_owner_only(simulators: Simulators) -> None:
    for name in ("ca-key.pem", "server.pem"):
        assert (simulators.ca_bundle.parent / name).stat().st_mode & 0o077 == 0


def test_an_authority_from_before_a_host_was_simulated_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("dev.simulators.certificates.SIMULATED", SIMULATED[:-1])
        before = certificates.prepare(tmp_path).bundle.read_bytes()
        assert certificates.prepare(tmp_path).bundle.read_bytes() == before
    assert certificates.prepare(tmp_path).bundle.read_bytes() != before


def test_a_host_that_is_no_push_service_is_misdirected(sender: Sender) -> None:
    reply = sender.client.get("https://fcm.googleapis.com/", headers={"Host": "example.com"})
    assert reply.status_code == 421


def test_the_command_prints_its_addresses_serves_and_stops_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dev.simulators", "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        assert httpx.get(addresses["control_url"] + "/healthz", trust_env=False).json() == {"ok": True}
        assert Path(addresses["ca_bundle"]).exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_the_command_says_that_a_port_is_taken(simulators: Simulators, tmp_path: Path) -> None:
    port = simulators.control_url.rpartition(":")[2]
    command = [sys.executable, "-m", "dev.simulators", "--state", str(tmp_path), "--port", port]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert finished.returncode == 1
    assert "cannot start" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_command_says_that_its_state_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "simulators.sqlite3").write_bytes(b"not a database" * 100)
    command = [sys.executable, "-m", "dev.simulators", "--state", str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert finished.returncode == 1
    assert "cannot start: file is not a database" in finished.stderr
    assert "Traceback" not in finished.stderr
