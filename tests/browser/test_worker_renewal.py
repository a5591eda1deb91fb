"""A subscription that the browser drops or replaces while no page looks, in real browsers."""

import uuid

import pytest

from tests.browser.browser import only_in, wait_until
from tests.browser.firefox import Firefox
from tests.browser.scripted_api import AWAY, GONE, MISTAKEN, Refusal
from tests.browser.shop import Shop

# What no script may do: fire the event, with the fields that a browser may leave out. The test's own event keeps
# the worker alive in its stead.
FIRE = """
self.addEventListener("message", (message) => {
  const event = new Event("pushsubscriptionchange");
  const fields = {oldSubscription: null, newSubscription: null};
  const work = (async () => {
    const subscription = await self.registration.pushManager.getSubscription();
    if (message.data.old) fields.oldSubscription = subscription;
    if (message.data.fresh) fields.newSubscription = subscription;
    if (message.data.dropped) await subscription.unsubscribe();
    await new Promise((resolve) => {
      self.dispatchEvent(Object.assign(event, fields, {waitUntil: (promise) => promise.then(resolve, resolve)}));
    });
    message.ports[0].postMessage("done");
  })();
  message.waitUntil(work);
});
"""


@pytest.fixture
def subscribed(shop: Shop) -> Shop:
    """With nothing counted that it took to subscribe."""
    shop.site.worker = FIRE + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    return shop


def fire(shop: Shop, **how: bool) -> None:
    """Let the worker hear that its subscription changed, and wait for it."""
    shop.run(
        """
        const {active} = await navigator.serviceWorker.getRegistration("/push/");
        const {port1, port2} = new MessageChannel();
        const done = new Promise((resolve) => (port1.onmessage = resolve));
        active.postMessage(args[0], [port2]);
        await done;
        """,
        how,
    )


def report(shop: Shop) -> dict[str, object]:
    """The one report that the worker made."""
    [only] = shop.api.bodies("subscriptions")
    assert only["renew"] is True
    assert [call.content_type for call in shop.api.calls] == ["text/plain;charset=UTF-8"]
    return only


@pytest.mark.parametrize("old", [True, False], ids=["told which", "not told which"])
def test_a_dropped_subscription_is_made_again_and_reported(subscribed: Shop, old: bool) -> None:
    shop = subscribed
    before = shop.endpoint()
    fire(shop, dropped=True, old=old)
    told = report(shop)
    assert (told["previous"], told["key"], told["lang"]) == (before, shop.api.key, "de")
    assert shop.endpoint() == shop.api.subscription["endpoint"] != before
    # The next load finds it in order.
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert shop.api.bodies("subscriptions") == []
    assert shop.push("through the new one") == 201
    assert shop.browser.wait_for_alert().body == "through the new one"


def test_a_replaced_subscription_is_reported(subscribed: Shop) -> None:
    shop = subscribed
    shop.change_kept(ep="https://push.example/old")
    fire(shop, fresh=True)
    assert report(shop)["previous"] == "https://push.example/old"
    assert shop.endpoint() == shop.api.subscription["endpoint"]


def test_what_a_page_has_reported_already_is_not_reported_again(subscribed: Shop) -> None:
    fire(subscribed, fresh=True)
    assert subscribed.api.calls == []


def test_pages_that_are_open_learn_of_it(subscribed: Shop) -> None:
    shop = subscribed
    shop.api.who = "AAAAAAAAAAA"
    fire(shop, dropped=True)
    wait_until(lambda: shop.run("return push.getState().id;") == shop.kept()["id"], "the page's state")
    assert shop.kept()["who"] == "AAAAAAAAAAA"


def test_without_storage_the_worker_still_renews(shop: Shop) -> None:
    shop.site.worker = "IDBFactory.prototype.open = () => ({});" + FIRE + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    before = shop.endpoint()
    fire(shop, dropped=True, old=True)
    told = report(shop)
    assert (told["previous"], told["key"]) == (before, shop.api.key)
    # The next load mends what the worker could not keep.
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["subscribed"] is True
    assert shop.api.bodies("subscriptions")[0]["previous"] == before


