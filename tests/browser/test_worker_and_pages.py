"""What the worker tells pages that are open, and what it leaves for the one that a click opens, in real browsers."""

import time

import pytest

from tests.browser.browser import wait_until
from tests.browser.shop import Shop

PERSON = "AAAAAAAAAAA"


def heard(shop: Shop, kind: str) -> list[dict[str, object]]:
    """Details of the events of one kind that the page heard."""
    found = shop.run("return window.events.filter(({type}) => type === args[0]).map(({detail}) => detail);", kind)
    assert isinstance(found, list)
    return found


def test_an_open_page_hears_of_a_notification_and_of_the_customers_own_data(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.notify(title="Order", body="ready", data={"id": "m1", "d": {"order": 7}})
    wait_until(lambda: heard(shop, "notification"), "the event")
    assert heard(shop, "notification") == [{"id": "m1", "title": "Order", "body": "ready", "data": {"order": 7}}]


def test_an_open_page_hears_of_a_click(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    target = f"{shop.url}/orders/3"
    shop.notify(title="Order", navigate=target, data={"id": "m1", "d": {"order": 3}})
    shop.browser.click_alert()
    wait_until(lambda: heard(shop, "click"), "the event")
    assert heard(shop, "click") == [{"id": "m1", "action": None, "url": target, "data": {"order": 3}}]


def test_an_open_page_hears_nothing_of_what_is_withheld(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.notify(title="Private", body="b", data={"id": "m1", "u": PERSON, "d": {"order": 7}})
    shop.browser.close_alerts()
    shop.notify(title="Public", data={"id": "m2"})
    wait_until(lambda: heard(shop, "notification"), "the second event")
    assert [each["title"] for each in heard(shop, "notification")] == ["Public"]


def test_the_target_of_a_click_is_left_for_the_page(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    target = f"{shop.url}/orders/4"
    shop.notify(title="Order", navigate=target)
    shop.browser.click_alert()
    wait_until(lambda: target in shop.browser.addresses(), "the page")
    left = shop.kept()["go"]
    assert isinstance(left, dict)
    assert left["url"] == target
    assert abs(left["t"] / 1000 - time.time()) < 15


@pytest.mark.parametrize(
    ("standalone", "age_ms", "path", "arrives"),
    [
        ("true", 0, "/orders/5", True),
        ("false", 0, "/orders/5", False),
        ("true", 16_000, "/orders/5", False),
        ("true", 0, "//elsewhere.example/", False),
    ],
    ids=["iOS", "elsewhere", "long ago", "another site"],
)
def test_an_app_on_the_home_screen_goes_where_a_click_asked_for(
    shop: Shop, standalone: str, age_ms: int, path: str, arrives: bool
) -> None:
    shop.visit()
    shop.subscribe()
    url = f"http:{path}" if path.startswith("//") else shop.url + path
    shop.change_kept(go={"url": url, "t": time.time() * 1000 - age_ms})
    shop.site.before = f"navigator.standalone = {standalone};"
    shop.visit()
    if arrives:
        wait_until(lambda: url in shop.browser.addresses(), "the target")
    else:
        assert shop.state()["subscribed"] is True
        assert url not in shop.browser.addresses()
