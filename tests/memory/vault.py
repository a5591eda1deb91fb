"""Secrets at rest, sealed with a key that lives as long as the test."""

import json
from collections.abc import Mapping
from itertools import count

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.application.ports import WrongContext

NONCE_SIZE = 12


class MemoryVault:
    """AES-GCM with the context as associated data: the same promise as KMS gives with an encryption context."""

    def __init__(self) -> None:
        self._cipher = AESGCM(bytes(32))
        self._nonces = count()

    def seal(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """The ciphertext."""
        nonce = next(self._nonces).to_bytes(NONCE_SIZE, "big")
        return nonce + self._cipher.encrypt(nonce, plaintext, _canonical(context))

    def open(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext. Raises WrongContext."""
        try:
            return self._cipher.decrypt(ciphertext[:NONCE_SIZE], ciphertext[NONCE_SIZE:], _canonical(context))
        except (InvalidTag, ValueError) as error:
            raise WrongContext from error


def _canonical(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True).encode()
