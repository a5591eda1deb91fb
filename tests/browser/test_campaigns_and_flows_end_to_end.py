"""A scheduled campaign and flows on the deployed template, from the API to two real browsers and back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.chromium import Chromium
from tests.browser.customer_site import CustomerSite
from tests.browser.firefox import Firefox
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import Customer, admin
from tests.customer import PusharyClient, expect
from tests.integration.deployed_api import DeployedApi

WELCOME = Alert("Welcome", "Good to see you")
SALE = Alert("Sale", "Today only")
THANKS = Alert("Thanks", "Here is the way")
PATIENCE = 90
"""Seconds for a schedule or a delay, which may be late by a minute."""


@pytest.fixture
def visitors(
    visitors_firefox: Firefox, visitors_chromium: Chromium, deployed: Stack, servers: ServerThread
) -> Iterator[tuple[Customer, Customer]]:
    """A visitor in each browser, on the site of one app."""
    site = CustomerSite(deployed.api, None)
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted | {"identity": "off"})
    site.worker = f'importScripts("{deployed.api}/sw.js?app={app["id"]}");'
    browsers: tuple[Browser, Browser] = visitors_firefox, visitors_chromium
    yield Customer(browsers[0], deployed, url, app), Customer(browsers[1], deployed, url, app)
    for browser in browsers:
        browser.visit("about:blank")
        browser.close_alerts()
        browser.close_other_tabs()


def wait_for(customer: Customer, alert: Alert) -> None:
    what = f"{alert.title} in {customer.browser.name}"
    wait_until(lambda: alert in customer.browser.alerts(), what, PATIENCE)


def notice(alert: Alert, url: str) -> dict[str, object]:
    """A step that shows it."""
    shown = {"title": alert.title, "body": alert.body, "actionUrl": url}
    return {"stepType": "send_notification", "config": {"notification": shown}}


@pytest.mark.row("PU-31", "PU-32", "PU-53", "PU-55", "PU-60", "PU-63")
def test_pu_31_a_campaign_and_flows_reach_both_browsers_and_a_click_there_starts_a_flow(
    visitors: tuple[Customer, Customer],
) -> None:
    clicker, other = visitors
    deployed = clicker.deployed
    key = admin(deployed, f"apps/{clicker.app['id']}/keys", {"dialect": "pushary"})["key"]
    server = PusharyClient(DeployedApi(deployed.api, deployed.dev["admin_key"]), key)

    def flow(alert: Alert, **trigger: str) -> str:
        delay = {"stepType": "delay", "config": {"delay": {"value": 2, "unit": "seconds"}}}
        steps = [delay, notice(alert, f"{clicker.url}/orders/2")]
        made = expect(201, server.call("POST", "/flows", {"name": alert.title, "steps": steps, **trigger}))
        expect(200, server.call("POST", f"/flows/{made['id']}/activate"))
        return str(made["id"])

    def runs(flow_id: str) -> int:
        return int(expect(200, server.call("GET", f"/flows/{flow_id}"))["executionCount"])

    shown = {"title": SALE.title, "body": SALE.body, "actionUrl": f"{clicker.url}/orders/1"}
    campaign = expect(201, server.call("POST", "/campaigns", {"name": "Sale", **shown}))["id"]
    welcome = flow(WELCOME, triggerType="subscription")
    thanks = flow(THANKS, triggerType="notification_click", triggerCampaignId=campaign)

    for visitor in visitors:
        visitor.visit()
        assert visitor.run("return (await push.subscribe()).subscribed;") is True
    for visitor in visitors:
        wait_for(visitor, WELCOME)
        visitor.browser.close_alerts()
    assert (runs(welcome), runs(thanks)) == (2, 0)

    at = datetime.fromtimestamp(int(time.time()) + 3, UTC).isoformat()
    planned = expect(200, server.call("PATCH", f"/campaigns/{campaign}", {"scheduledAt": at}))
    assert planned["status"] == "scheduled"
    for visitor in visitors:
        wait_for(visitor, SALE)
    clicker.browser.click_alert()
    other.browser.close_alerts()
    wait_for(clicker, THANKS)

    def told() -> dict[str, Any]:
        one, stats = (server.call("GET", f"/campaigns/{campaign}{more}") for more in ("", "/stats"))
        return {**expect(200, one), **expect(200, stats)}

    figures: dict[str, object] = {
        "totalSent": 2,
        "totalDelivered": 2,
        "deliveryRate": 100.0,
        "totalDisplayed": 2,
        "totalDismissed": 1,
    }
    figures |= {"totalClicked": 1, "clickRate": 50.0, "status": "completed"}
    wait_until(lambda: figures.items() <= told().items(), f"the campaign to tell {figures}", PATIENCE)
    assert {name: one["clicked"] for name, one in told()["pushServices"].items()} == {"mozilla": 1, "fcm": 0}
    assert (runs(welcome), runs(thanks)) == (2, 1)
    assert other.browser.alerts() == []
