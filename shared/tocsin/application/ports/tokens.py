"""What access tokens are signed and checked with."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Signer(Protocol):
    """The key that signs our own access tokens; the private half never leaves where it is kept."""

    def sign(self, message: bytes) -> bytes:
        """The ES256 signature (RFC 7518 section 3.4): r and s, 32 bytes each. Raises Unavailable."""

    def public_key(self) -> bytes:
        """The public half, a P-256 key as SubjectPublicKeyInfo in DER. Raises Unavailable."""


class IssuerKeys(Protocol):
    """The keys of another issuer."""

    def fetch(self) -> Sequence[Mapping[str, object]]:
        """The JSON Web Keys (RFC 7517) that it publishes now. Raises Unavailable, also for what is no key set."""
