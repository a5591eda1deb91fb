"""What the SDK mends and reports by itself when a page is loaded, in real browsers."""

import time

import pytest

from tests.browser.browser import Permission
from tests.browser.scripted_api import GONE, MISTAKEN, Refusal
from tests.browser.shop import Shop

WEEK_MS = 7 * 86_400_000
LATER = {"Retry-After": "3600"}
"""Makes a refusal final for this page, as an hour is not waited for."""


def subscribed(shop: Shop) -> object:
    """Subscribe, forget what it took, and answer with the endpoint."""
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    return shop.endpoint()


def reported(shop: Shop) -> dict[str, object]:
    """The one report that the next load makes."""
    shop.visit()
    shop.settle()
    [report] = shop.api.bodies("subscriptions")
    assert report["renew"] is True
    return report


def calls(shop: Shop) -> list[str]:
    """What the server was asked for, in order."""
    return [call.path.rpartition("/")[2] for call in shop.api.calls]


def test_after_a_change_of_key_the_next_load_subscribes_anew(shop: Shop) -> None:
    before = subscribed(shop)
    shop.rotate_key()
    report = reported(shop)
    assert (report["previous"], report["key"]) == (before, shop.api.key)
    assert shop.endpoint() == shop.api.subscription["endpoint"] != before
    assert shop.state()["subscribed"] is True
    assert shop.push("with the new key") == 201
    assert shop.browser.wait_for_alert().body == "with the new key"


def test_a_subscription_that_the_browser_lost_is_made_again(shop: Shop) -> None:
    before = subscribed(shop)
    shop.run(
        "const registration = await navigator.serviceWorker.getRegistration('/push/');"
        " await (await registration.pushManager.getSubscription()).unsubscribe();"
    )
    assert reported(shop)["previous"] == before
    assert shop.state() == shop.run("return push.getState();")
    assert shop.state()["subscribed"] is True
    assert shop.endpoint() == shop.api.subscription["endpoint"] != before


def test_an_endpoint_that_changed_is_reported(shop: Shop) -> None:
    before = subscribed(shop)
    shop.run(
        "const {pushManager} = await navigator.serviceWorker.getRegistration('/push/');"
        " const {options} = await pushManager.getSubscription();"
        " await (await pushManager.getSubscription()).unsubscribe();"
        " await pushManager.subscribe({userVisibleOnly: true, applicationServerKey: options.applicationServerKey});"
    )
    after = shop.endpoint()
    assert reported(shop)["previous"] == before
    assert shop.api.subscription["endpoint"] == shop.endpoint() == after != before


def test_a_permission_taken_back_is_reported_and_nothing_begins_anew(shop: Shop) -> None:
    subscribed(shop)
    shop.browser.visit("about:blank")  # an open page would report it before the next one does
    shop.browser.permit(Permission.DENIED)
    try:
        shop.visit()
        state = shop.state()
        assert (state["permission"], state["subscribed"], state["id"]) == ("denied", False, None)
        assert shop.api.bodies("unsubscribe") == [{"id": "sub_1", "reason": "permission"}]
    finally:
        shop.browser.permit(Permission.GRANTED)
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert shop.api.calls == []
    assert shop.endpoint() is None


def test_a_permission_taken_back_is_reported_later_when_the_server_is_away(shop: Shop) -> None:
    subscribed(shop)
    shop.browser.visit("about:blank")  # an open page would report it before the next one does
    shop.browser.permit(Permission.DENIED)
    try:
        shop.api.refusals["unsubscribe"] = [Refusal(503, "unavailable")]
        shop.visit()
        shop.settle()
        assert shop.events() == []
        assert calls(shop) == ["unsubscribe"]
        shop.visit()
        shop.settle()
        assert calls(shop) == ["unsubscribe", "unsubscribe"]
    finally:
        shop.browser.permit(Permission.GRANTED)


