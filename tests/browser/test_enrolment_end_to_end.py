"""The page behind a bNotify code, in real browsers and through the deployed template: subscribe, read, mute, leave."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, wait_until
from tests.browser.test_end_to_end import forget_requests
from tests.customer import BNotifyClient, Customer, expect
from tests.integration.deployed_api import DeployedApi

_SHOWN = "const found = document.getElementById(arguments[0]); return !!found && found.checkVisibility();"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who was shown a code, with a browser."""

    browser: Browser
    server: BNotifyClient
    link: str
    site: str

    def arrive(self, link: str | None = None) -> None:
        """Open the link of the code, or another one, and wait until the page knows what it can offer."""
        self.browser.visit(link or self.link)
        wait_until(lambda: self.shows("enrolment"), "the page to look around")

    def turn_on(self) -> None:
        self.browser.click("#turn-on")
        wait_until(lambda: self.says() == "Notifications are on.", "the page to say that they are on", 40)

    def says(self) -> str:
        return str(self.browser.run("return document.getElementById('hint').innerText.trim();"))

    def shows(self, part: str) -> bool:
        return bool(self.browser.run(_SHOWN, part))

    def inbox(self) -> list[tuple[str, bool]]:
        """Title, and whether it was read, of what the page lists."""
        listed: Any = self.browser.run(
            "return [...document.querySelectorAll('#notes details')]"
            ".map((each) => [each.querySelector('summary').textContent, !each.matches('.unread')]);"
        )
        return [(title, read) for title, read in listed]

    def reload(self) -> None:
        self.arrive(str(self.browser.run("return location.href;")))

    def wait_for_alert(self) -> Alert:
        """It goes by two queues, whose workers may start only now."""
        return wait_until(self.browser.alerts, "a notification on the desktop", 60)[0]

    def notify(self, title: str) -> dict[str, Any]:
        told: dict[str, Any] = expect(200, self.server.notify("u-17", title=title))
        return told


@pytest.fixture
def reader(visitors_browser: Browser, deployed: Stack) -> Iterator[Reader]:
    forget_requests(deployed)
    site = f"{deployed.api}/healthz"
    api = DeployedApi(deployed.api, deployed.dev["admin_key"])
    server = Customer.sign_up(api, credits=0, name="Corner Shop", site_url=site, origins=[deployed.api]).bnotify()
    arrived = Reader(visitors_browser, server, expect(200, server.code("u-17"))["deepLink"], site)
    yield arrived
    visitors_browser.visit("about:blank")
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()


@pytest.mark.row("BN-4", "BN-8", "BN-18")
def test_bn_8_the_page_behind_a_code_subscribes_the_browser_and_it_is_pushed_to(reader: Reader) -> None:
    reader.browser.resize(320, 640)
    try:
        reader.arrive()
        assert reader.browser.run("return document.title;") == "Notifications of Corner Shop"
        assert not reader.shows("on")
        reader.turn_on()
        assert reader.browser.run("return document.documentElement.scrollWidth <= innerWidth;") is True
    finally:
        reader.browser.resize(1200, 800)
    assert expect(200, reader.server.subscription("u-17"))["iuid"] == "u-17"
    assert reader.link.rpartition("/")[2] not in str(reader.browser.run("return location.href;"))
    told = reader.notify("Your table is ready")
    assert reader.wait_for_alert() == Alert(told["title"], told["text"])
    wait_until(lambda: reader.inbox() == [("Your table is ready", False)], "the page to list it")
    assert (reader.browser.violations(), reader.browser.errors()) == ([], [])


@pytest.mark.row("BN-19")
def test_bn_19_who_clicks_it_or_opens_it_in_the_list_has_read_it(reader: Reader) -> None:
    reader.arrive()
    reader.turn_on()
    for title in ("Clicked", "Opened", "Left"):
        reader.notify(title)
        reader.wait_for_alert()
        if title == "Clicked":
            reader.browser.click_alert()
            wait_until(lambda: reader.site in reader.browser.addresses(), "the site to open")
        reader.browser.close_alerts()
    wait_until(lambda: len(reader.inbox()) == 3, "the page to list them")
    reader.browser.run(
        "[...document.querySelectorAll('summary')].find((each) => each.textContent === 'Opened').click();"
    )
    wait_until(lambda: ("Opened", True) in reader.inbox(), "the page to mark it")
    expected = {"Clicked": True, "Opened": True, "Left": False}

    def all_known() -> bool:
        reader.reload()
        wait_until(lambda: len(reader.inbox()) == 3, "the page to list them")
        return dict(reader.inbox()) == expected

    wait_until(all_known, "what was read to be known")


@pytest.mark.row("BN-20")
def test_bn_20_muting_on_the_page_keeps_them_in_the_list_only(reader: Reader) -> None:
    reader.arrive()
    reader.turn_on()
    reader.browser.click("#mute")
    wait_until(lambda: expect(200, reader.server.subscription("u-17"))["mute"], "the server to know it")
    reader.notify("Quiet")
    reader.reload()
    wait_until(lambda: reader.inbox() == [("Quiet", False)], "the page to list it")
    assert reader.browser.run("return document.getElementById('mute').checked;") is True
    reader.browser.click("#mute")
    wait_until(lambda: not expect(200, reader.server.subscription("u-17"))["mute"], "the server to know it")
    reader.notify("Loud")
    assert reader.wait_for_alert().title == "Loud"


def test_turning_off_ends_the_subscription_and_the_link_brings_it_back(reader: Reader) -> None:
    reader.arrive()
    reader.turn_on()
    reader.browser.click("#turn-off")
    wait_until(lambda: reader.server.subscription("u-17").status == 404, "the subscription to end")
    wait_until(lambda: reader.shows("turn-on"), "the button to come back")
    assert not reader.shows("on")
    reader.turn_on()
    expect(200, reader.server.subscription("u-17"))


@pytest.mark.row("BN-7")
def test_bn_7_a_revoked_code_says_what_to_do(reader: Reader) -> None:
    reader.arrive()
    assert reader.server.call("DELETE", "/subscriptions/u-17/code").status == 204
    reader.browser.click("#turn-on")
    wait_until(lambda: "Ask whoever gave it to you" in reader.says(), "the page to say so")
    assert reader.server.subscription("u-17").status == 404
    reader.browser.visit(reader.link)
    assert reader.browser.run("return document.querySelector('h1').textContent;") == "Link expired"
