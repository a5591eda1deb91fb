"""Leaving: unsubscribing and logging out, also when the server cannot be told at once, in real browsers."""

import pytest

from tests.browser.scripted_api import AWAY, GONE, MISTAKEN, Refusal
from tests.browser.shop import Shop

REFUSED = Refusal(403, "origin_not_allowed")
STUCK = "PushSubscription.prototype.unsubscribe = async () => { throw new Error('no'); };"
"""A browser that does not let go of its subscription."""


def calls(shop: Shop) -> list[str]:
    """What the server was asked for, in order."""
    return [call.path.rpartition("/")[2] for call in shop.api.calls]


def known(shop: Shop) -> None:
    """Subscribe as u1, and forget what it took."""
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.run("await push.identify('u1', 'jwt');")
    shop.subscribe()
    shop.api.calls.clear()


def test_unsubscribing_tells_browser_and_server(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert shop.api.bodies("unsubscribe") == [{"id": "sub_1"}]
    assert shop.events()[-2:] == [("change", None), ("unsubscribe", None)]
    assert shop.push("gone?") == 410
    shop.visit()
    assert shop.state()["subscribed"] is False


def test_a_server_that_answers_at_once_does_not_overtake_the_browser(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.run(
        "const real = window.fetch; window.fetch = async (url, ...rest) =>"
        " url.endsWith('/unsubscribe') ? new Response('{}') : real(url, ...rest);"
        " await push.unsubscribe();"
    )
    assert shop.endpoint() is None


def test_unsubscribing_without_the_server_still_ends_the_messages(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["unsubscribe"] = [REFUSED]
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert ("error", "origin_not_allowed") in shop.events()
    assert shop.push("gone?") == 410


def test_unsubscribing_twice_asks_the_server_once(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.run("await push.unsubscribe(); await push.unsubscribe();")
    assert len(shop.api.bodies("unsubscribe")) == 1


def test_unsubscribing_without_the_browser_still_ends_the_messages(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.run(STUCK)
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert shop.api.bodies("unsubscribe") == [{"id": "sub_1"}]
    assert ("error", None) in shop.events()


def test_unsubscribing_with_neither_fails_and_the_next_load_tells_the_server(shop: Shop) -> None:
    known(shop)
    shop.run(STUCK)
    shop.api.refusals["unsubscribe"] = [AWAY]
    shop.run("await push.unsubscribe().then(() => { throw new Error('told'); }, () => {});")
    assert shop.run("return push.getState().subscribed;") is True
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert calls(shop) == ["unsubscribe", "unsubscribe"]


@pytest.mark.parametrize("refusal", [AWAY, REFUSED, *MISTAKEN], ids=lambda refusal: refusal.code or "gateway")
def test_a_server_that_did_not_listen_is_told_of_the_unsubscription_by_the_next_load(
    shop: Shop, refusal: Refusal
) -> None:
    known(shop)
    shop.api.refusals["unsubscribe"] = [refusal]
    shop.run("await push.unsubscribe();")
    shop.visit()
    shop.settle()
    assert calls(shop) == ["unsubscribe", "unsubscribe"]
    shop.visit()
    shop.settle()
    assert len(shop.api.calls) == 2


@pytest.mark.parametrize("refusal", [AWAY, REFUSED], ids=lambda refusal: refusal.code)
def test_an_unsubscription_that_is_due_is_tried_at_each_load_and_never_undone(shop: Shop, refusal: Refusal) -> None:
    known(shop)
    before = shop.endpoint()
    shop.api.refusals["unsubscribe"] = [refusal] * 3
    shop.run(STUCK)
    shop.refused("return push.unsubscribe();")
    shop.change_kept(due=0)
    shop.rotate_key()
    shop.site.before = STUCK
    shop.visit()
    shop.settle()
    # In silence: once, and without mending or reporting anything.
    assert shop.events() == [("change", None)]
    assert calls(shop) == ["unsubscribe"] * 2
    assert shop.endpoint() == before
    shop.site.before = ""
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert shop.endpoint() is None
    shop.visit()
    shop.settle()
    shop.visit()
    shop.settle()
    assert calls(shop) == ["unsubscribe"] * 4


def test_a_person_named_while_an_unsubscription_is_due_waits_for_the_next_subscription(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["unsubscribe"] = [AWAY]
    shop.run(STUCK)
    shop.refused("return push.unsubscribe();")
    state = shop.run("return push.identify('u2', 'jwt-2');")
    assert isinstance(state, dict)
    assert (state["externalId"], state["subscribed"]) == ("u2", False)
    assert calls(shop) == ["unsubscribe", "unsubscribe"]


def test_subscribing_again_waits_until_the_server_knows_of_the_unsubscription(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["unsubscribe"] = [AWAY, AWAY]
    shop.run("await push.unsubscribe();")
    assert shop.refused().code == "server_error"
    shop.subscribe()
    assert calls(shop) == ["unsubscribe", "unsubscribe", "unsubscribe", "config", "subscriptions"]
    assert shop.state()["subscribed"] is True


def test_logging_out_takes_the_name_off_and_keeps_the_subscription(shop: Shop) -> None:
    known(shop)
    before = shop.endpoint()
    state = shop.run("return push.logout();")
    assert isinstance(state, dict)
    assert (state["externalId"], state["subscribed"]) == (None, True)
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": None}]
    assert shop.endpoint() == before
    alert = shop.notify(title="For u1", body="private", data={"id": "m1", "u": "AAAAAAAAAAA"})
    assert (alert.title, alert.body) == ("Corner Shop", "")


def test_logging_out_of_a_browser_that_never_subscribed_forgets_the_name(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1', 'jwt'); await push.logout();")
    assert shop.api.calls == []
    assert shop.state()["externalId"] is None
    shop.subscribe()
    assert "identity" not in shop.api.bodies("subscriptions")[0]


def test_a_log_out_without_the_server_fails_and_is_the_first_thing_at_the_next_load(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["identify"] = [AWAY]
    shop.change_kept(due=0)
    assert shop.refused("return push.logout();").code == "server_error"
    # Here the name is gone at once.
    assert shop.run("return push.getState().externalId;") is None
    assert shop.kept().get("who") is None
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert calls(shop) == ["identify", "identify", "config", "subscriptions"]
    assert shop.api.bodies("identify")[1] == {"id": "sub_1", "identity": None}


def test_while_a_log_out_is_due_nothing_else_is_asked_for(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["identify"] = [AWAY, AWAY, AWAY]
    shop.refused("return push.logout();")
    shop.visit()
    shop.settle()
    assert shop.refused("return push.identify('u2', 'jwt-2');").code == "server_error"
    assert calls(shop) == ["identify"] * 3
    shop.api.who = "BBBBBBBBBBB"
    shop.run("await push.identify('u2', 'jwt-2');")
    assert [body["identity"] for body in shop.api.bodies("identify")][3:] == [
        None,
        {"externalId": "u2", "proof": "jwt-2"},
    ]
    assert shop.state()["externalId"] == "u2"


@pytest.mark.parametrize("refusal", [REFUSED, *MISTAKEN], ids=lambda refusal: refusal.code or "gateway")
def test_a_log_out_that_the_server_refuses_is_tried_once_at_each_load(shop: Shop, refusal: Refusal) -> None:
    known(shop)
    shop.api.refusals["identify"] = [refusal, refusal]
    shop.refused("return push.logout();")
    shop.change_kept(due=0)
    shop.visit()
    shop.settle()
    # No report before it: its answer would bring the person back.
    assert calls(shop) == ["identify", "identify"]
    assert shop.events() == [("change", None)]
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert calls(shop) == ["identify", "identify", "identify", "config", "subscriptions"]
    assert shop.kept().get("who") is None


def test_logging_out_of_what_the_server_has_ended_succeeds(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["identify"] = [GONE]
    assert shop.run("return (await push.logout()).subscribed;") is False
    assert shop.endpoint() is None


def test_logging_out_can_end_the_subscription(shop: Shop) -> None:
    known(shop)
    state = shop.run("return push.logout({unsubscribe: true});")
    assert isinstance(state, dict)
    assert (state["externalId"], state["subscribed"]) == (None, False)
    assert calls(shop) == ["unsubscribe"]
    assert shop.endpoint() is None
    assert shop.events()[-1] == ("unsubscribe", None)


def test_a_log_out_with_an_end_is_repeated_too(shop: Shop) -> None:
    known(shop)
    shop.api.refusals["unsubscribe"] = [AWAY]
    shop.run("await push.logout({unsubscribe: true});")
    assert ("error", "server_error") in shop.events()
    assert shop.endpoint() is None
    shop.visit()
    assert shop.state()["externalId"] is None
    assert calls(shop) == ["unsubscribe", "unsubscribe"]


def test_a_log_out_does_not_undo_an_unsubscription_that_is_still_due(shop: Shop) -> None:
    known(shop)
    shop.run(STUCK)
    shop.api.refusals["unsubscribe"] = [AWAY]
    shop.run("await push.unsubscribe().catch(() => {});")
    shop.run("await push.logout();")
    assert calls(shop) == ["unsubscribe", "unsubscribe"]
    assert shop.state()["subscribed"] is False
