"""Several tabs at once, and a storage that fails, in real browsers."""

from tests.browser.browser import wait_until
from tests.browser.shop import Shop

SECOND_TAB = """
window.tab = open(location.href);
while (!window.tab.push) await new Promise((resolve) => setTimeout(resolve, 20));
await window.tab.push.ready;
"""
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined});"
NO_STORAGE = "IDBFactory.prototype.open = () => ({});"


def test_two_calls_at_once_make_one_subscription(shop: Shop) -> None:
    shop.visit()
    shop.run("return Promise.all([push.subscribe(), push.subscribe()]);")
    first, second = (body["subscription"] for body in shop.api.bodies("subscriptions"))
    assert first == second
    # One after the other, not interleaved.
    assert [call.path.rpartition("/")[2] for call in shop.api.calls] == ["config", "subscriptions"] * 2


def test_another_tab_learns_of_it(shop: Shop) -> None:
    shop.visit()
    shop.state()
    other = shop.run(
        "const tab = open(location.href); while (!tab.push) await new Promise(r => setTimeout(r, 20));"
        " window.tab = tab; await tab.push.ready; return tab.push.getState().subscribed;"
    )
    assert other is False
    shop.subscribe()
    wait_until(lambda: shop.run("return window.tab.push.getState().id;") == "sub_1", "the other tab's state")


def test_storage_that_hangs_costs_a_second_and_nothing_else(shop: Shop) -> None:
    shop.site.before = "IDBFactory.prototype.open = () => ({});"
    shop.visit()
    assert shop.subscribe()["id"] == "sub_1"
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert shop.api.bodies("unsubscribe") == [{"id": "sub_1"}]


def test_without_locks_two_calls_at_once_still_make_one_subscription(shop: Shop) -> None:
    shop.site.before = NO_LOCKS
    shop.visit()
    shop.run("return Promise.all([push.subscribe(), push.subscribe()]);")
    assert [call.path.rpartition("/")[2] for call in shop.api.calls] == ["config", "subscriptions"] * 2


def test_a_failure_does_not_stop_what_waits_behind_it(shop: Shop) -> None:
    shop.site.before = NO_LOCKS
    shop.visit()
    shop.site.worker, worker = None, shop.site.worker
    shop.run("window.first = push.subscribe().catch(({code}) => code); await window.first;")
    shop.site.worker = worker
    assert shop.run("return window.first;") == "worker_missing"
    assert shop.subscribe()["subscribed"] is True


def test_two_tabs_pressing_the_button_make_one_subscription(shop: Shop) -> None:
    shop.visit()
    shop.run(SECOND_TAB)
    ids = shop.run(
        "const states = await Promise.all([push.subscribe(), window.tab.push.subscribe()]);"
        " return states.map(({id}) => id);"
    )
    assert ids == ["sub_1", "sub_1"]
    first, second = (body["subscription"] for body in shop.api.bodies("subscriptions"))
    assert first == second
    # One after the other, not interleaved.
    assert [call.path.rpartition("/")[2] for call in shop.api.calls] == ["config", "subscriptions"] * 2


def test_an_unsubscription_in_one_tab_is_one_in_the_other(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.run(SECOND_TAB)
    shop.run("window.heard = 0; window.tab.push.on('unsubscribe', () => (window.heard += 1));")
    shop.run("await push.unsubscribe();")
    wait_until(lambda: shop.run("return window.heard;") == 1, "the other tab's event")
    assert shop.run("return window.tab.push.getState().subscribed;") is False


def test_state_travels_between_tabs_where_storage_hangs(shop: Shop) -> None:
    shop.site.before = NO_STORAGE
    shop.visit()
    shop.run(SECOND_TAB)
    shop.subscribe()
    wait_until(lambda: shop.run("return window.tab.push.getState().id;") == "sub_1", "the other tab's state")


def test_storage_that_hangs_is_waited_for_once(shop: Shop) -> None:
    shop.site.before = NO_STORAGE
    shop.visit()
    shop.run("await push.ready;")
    took = shop.run("const start = Date.now(); await push.identify('u1'); return Date.now() - start;")
    assert isinstance(took, (int, float))
    assert took < 500


def test_the_database_can_be_deleted_or_upgraded_at_any_time(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    outcome = shop.run(
        """
        const request = indexedDB.deleteDatabase("tocsin");
        return new Promise((resolve) => {
          request.onsuccess = () => resolve("deleted");
          request.onblocked = () => resolve("blocked");
        });
        """
    )
    assert outcome == "deleted"
    # What is forgotten comes back with the next press: browser and server know it.
    assert shop.run("return (await push.subscribe()).subscribed;") is True
    first, second = (body["subscription"] for body in shop.api.bodies("subscriptions"))
    assert first == second


def test_page_and_worker_do_not_overwrite_each_other(shop: Shop) -> None:
    shop.site.before = """
      const real = window.fetch;
      window.held = new Promise((resolve) => (window.release = resolve));
      window.fetch = async (url, ...rest) => {
        if (url.endsWith("/identify")) await window.held;
        return real(url, ...rest);
      };
    """
    shop.visit()
    shop.subscribe()
    shop.run("window.naming = push.identify('u1');")
    # The worker writes between what the page read and what it writes.
    shop.notify(title="t", data={"id": "m1"})
    wait_until(lambda: shop.kept().get("seen"), "the worker's note")
    shop.run("window.release(); await window.naming;")
    kept = shop.kept()
    assert kept["seen"] == ["m1"]
    assert kept["person"]["externalId"] == "u1"  # type: ignore[index]
