"""What Pushary's client offers a page, done with our SDK in real browsers against the deployed template (PU-80)."""

from collections.abc import Iterator
from typing import Any

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.customer_site import CustomerSite
from tests.browser.served import ServerThread
from tests.browser.test_customer_site_end_to_end import Customer, admin
from tests.customer import PusharyClient, expect
from tests.integration.deployed_api import DeployedApi

ASK = "window.answer = push.prompt({delay: 800, text: 'News?', accept: 'Please', tags: ['visitor']});"
ASKED = "return !!document.querySelector('#tocsin-prompt');"
SAY_YES = "document.querySelector('#tocsin-prompt button').click(); return (await window.answer).subscribed;"
CLICKS = "return window.events.filter(({type}) => type === 'click').map(({detail}) => detail);"


@pytest.fixture
def customer(visitors_browser: Browser, deployed: Stack, servers: ServerThread) -> Iterator[Customer]:
    """An app with a site of its own."""
    site = CustomerSite(deployed.api, None)
    url = f"http://localhost:{servers.start(site.application())}"
    tenant = admin(deployed, "tenants", {"name": "Corner Shop"})["id"]
    wanted = {"name": "Corner Shop", "site_url": url, "origins": [url], "contact": "mailto:ops@example.com"}
    app = admin(deployed, f"tenants/{tenant}/apps", wanted | {"identity": "off"})
    site.worker = f'importScripts("{deployed.api}/sw.js?app={app["id"]}");'
    yield Customer(visitors_browser, deployed, url, app)
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


@pytest.mark.row("PU-80")
def test_pu_80_a_visitor_is_asked_subscribes_is_named_and_tagged_hears_of_clicks_and_leaves(customer: Customer) -> None:
    key = admin(customer.deployed, f"apps/{customer.app['id']}/keys", {"dialect": "pushary"})["key"]
    server = PusharyClient(DeployedApi(customer.deployed.api, customer.deployed.dev["admin_key"]), key)

    def subscriber() -> dict[str, Any]:
        [shown] = expect(200, server.call("GET", "/subscribers", query={"externalId": "user_123"}))["data"]
        return dict(shown)

    customer.visit()
    customer.run(ASK)
    assert customer.run(ASKED) is False
    wait_until(lambda: bool(customer.run(ASKED)), "the question")
    assert customer.run(SAY_YES) is True
    customer.run("await push.identify('user_123');")
    assert (subscriber()["status"], subscriber()["tags"]) == ("active", ["visitor"])
    customer.run("await push.setTags(['premium', 'newsletter']);")
    assert subscriber()["tags"] == ["premium", "newsletter"]

    sent = expect(200, server.send(title="For some", body="and for you", tags=["premium"], url=f"{customer.url}/#hi"))
    assert sent["sent"] == 1
    assert customer.browser.wait_for_alert() == Alert("For some", "and for you")
    customer.browser.click_alert()
    wait_until(lambda: bool(customer.run(CLICKS)), "the click")
    assert [click["url"] for click in customer.run(CLICKS)] == [f"{customer.url}/#hi"]

    customer.run("await push.unsubscribe();")
    assert subscriber()["status"] == "unsubscribed"
    assert server.send(tags=["premium"]).json == {"error": "No subscribers found"}
