"""E-mail addresses at rest."""

from tocsin.domain.address import seal, unseal
from tocsin.domain.ids import SubscriptionId

SECRET, OTHER_SECRET = bytes(range(64)), bytes(64)
ONE, OTHER = SubscriptionId("0" * 24), SubscriptionId("1" * 24)


def test_an_address_comes_back_for_its_own_subscription_only() -> None:
    sealed = seal(SECRET, ONE, "anna@shop.example")
    assert b"anna" not in sealed
    assert unseal(SECRET, ONE, sealed) == "anna@shop.example"
    assert unseal(SECRET, OTHER, sealed) is None
    assert unseal(OTHER_SECRET, ONE, sealed) is None


def test_equal_addresses_of_two_subscriptions_do_not_look_alike() -> None:
    assert seal(SECRET, ONE, "anna@shop.example") != seal(SECRET, OTHER, "anna@shop.example")
