"""An application server written for these tests only: it can break each rule on purpose."""

import json
import os
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import http_ece
import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.simulators import Simulators
from dev.simulators.vapid_check import decode_base64url, encode_base64url


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The 65-byte uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def origin_of(endpoint: str) -> str:
    url = urlsplit(endpoint)
    return f"https://{url.netloc}"


def encrypt(plaintext: bytes, keys: Mapping[str, str]) -> bytes:
    """RFC 8291 by http_ece."""
    auth, p256dh = decode_base64url(keys["auth"]), decode_base64url(keys["p256dh"])
    body: bytes = http_ece.encrypt(
        plaintext,
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=p256dh,
        auth_secret=auth,
        version="aes128gcm",
    )
    return body


class Sender:
    """Sends through the egress proxy, trusting the test CA and nothing else."""

    def __init__(self, simulators: Simulators) -> None:
        self.control = httpx.Client(base_url=simulators.control_url, trust_env=False)
        trust = ssl.create_default_context(cafile=simulators.ca_bundle)
        self.client = httpx.Client(proxy=simulators.proxy_url, verify=trust, trust_env=False, timeout=5)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = encode_base64url(public_bytes(self.key))

    def close(self) -> None:
        self.control.close()
        self.client.close()

    def subscribe(self, service: str, *, bound: bool = True) -> dict[str, Any]:
        content = {"service": service} | ({"application_server_key": self.public_key} if bound else {})
        reply = self.control.post("/user-agents", json=content)
        assert reply.status_code == 201, reply.text
        agent: dict[str, Any] = reply.json()
        return agent

    def messages(self, agent: dict[str, Any], **query: float) -> list[dict[str, Any]]:
        reply = self.control.get(f"/user-agents/{agent['id']}/messages", params=query, timeout=20)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()
        return found

    def authorization(
        self,
        endpoint: str,
        claims: Mapping[str, object] | None = None,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        signed_by: ec.EllipticCurvePrivateKey | None = None,
        header: Mapping[str, object] | None = None,
    ) -> str:
        """A VAPID header; a claim of None is left out."""
        key = key or self.key
        wanted = {"aud": origin_of(endpoint), "exp": int(time.time()) + 3600, "sub": "mailto:push@example.com"}
        merged = {name: value for name, value in {**wanted, **(claims or {})}.items() if value is not None}
        segments = [json.dumps(part).encode() for part in (header or {"typ": "JWT", "alg": "ES256"}, merged)]
        signing_input = ".".join(encode_base64url(segment) for segment in segments)
        r, s = utils.decode_dss_signature((signed_by or key).sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
        signature = encode_base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signing_input}.{signature}, k={encode_base64url(public_bytes(key))}"

    def post(
        self,
        subscription: Mapping[str, Any],
        text: str = "hello",
        *,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        method: str = "POST",
    ) -> httpx.Response:
        """A correct request, except for the headers given (None removes one) and the body, if given."""
        endpoint = subscription["endpoint"]
        correct = {
            "TTL": "60",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": self.authorization(endpoint),
        }
        sent = {name: value for name, value in {**correct, **(headers or {})}.items() if value is not None}
        content = encrypt(text.encode(), subscription["keys"]) if body is None else body
        # httpx would normalise an endpoint's escapes: only this form sends them as they are.
        url = httpx.URL(endpoint)
        return self.client.request(method, url, headers=sent, content=content)
