"""The contract of Vault."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.memory.vault import MemoryVault
from tocsin.adapters.kms import KmsVault
from tocsin.application.ports import Vault, WrongContext

CONTEXT = {"tenant": "t1", "app": "a1", "purpose": "vapid"}
SECRET = bytes(range(32))


@pytest.fixture(params=["memory", "kms"])
def vault(request: pytest.FixtureRequest) -> Iterator[Vault]:
    if request.param == "memory":
        yield MemoryVault()
        return
    with mock_aws():
        client = boto3.client("kms", "us-east-1")
        yield KmsVault(client, client.create_key()["KeyMetadata"]["KeyId"])


def test_what_was_sealed_opens_in_its_context(vault: Vault) -> None:
    assert vault.open(vault.seal(SECRET, CONTEXT), dict(reversed(CONTEXT.items()))) == SECRET


def test_the_ciphertext_hides_the_secret(vault: Vault) -> None:
    assert SECRET not in vault.seal(SECRET, CONTEXT)


@pytest.mark.parametrize("other", [{**CONTEXT, "app": "a2"}, {}, {**CONTEXT, "more": "x"}])
def test_in_another_context_it_stays_shut(vault: Vault, other: dict[str, str]) -> None:
    with pytest.raises(WrongContext):
        vault.open(vault.seal(SECRET, CONTEXT), other)


def test_an_altered_ciphertext_stays_shut(vault: Vault) -> None:
    sealed = vault.seal(SECRET, CONTEXT)
    with pytest.raises(WrongContext):
        vault.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), CONTEXT)
