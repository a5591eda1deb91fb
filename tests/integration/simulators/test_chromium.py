"""Check-in, registration and MCS, with a client that plays Chromium."""

import base64
import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.simulators import Simulators, protobuf
from dev.simulators.mcs import Tag
from dev.simulators.vapid_check import encode_base64url
from tests.integration.simulators.sender import Sender, public_bytes

pytestmark = pytest.mark.enable_socket

SITE = "wp:https://shop.example/#1"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Simulators]:
    running = Simulators(tmp_path / "state")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def application_server(own: Simulators) -> Iterator[Sender]:
    sender = Sender(own)
    yield sender
    sender.close()


class Connection:
    """The browser's end of MCS, after the version byte and its login."""

    def __init__(self, raw: ssl.SSLSocket, stream: BinaryIO) -> None:
        self._raw = raw
        self._stream = stream

    def send(self, tag: Tag, content: bytes) -> None:
        self._raw.sendall(bytes([tag]) + protobuf.varint(len(content)) + content)

    def receive(self) -> tuple[Tag, Any]:
        """Tag and fields of the server's next stanza."""
        tag = Tag(self._stream.read(1)[0])
        length = shift = 0
        while (byte := self._stream.read(1)[0]) >= 0x80:
            length, shift = length | (byte & 0x7F) << shift, shift + 7
        return tag, protobuf.parse(self._stream.read(length | byte << shift))

    def is_over(self) -> bool:
        """Whether the server hung up."""
        return self._stream.read(1) == b""

    def nothing_comes(self, received: int) -> bool:
        """A heartbeat is answered next, so no message was on its way; it acknowledges `received` stanzas."""
        self.send(Tag.HEARTBEAT_PING, protobuf.integer(2, received))
        return self.receive()[0] is Tag.HEARTBEAT_ACK


