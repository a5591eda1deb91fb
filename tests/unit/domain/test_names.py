"""Ids, and what is derived from the root secret."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.domain.derivation import Derivation
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, SubscriptionId, shard_of
from tocsin.domain.send import Chosen

APP, OTHER_APP = AppId("a0" * 12), AppId("b0" * 12)
DERIVATION = Derivation(b"r" * 32)


def test_a_subscription_id_is_96_bits_and_leads_to_one_of_32_shards() -> None:
    ids = [DERIVATION.subscription_id(APP, f"https://push.example/{number}") for number in range(500)]
    assert {len(bytes.fromhex(name)) for name in ids} == {12}
    assert {shard_of(name) for name in ids} == set(range(SHARDS))
    assert shard_of(SubscriptionId("21" + "0" * 22)) == 1


def test_one_endpoint_is_one_subscription_in_each_app() -> None:
    endpoint = "https://push.example/1"
    assert DERIVATION.subscription_id(APP, endpoint) == DERIVATION.subscription_id(APP, endpoint)
    assert DERIVATION.subscription_id(APP, endpoint) != DERIVATION.subscription_id(OTHER_APP, endpoint)


def test_every_purpose_app_and_version_has_its_own_secret() -> None:
    secrets = [
        secret
        for app in (APP, OTHER_APP)
        for secret in (
            DERIVATION.email_pepper(app),
            DERIVATION.who_secret(app),
            DERIVATION.identity_secret(app, 1),
            DERIVATION.identity_secret(app, 2),
            Derivation(b"q" * 32).email_pepper(app),
        )
    ]
    assert len(set(secrets)) == len(secrets)


def test_a_short_root_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Derivation(b"r" * 31)


def test_an_audience_of_nobody_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Chosen(())


@pytest.mark.row("PS-22")
def test_ps_22_a_browser_that_moves_to_another_person_keeps_no_name_of_the_first() -> None:
    engine = MemoryEngine()
    browser = builders.subscribe(engine, builders.app(engine), 1, builders.external("anna-17"))
    anna, bert = Identity(IdentityKind.EMAIL, "1:aa"), Identity(IdentityKind.EMAIL, "1:bb")
    both = browser.named(anna)
    assert set(both.identities) == {Identity(IdentityKind.EXTERNAL, "anna-17"), anna}
    assert both.named(anna).named(anna) == both
    assert both.named(bert).identities == (bert,)
