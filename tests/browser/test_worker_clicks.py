"""A click is reported where a message says with which token, and nowhere else."""

import json

from tests.browser.browser import wait_until
from tests.browser.scripted_api import AWAY
from tests.browser.shop import Shop


def clicked(shop: Shop, **data: object) -> None:
    """Push a message, click it, and wait until its target is open."""
    shop.visit()
    shop.subscribe()
    own = {"id": "m1", **data}
    shown = {"title": "Your order", "body": "is on its way", "navigate": f"{shop.url}/orders/1", "data": own}
    assert shop.push(json.dumps({"notification": shown})) == 201
    shop.browser.wait_for_alert()
    shop.browser.click_alert()
    wait_until(lambda: f"{shop.url}/orders/1" in shop.browser.addresses(), "the target")


def test_a_click_is_reported_with_the_messages_token(shop: Shop) -> None:
    clicked(shop, k="t1")
    wait_until(lambda: shop.api.bodies("clicks") == [{"id": "m1", "token": "t1"}], "the report")


def test_a_message_of_which_nobody_wants_to_know_reports_nothing(shop: Shop) -> None:
    clicked(shop)
    assert shop.api.bodies("clicks") == []


def test_a_report_that_fails_stops_nobody(shop: Shop) -> None:
    shop.api.refusals["clicks"] = [AWAY]
    clicked(shop, k="t1")
    wait_until(lambda: bool(shop.api.bodies("clicks")), "the report")