class Chromium:
    """As much of it as the protocols show."""

    def __init__(self, simulators: Simulators) -> None:
        switches = dict(switch.removeprefix("--").split("=", 1) for switch in simulators.chromium_switches)
        self._check_in_url = switches["gcm-checkin-url"]
        self._register_url = switches["gcm-registration-url"]
        self._mcs = httpx.URL(switches["gcm-mcs-endpoint"])
        self._trusted_key = switches["ignore-certificate-errors-spki-list"]
        self.android_id, self.security_token = self.check_in(b"")

    def check_in(self, request: bytes) -> tuple[int, int]:
        """The identity that the server gives."""
        reply = httpx.post(self._check_in_url, content=request, trust_env=False)
        fields = protobuf.parse(reply.content)
        assert fields[1] == [1]
        android_id, security_token = fields[7][0], fields[8][0]
        assert isinstance(android_id, int)
        assert isinstance(security_token, int)
        return android_id, security_token

    def register(self, sender: str, **form: str) -> str:
        """The server's answer, `token=...` or `Error=...`."""
        headers = {"Authorization": f"AidLogin {self.android_id}:{self.security_token}"}
        form = {"app": "org.chromium.linux", "X-subtype": SITE, "sender": sender} | form
        return httpx.post(self._register_url, data=form, headers=headers, trust_env=False).text

    def subscribe(self, sender: str) -> dict[str, Any]:
        """A subscription as the page would see it."""
        token = self.register(sender).removeprefix("token=")
        browser_key = encode_base64url(public_bytes(ec.generate_private_key(ec.SECP256R1())))
        keys = {"p256dh": browser_key, "auth": encode_base64url(b"a" * 16)}
        return {"endpoint": f"https://jmt17.google.com/fcm/send/{token}", "keys": keys}

    @contextmanager
    def connected(self, *received: str) -> Iterator[Connection]:
        """Log in, naming messages received before; the server's answer comes first."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = (self._mcs.host, self._mcs.port or 443)
        with (
            socket.create_connection(address, timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=self._mcs.host) as raw,
            raw.makefile("rb") as stream,
        ):
            certificate = x509.load_der_x509_certificate(raw.getpeercert(binary_form=True) or b"")
            public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            assert base64.b64encode(hashlib.sha256(public).digest()).decode() == self._trusted_key
            raw.sendall(bytes([41]))
            connection = Connection(raw, stream)
            login = protobuf.content(3, str(self.android_id)) + protobuf.content(5, str(self.security_token))
            connection.send(Tag.LOGIN_REQUEST, login + b"".join(protobuf.content(10, each) for each in received))
            assert raw.recv(1) == bytes([41])
            yield connection


def logged_in(connection: Connection) -> bool:
    tag, fields = connection.receive()
    return tag is Tag.LOGIN_RESPONSE and 3 not in fields


def test_a_message_reaches_chromium_until_it_is_acknowledged(own: Simulators, application_server: Sender) -> None:
    chromium = Chromium(own)
    subscription = chromium.subscribe(application_server.public_key)
    reply = application_server.post(subscription)
    assert reply.status_code == 201
    for _ in range(2):
        with chromium.connected() as connection:
            assert logged_in(connection)
            tag, fields = connection.receive()
            assert connection.nothing_comes(received=1)  # which was the answer to the login
    message_id = fields[9][0].decode()
    assert tag is Tag.DATA_MESSAGE
    assert reply.headers["Location"].endswith(message_id)
    assert (fields[3], fields[5]) == ([application_server.public_key.encode()], [b"org.chromium.linux"])
    data = [protobuf.parse(entry) for entry in fields[7]]
    assert {entry[1][0]: entry[2][0] for entry in data} == {
        b"subtype": SITE.encode(),
        b"content-encoding": b"aes128gcm",
    }
    assert len(fields[21][0]) == len("hello") + 103
    with chromium.connected() as connection:
        assert logged_in(connection)
        connection.receive()
        assert connection.nothing_comes(received=2)
    with chromium.connected() as connection:
        assert logged_in(connection)
        assert connection.nothing_comes(received=1)


def test_a_message_named_at_the_login_is_not_repeated(own: Simulators, application_server: Sender) -> None:
    chromium = Chromium(own)
    subscription = chromium.subscribe(application_server.public_key)
    first, _ = application_server.post(subscription), application_server.post(subscription, body=b"")
    with chromium.connected(first.headers["Location"].rpartition("/")[2]) as connection:
        assert logged_in(connection)
        _, fields = connection.receive()
        assert 21 not in fields  # the second one, which is empty
        assert connection.nothing_comes(received=1)


def test_a_restart_keeps_devices_and_waiting_messages(own: Simulators, application_server: Sender) -> None:
    before = Chromium(own)
    application_server.post(before.subscribe(application_server.public_key))
    own.stop()
    own.start()
    chromium = Chromium(own)
    identity = protobuf.integer(2, before.android_id) + protobuf.fixed64(13, before.security_token)
    chromium.android_id, chromium.security_token = chromium.check_in(identity)
    assert chromium.android_id == before.android_id
    with chromium.connected() as connection:
        assert logged_in(connection)
        assert connection.receive()[0] is Tag.DATA_MESSAGE


def test_who_did_not_check_in_gets_nothing(own: Simulators, application_server: Sender) -> None:
    chromium, other = Chromium(own), Chromium(own)
    chromium.security_token = other.security_token
    assert chromium.register(application_server.public_key) == "Error=AUTHENTICATION_FAILED"
    with chromium.connected() as connection:
        tag, fields = connection.receive()
        assert (tag, protobuf.parse(fields[3][0])[1]) == (Tag.LOGIN_RESPONSE, [401])
        assert connection.is_over()
    identity = protobuf.integer(2, chromium.android_id) + protobuf.fixed64(13, other.security_token)
    assert other.check_in(identity)[0] not in (chromium.android_id, other.android_id)


@pytest.mark.parametrize("sender", ["", "745476177629", encode_base64url(b"\x04" + b"\x01" * 64)])
def test_a_site_needs_a_key_on_the_curve(own: Simulators, sender: str) -> None:
    assert Chromium(own).register(sender) == "Error=INVALID_PARAMETERS"


def test_an_ended_subscription_and_its_messages_are_gone(own: Simulators, application_server: Sender) -> None:
    chromium = Chromium(own)
    subscription = chromium.subscribe(application_server.public_key)
    application_server.post(subscription)
    assert chromium.register("*", delete="true") == f"token={SITE}"
    assert application_server.post(subscription).status_code == 410
    [channel] = application_server.control.get("/chromium").json()["channels"]
    assert channel == {"android_id": str(chromium.android_id), "app": SITE, "gone": True}
    with chromium.connected() as connection:
        assert logged_in(connection)
        assert connection.nothing_comes(received=1)


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\x80", b"\x0a\x05abc", b"\x09\x00", b"\x0b"], ids=["key", "varint", "text", "64", "type"]
)
def test_what_is_no_protobuf_message_is_refused(message: bytes) -> None:
    with pytest.raises(protobuf.Malformed):
        protobuf.parse(message)


def test_numbers_of_any_size_are_written_and_read_back() -> None:
    numbers = [0, 1, 127, 128, 300, 2**32, 2**62]
    message = b"".join(protobuf.integer(1, number) + protobuf.fixed64(2, number) for number in numbers)
    assert protobuf.parse(message) == {1: numbers, 2: numbers}
