"""Another issuer's keys: remembered, read again when one is unknown, and only such as sign tokens."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.memory.system import VirtualClock
from tests.memory.tokens import ScriptedIssuerKeys
from tocsin.application.known_keys import KEPT_SECONDS, REFETCH_SECONDS, KnownKeys
from tocsin.application.ports import Unavailable


def jwk(kid: str, **changes: object) -> dict[str, object]:
    read: dict[str, object] = json.loads(ECAlgorithm.to_jwk(ec.derive_private_key(5, ec.SECP256R1()).public_key()))
    return {**read, "kid": kid, **changes}


def known(*keys: dict[str, object]) -> tuple[KnownKeys, ScriptedIssuerKeys, VirtualClock]:
    source, clock = ScriptedIssuerKeys(*keys), VirtualClock()
    return KnownKeys(source, clock), source, clock


def test_keys_are_read_once_and_again_after_an_hour() -> None:
    keys, source, clock = known(jwk("a"))
    for _ in range(3):
        found = keys.key("a")
        assert found is not None
        assert found.algorithm == "ES256"
    assert source.fetched == 1
    clock.advance(KEPT_SECONDS)
    keys.key("a")
    assert source.fetched == 2


def test_a_key_that_is_no_longer_published_is_no_longer_believed() -> None:
    keys, source, clock = known(jwk("a"))
    assert keys.key("a") is not None
    source.keys = [jwk("b")]
    clock.advance(KEPT_SECONDS)
    assert keys.key("a") is None
    assert keys.key("b") is not None


@pytest.mark.row("KM-2")
def test_an_unknown_key_has_them_read_again_once_a_minute_at_most() -> None:
    keys, source, clock = known(jwk("a"))
    assert keys.key("a") is not None
    source.keys = [jwk("a"), jwk("b")]
    assert keys.key("b") is None
    clock.advance(REFETCH_SECONDS)
    assert keys.key("b") is not None
    for number in range(50):
        assert keys.key(f"made up {number}") is None
    assert source.fetched == 2


def test_while_the_issuer_is_down_what_was_known_holds() -> None:
    keys, source, clock = known(jwk("a"))
    assert keys.key("a") is not None
    source.keys = None
    clock.advance(KEPT_SECONDS)
    assert keys.key("a") is not None
    assert source.fetched == 2


def test_an_issuer_that_never_answered_is_asked_once_a_minute_and_nobody_is_called_a_forger() -> None:
    keys, source, clock = known(jwk("a"))
    published, source.keys = source.keys, None
    for _ in range(3):
        with pytest.raises(Unavailable):
            keys.key("a")
    assert source.fetched == 1
    source.keys = published
    clock.advance(REFETCH_SECONDS)
    assert keys.key("a") is not None


def as_jwk(algorithm: Any, key: Any) -> dict[str, object]:
    return {**json.loads(algorithm.to_jwk(key)), "kid": "a"}


@pytest.mark.parametrize(
    "key",
    [
        jwk("a", use="enc"),
        jwk("a", alg="HS256"),
        jwk("a", alg="ES384"),
        jwk("a", crv="P-384"),
        jwk("a", x="AA"),
        jwk("a", x=7),
        jwk("a", kty="oct", k="c2VjcmV0"),
        jwk("a", kty="none"),
        jwk("a", d="AA"),
        {"kid": "a"},
        {**jwk("a"), "kid": None},
        as_jwk(ECAlgorithm, ec.derive_private_key(5, ec.SECP384R1()).public_key()),
        as_jwk(OKPAlgorithm, ed25519.Ed25519PrivateKey.generate().public_key()),
        as_jwk(RSAAlgorithm, rsa.generate_private_key(65537, 1024).public_key()),
        as_jwk(RSAAlgorithm, rsa.generate_private_key(65537, 2048)),
    ],
    ids=lambda key: str(sorted(key)),
)
def test_what_signs_no_tokens_is_no_key(key: dict[str, object]) -> None:
    keys, _, _ = known(key, jwk("good"))
    assert keys.key("a") is None
    assert keys.key("good") is not None
