"""The contract of Signer."""

from collections.abc import Iterator

import boto3
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from moto import mock_aws

from tests.memory.tokens import MemorySigner
from tocsin.adapters.kms import KmsSigner
from tocsin.application.ports import Signer


@pytest.fixture(params=["memory", "kms"])
def signer(request: pytest.FixtureRequest) -> Iterator[Signer]:
    if request.param == "memory":
        yield MemorySigner()
        return
    with mock_aws():
        client = boto3.client("kms", "us-east-1")
        key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        yield KmsSigner(client, key)


@pytest.mark.row("KM-1")
def test_the_public_half_verifies_what_was_signed_and_nothing_else(signer: Signer) -> None:
    public = load_der_public_key(signer.public_key())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)
    for number in range(20):  # r or s is shorter than 32 bytes now and then
        signature = signer.sign(b"message %d" % number)
        assert len(signature) == 64
        encoded = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public.verify(encoded, b"message %d" % number, ec.ECDSA(hashes.SHA256()))
        with pytest.raises(InvalidSignature):
            public.verify(encoded, b"message", ec.ECDSA(hashes.SHA256()))