@pytest.mark.parametrize(
    "refusal",
    [Refusal(503, "unavailable"), Refusal(403, "origin_not_allowed"), *MISTAKEN],
    ids=lambda refusal: refusal.code or "gateway",
)
def test_a_report_that_fails_is_made_up_for_by_the_next_load(subscribed: Shop, refusal: Refusal) -> None:
    shop = subscribed
    before = shop.endpoint()
    shop.api.refusals["subscriptions"] = [refusal]
    fire(shop, dropped=True)
    assert shop.kept()["due"] == 0
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["subscribed"] is True
    [told] = shop.api.bodies("subscriptions")
    assert told["previous"] == before


def test_what_the_server_ended_stays_ended(subscribed: Shop) -> None:
    shop = subscribed
    # Nothing is left to be told of it either.
    shop.api.refusals["identify"] = [AWAY]
    shop.refused("return push.logout();")
    shop.api.refusals["subscriptions"] = [GONE]
    fire(shop, dropped=True)
    assert shop.endpoint() is None
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert shop.api.calls == []


def test_who_said_no_is_not_subscribed_again(subscribed: Shop) -> None:
    shop = subscribed
    shop.run("await push.unsubscribe();")
    shop.api.calls.clear()
    fire(shop)
    assert shop.endpoint() is None
    assert shop.api.calls == []


def test_who_said_no_to_a_browser_and_a_server_that_did_not_listen_is_not_subscribed_again(subscribed: Shop) -> None:
    shop = subscribed
    shop.run("PushSubscription.prototype.unsubscribe = async () => { throw new Error('no'); };")
    shop.api.refusals["unsubscribe"] = [AWAY]
    shop.refused("return push.unsubscribe();")
    shop.api.calls.clear()
    fire(shop, dropped=True)
    assert shop.endpoint() is None
    assert shop.api.calls == []
    shop.visit()
    assert shop.state()["subscribed"] is False
    assert [(call.path.rpartition("/")[2], call.body) for call in shop.api.calls] == [("unsubscribe", {"id": "sub_1"})]


def test_a_log_out_that_is_due_goes_with_the_new_subscription(subscribed: Shop) -> None:
    shop = subscribed
    shop.api.who = "AAAAAAAAAAA"
    shop.run("await push.identify('u1', 'jwt');")
    shop.api.refusals["identify"] = [AWAY]
    shop.refused("return push.logout();")
    shop.api.calls.clear()
    fire(shop, dropped=True)
    assert report(shop)["previous"]
    alert = shop.notify(title="For u1", body="private", data={"id": "m1", "u": "AAAAAAAAAAA"})
    assert (alert.title, alert.body) == ("Corner Shop", "")
    shop.visit()
    state = shop.state()
    assert (state["subscribed"], state["id"]) == (True, "sub_2")
    assert shop.api.bodies("identify") == [{"id": "sub_2", "identity": None}]


def test_a_worker_that_cannot_tell_whether_somebody_is_leaving_shows_nobodys_messages(shop: Shop) -> None:
    once = """
    const {open} = IDBFactory.prototype;
    self.addEventListener("message", () => {
      IDBFactory.prototype.open = () => ((IDBFactory.prototype.open = open), {});
    });
    """
    shop.site.worker = once + FIRE + str(shop.site.worker)
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.run("await push.identify('u1', 'jwt');")
    shop.subscribe()
    fire(shop, dropped=True, old=True)
    kept = shop.kept()
    assert (kept["id"], kept.get("who")) == ("sub_2", None)


@only_in("firefox")  # which alone can be made to fire the event by itself
def test_a_firefox_that_its_push_service_forgot_subscribes_again_with_no_page_open(
    shop: Shop, firefox: Firefox
) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    before = shop.api.subscription["endpoint"]
    shop.browser.visit("about:blank")
    # It says hello by another name, and is given a new one: whatever it had is lost.
    firefox.set_preference("dom.push.userAgentID", uuid.uuid4().hex)
    wait_until(lambda: shop.api.bodies("subscriptions"), "the worker's report", 30)
    assert report(shop)["previous"] == before != shop.api.subscription["endpoint"]
    assert shop.push("to nobody's page") == 201
    assert shop.browser.wait_for_alert().body == "to nobody's page"
