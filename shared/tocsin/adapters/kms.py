"""Secrets at rest, encrypted by KMS, and tokens signed by it: the key material never leaves it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tocsin.adapters.aws import answered
from tocsin.application.ports import WrongContext

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient


class KmsVault:
    """The Vault port. key: id or ARN of a symmetric key; the context is KMS's encryption context."""

    def __init__(self, client: "KMSClient", key: str) -> None:
        self._client = client
        self._key = key

    def seal(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """The ciphertext (KMS takes up to 4,096 bytes)."""
        with answered():
            reply = self._client.encrypt(KeyId=self._key, Plaintext=plaintext, EncryptionContext=context)
        return reply["CiphertextBlob"]

    def open(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext. Raises WrongContext when it was sealed for something else."""
        try:
            with answered():
                reply = self._client.decrypt(KeyId=self._key, CiphertextBlob=ciphertext, EncryptionContext=context)
        except self._client.exceptions.InvalidCiphertextException as error:
            raise WrongContext from error
        return reply["Plaintext"]


class KmsSigner:
    """The Signer port. key: id or ARN of an ECC_NIST_P256 key for SIGN_VERIFY, whose private half never leaves KMS."""

    def __init__(self, client: "KMSClient", key: str) -> None:
        self._client = client
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """The ES256 signature: r and s, 32 bytes each (KMS takes up to 4,096 bytes)."""
        with answered():
            reply = self._client.sign(
                KeyId=self._key, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
        r, s = decode_dss_signature(reply["Signature"])
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_key(self) -> bytes:
        """The public half as SubjectPublicKeyInfo in DER."""
        with answered():
            return self._client.get_public_key(KeyId=self._key)["PublicKey"]
