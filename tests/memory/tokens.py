"""A signing key, and another issuer, without AWS and without a network."""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.application.ports import Unavailable


class MemorySigner:
    """The Signer port. number: makes the key, so that the same number is the same key in every run."""

    def __init__(self, number: int = 11) -> None:
        self.private = ec.derive_private_key(number, ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        """The ES256 signature: r and s, 32 bytes each."""
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_key(self) -> bytes:
        """The public half as SubjectPublicKeyInfo in DER."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class ScriptedIssuerKeys:
    """The IssuerKeys port: publishes `keys`, and counts how often they are fetched; None: it is down."""

    def __init__(self, *keys: Mapping[str, object]) -> None:
        self.keys: Sequence[Mapping[str, object]] | None = keys
        self.fetched = 0

    def fetch(self) -> Sequence[Mapping[str, object]]:
        """The keys. Raises Unavailable."""
        self.fetched += 1
        if self.keys is None:
            raise Unavailable
        return self.keys
