"""Who uses the browser: named, proved, exchanged for another, in real browsers."""

import pytest

from tests.browser.scripted_api import AWAY, GONE, MISTAKEN, Refusal
from tests.browser.shop import Shop


def test_a_person_named_before_subscribing_is_sent_along(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1', {exp: 1900000000, mac: 'abc'});")
    assert shop.api.calls == []
    assert shop.subscribe()["externalId"] == "u1"
    assert shop.api.bodies("subscriptions")[0]["identity"] == {
        "externalId": "u1",
        "proof": {"exp": 1900000000, "mac": "abc"},
    }


def test_a_person_named_after_subscribing_is_reported_once(shop: Shop) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'jwt'); await push.identify('u1', 'jwt');")
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": {"externalId": "u1", "proof": "jwt"}}]
    assert shop.state()["externalId"] == "u1"


def test_a_refused_person_is_not_kept(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["identify"] = [Refusal(403, "identity_invalid", "the proof has run out")]
    assert shop.refused("return push.identify('u2', 'jwt');").code == "identity_invalid"
    assert shop.state()["externalId"] is None
    # It was nobody's before: there is nothing to take off it.
    shop.visit()
    shop.settle()
    assert len(shop.api.bodies("identify")) == 1


def test_a_proved_address_and_a_person_are_both_reported(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1', 'jwt');")
    shop.subscribe(email="reader@example.com", proof="mail-jwt")
    assert shop.api.bodies("subscriptions")[0]["identity"] == {"email": "reader@example.com", "proof": "mail-jwt"}
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": {"externalId": "u1", "proof": "jwt"}}]


def test_a_fresh_proof_of_the_same_person_is_kept_without_a_request(shop: Shop) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'old');")
    shop.api.calls.clear()
    shop.run("await push.identify('u1', 'fresh');")
    assert shop.api.calls == []
    shop.subscribe()
    assert shop.api.bodies("subscriptions")[0]["identity"] == {"externalId": "u1", "proof": "fresh"}


def test_another_person_takes_the_subscription_over(shop: Shop) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'jwt-1');")
    shop.api.who = "BBBBBBBBBBB"
    shop.run("await push.identify('u2', 'jwt-2');")
    assert shop.api.bodies("identify")[-1] == {"id": "sub_1", "identity": {"externalId": "u2", "proof": "jwt-2"}}
    assert shop.state()["externalId"] == "u2"
    assert shop.kept()["who"] == "BBBBBBBBBBB"
    shop.visit()
    assert shop.state()["externalId"] == "u2"
    assert len(shop.api.bodies("identify")) == 2


def test_while_one_person_takes_over_from_another_nothing_personal_is_shown(shop: Shop) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'jwt-1');")
    shop.api.refusals["identify"] = [Refusal(403, "identity_invalid")]
    assert shop.refused("return push.identify('u2', 'forged');").code == "identity_invalid"
    alert = shop.notify(title="For u1", body="private", data={"id": "m1", "u": "AAAAAAAAAAA"})
    assert (alert.title, alert.body) == ("Corner Shop", "")
    # The first one is let in again as soon as they show who they are.
    shop.run("await push.identify('u1', 'jwt-1');")
    assert shop.kept()["who"] == "AAAAAAAAAAA"


@pytest.mark.parametrize(
    "refusal",
    [Refusal(403, "identity_invalid"), AWAY],
    ids=["refused", "server down"],
)
def test_a_next_person_who_fails_does_not_bring_the_one_before_back(shop: Shop, refusal: Refusal) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'jwt-1');")
    shop.api.refusals["identify"] = [refusal]
    shop.refused("return push.identify('u2', 'jwt-2');")
    assert shop.state()["externalId"] is None
    shop.api.calls.clear()
    shop.change_kept(due=0)
    shop.visit()
    assert (shop.state()["subscribed"], shop.state()["externalId"]) == (True, None)
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": None}]
    assert len(shop.api.bodies("subscriptions")) == 1
    assert shop.kept().get("who") is None
    # Once the server knows, it is not told again.
    shop.visit()
    shop.settle()
    assert len(shop.api.bodies("identify")) == 1


@pytest.mark.parametrize("refusal", MISTAKEN, ids=lambda refusal: refusal.code or "gateway")
def test_a_404_that_says_nothing_of_the_subscription_does_not_end_it(shop: Shop, refusal: Refusal) -> None:
    shop.visit()
    shop.subscribe()
    before = shop.endpoint()
    shop.api.refusals["identify"] = [refusal]
    assert shop.refused("return push.identify('u1');").code == "server_error"
    assert shop.state()["subscribed"] is True
    assert shop.endpoint() == before


def test_a_person_of_a_subscription_that_the_server_ended_is_told_so(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["identify"] = [GONE]
    assert shop.refused("return push.identify('u1');").code == "server_error"
    assert shop.state()["subscribed"] is False
    assert shop.endpoint() is None
    assert [kind for kind, _ in shop.events()][-3:] == ["error", "change", "unsubscribe"]