def test_who_said_no_is_never_subscribed_again(shop: Shop) -> None:
    subscribed(shop)
    shop.run("await push.unsubscribe();")
    shop.api.calls.clear()
    shop.rotate_key()
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert shop.endpoint() is None
    assert shop.api.calls == []


def test_a_load_within_the_week_reports_nothing(shop: Shop) -> None:
    subscribed(shop)
    shop.visit()
    shop.settle()
    assert calls(shop) == ["config"]


def test_the_report_is_due_again_after_a_week_give_or_take_a_fifth(shop: Shop) -> None:
    dues = []
    for _ in range(4):
        subscribed(shop)
        due = shop.kept()["due"]
        assert isinstance(due, (int, float))
        dues.append((due - time.time() * 1000) / WEEK_MS)
    assert all(0.799 < due < 1.201 for due in dues)
    assert len({round(due, 4) for due in dues}) > 1


@pytest.mark.parametrize("change", [{"due": 0}, {"key": "another"}])
def test_what_is_due_or_differs_is_reported_without_anybodys_name(shop: Shop, change: dict[str, object]) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.run("await push.identify('u1', {exp: 1, mac: 'over'});")
    before = subscribed(shop)
    shop.change_kept(**change)
    report = reported(shop)
    # The server keeps the name; a proof may be long over.
    assert report.keys() == {"subscription", "key", "lang", "tz", "standalone", "renew"}
    assert shop.endpoint() == before
    shop.api.calls.clear()
    shop.visit()
    shop.settle()
    assert calls(shop) == ["config"]


def test_a_change_of_language_is_reported(shop: Shop) -> None:
    subscribed(shop)
    shop.site.lang = "fr"
    assert reported(shop)["lang"] == "fr"


def test_what_the_server_ended_ends_here_too_and_stays_so(shop: Shop) -> None:
    subscribed(shop)
    shop.change_kept(due=0)
    shop.api.refusals["subscriptions"] = [GONE]
    shop.visit()
    assert shop.run("return (await push.ready).subscribed;") is True
    assert shop.state()["subscribed"] is False
    assert shop.events() == [("change", None), ("change", None), ("unsubscribe", None)]
    assert shop.endpoint() is None
    assert shop.push("gone?") == 410
    shop.api.calls.clear()
    shop.rotate_key()
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert shop.api.calls == []


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        ("config", Refusal(404, "not_found")),
        ("config", Refusal(503, "unavailable")),
        ("subscriptions", Refusal(403, "origin_not_allowed")),
        ("subscriptions", Refusal(503, "unavailable")),
        *(("subscriptions", refusal) for refusal in MISTAKEN),
    ],
    ids=["app unknown", "server down", "refused", "down after the first", "not found", "no such route", "gateway"],
)
def test_a_report_that_fails_waits_for_the_next_load_in_silence(shop: Shop, call: str, refusal: Refusal) -> None:
    before = subscribed(shop)
    shop.change_kept(due=0)
    shop.api.refusals[call] = [refusal]
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert shop.events() == [("change", None)]
    # One attempt: no press on a button has to wait for the others.
    assert len([each for each in calls(shop) if each == call]) == 1
    assert shop.endpoint() == before
    shop.api.calls.clear()
    reported(shop)


def test_a_new_endpoint_that_could_not_be_reported_is_by_the_next_load(shop: Shop) -> None:
    before = subscribed(shop)
    shop.rotate_key()
    shop.api.refusals["subscriptions"] = [Refusal(503, "unavailable")]
    shop.visit()
    shop.settle()
    shop.api.calls.clear()
    assert reported(shop)["previous"] == before
    assert shop.api.subscription["endpoint"] == shop.endpoint() != before


def test_healing_begins_only_after_the_page_has_its_state(shop: Shop) -> None:
    subscribed(shop)
    shop.site.before = """
      const real = window.fetch;
      window.fetch = async (...args) => {
        await window.push?.ready;
        window.orderly = Boolean(window.push);
        return real(...args);
      };
    """
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert shop.run("return window.orderly;") is True
