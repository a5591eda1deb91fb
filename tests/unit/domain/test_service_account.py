"""The file of a service account: what is kept of it, and what is refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tests.firebase import PROJECT, private_key, service_account
from tocsin.domain.service_account import InvalidServiceAccount, parse_service_account


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    secrecy = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secrecy).decode()


def test_what_is_used_of_the_file_is_kept() -> None:
    account = parse_service_account(service_account())
    assert (account.project, account.key_id) == (PROJECT, "0123456789abcdef" * 2)
    assert account.email == f"push@{PROJECT}.iam.gserviceaccount.com"
    kept = load_der_private_key(account.private_key, None)
    assert isinstance(kept, rsa.RSAPrivateKey)
    assert kept.private_numbers() == private_key().private_numbers()


def test_the_key_does_not_show() -> None:
    assert "private_key" not in repr(parse_service_account(service_account()))


def test_the_largest_key_that_is_taken_fits_what_a_vault_seals() -> None:
    account = parse_service_account(service_account(private_key=pem(rsa.generate_private_key(65537, 4096))))
    assert len(account.private_key) < 4096


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("type", "authorized_user"),
        ("token_uri", "https://attacker.example/token"),
        ("token_uri", "https://oauth2.googleapis.com/token/"),
        ("token_uri", "http://oauth2.googleapis.com/token"),
        ("project_id", ""),
        ("project_id", "shop/../other"),
        ("project_id", "shop-12345?x"),
        ("project_id", "Shop-12345"),
        ("project_id", "shop-12345\n"),
        ("client_email", "nobody"),
        ("client_email", "a@b\r\nX: 1"),
        ("private_key_id", "a b"),
        ("private_key", "x"),
        ("private_key", ""),
        ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"),
        ("private_key", pem(rsa.generate_private_key(65537, 1024))),
        ("private_key", pem(ec.generate_private_key(ec.SECP256R1()))),
        ("private_key", pem(private_key(), b"password")),
    ],
)
def test_a_file_that_fcm_could_not_be_used_with_is_refused_by_the_name_of_the_member(member: str, value: str) -> None:
    with pytest.raises(InvalidServiceAccount) as refused:
        parse_service_account(service_account(**{member: value}))
    assert refused.value.member == member
    assert not value or value not in refused.value.rule
