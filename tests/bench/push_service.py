"""The push service of the benchmark: nginx on loopback, TLS, HTTP/2, one process; it counts what it was sent.

The messages to the first few endpoints (`kept`) are stored, and decrypted afterwards.
"""

import contextlib
import datetime as dt
import ipaddress
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import http_ece
import jwt
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench import tools
from tests.bench.audience import HOST, UserAgent
from tocsin.webpush.encoding import from_base64url

STREAMS = 100
_CONFIG = """
load_module {module};
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/unused; fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused; scgi_temp_path {folder}/unused;
  log_format seen '$status $server_protocol $content_length $uri';
  log_format kept escape=json '{{"body":"$request_body_file","authorization":"$http_authorization","uri":"$uri"}}';
  keepalive_requests 1000000000;
  http2_max_concurrent_streams {streams};
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  access_log {folder}/seen.log seen buffer=64k flush=100ms;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    location / {{ {answer} }}
    location ^~ /wpush/v2/kept/ {{
      client_body_in_file_only on;
      access_log {folder}/seen.log seen buffer=64k flush=100ms;
      access_log {folder}/kept.log kept;
      echo_read_request_body; {wait} echo_status 201; echo -n "";
    }}
  }}
}}
"""


class WrongMessages(Exception):
    """The push service was not sent what a contender claims; its figures are worth nothing."""


@dataclass(frozen=True, slots=True)
class PushService:
    """A running nginx. `certificate`: a PEM file, its authority too."""

    port: int
    folder: Path
    certificate: Path

    def forget(self) -> None:
        """Count from here."""
        (self.folder / "seen.log").write_bytes(b"")
        (self.folder / "kept.log").write_bytes(b"")

    def check(self, claimed: int, endpoints: int, plaintext: bytes, browsers: Sequence[UserAgent]) -> str:
        """Prove what a contender claims to have sent, to how many endpoints; the HTTP version that it spoke.

        Raises WrongMessages.
        """
        deadline = time.monotonic() + 5
        while (
            len(seen := (self.folder / "seen.log").read_text().splitlines()) < claimed and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        accepted = [line.split() for line in seen if line.startswith("201 ")]
        told = {uri for *_, uri in accepted}
        if len(accepted) != claimed or len(seen) != claimed or len(told) != endpoints:
            raise WrongMessages(
                f"{claimed} messages to {endpoints} endpoints were claimed; the push service saw {len(seen)} requests,"
                f" accepted {len(accepted)}, to {len(told)} endpoints"
            )
        kept = [json.loads(line) for line in (self.folder / "kept.log").read_text().splitlines()]
        if not kept:
            raise WrongMessages("no message was kept to be decrypted")
        for message in kept:
            _check_message(message, plaintext, browsers)
        (version,) = {protocol for _, protocol, *_ in accepted}
        return version


@contextlib.contextmanager
def running(folder: Path, seconds: float, core: int | None) -> Iterator[PushService]:
    """Run it on a processor core of its own; it answers after so many seconds."""
    folder.mkdir(parents=True)
    nginx = tools.nginx()
    service = PushService(_free_port(), folder, folder / "certificate.pem")
    make_certificate(service.certificate)
    wait = f"echo_sleep {seconds};" if seconds else ""
    answer = f'{wait} echo_status 201; echo -n "";' if seconds else "return 201;"
    config = _CONFIG.format(
        module=nginx.module,
        folder=folder,
        streams=STREAMS,
        certificate=service.certificate,
        port=service.port,
        answer=answer,
        wait=wait,
    )
    (folder / "nginx.conf").write_text(config)
    command = [str(nginx.program), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    process = subprocess.Popen(tools.on_core(core, command), stderr=subprocess.DEVNULL)
    try:
        _wait_for(service.port)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def make_certificate(file: Path) -> None:
    """Write a certificate for the push service's name and for loopback, which is its own authority, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Push service of a benchmark")])
    hosts: list[x509.GeneralName] = [x509.DNSName(HOST), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([*hosts, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))


def _check_message(message: dict[str, str], plaintext: bytes, browsers: Sequence[UserAgent]) -> None:
    browser = browsers[int(message["uri"][-8:]) % len(browsers)]
    body = Path(message["body"]).read_bytes()
    try:
        decrypted = http_ece.decrypt(body, private_key=browser.private, auth_secret=browser.auth)
    except (http_ece.ECEException, InvalidTag) as error:
        raise WrongMessages("a browser cannot read its message") from error
    if re.sub(rb',"k":"[\w-]{24}"', b"", decrypted) != plaintext:  # ours carry an event token besides
        raise WrongMessages("a message has another text than was to be sent")
    token, _, public = message["authorization"].removeprefix("vapid t=").partition(",")
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), from_base64url(public.strip().removeprefix("k=").rstrip("="))
    )
    jwt.decode(token, point, algorithms=["ES256"], options={"verify_aud": False})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
