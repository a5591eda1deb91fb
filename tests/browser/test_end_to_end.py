"""From the demo page to the desktop, through the deployed template: what a newcomer does, in real browsers."""

import json
import os
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import pytest

from dev.stack import Stack
from tests.browser.browser import Alert, Browser, only_in, wait_until


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered to the curl line."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a browser on the demo page, and a terminal."""

    browser: Browser
    deployed: Stack

    @classmethod
    def arrive(cls, browser: Browser, deployed: Stack) -> Self:
        browser.visit(f"{deployed.api}/demo/")
        visitor = cls(browser, deployed)
        visitor.wait_for_state("Off")
        return visitor

    def turn_on(self, email: str) -> None:
        self.browser.run("document.getElementById('email').value = arguments[0];", email)
        self.browser.click("#turn-on")
        self.wait_for_state("On")

    def turn_off(self) -> None:
        self.browser.click("#turn-off")
        self.wait_for_state("Off")

    def wait_for_state(self, start: str) -> None:
        def reached() -> bool:
            problem = self.text("problem")
            assert not problem, problem
            return self.text("state").startswith(start)

        wait_until(reached, f"the page to say {start}", 40)

    def text(self, part: str) -> str:
        return str(self.browser.run("return document.getElementById(arguments[0]).innerText.trim();", part))

    @property
    def command(self) -> str:
        """The line to paste, as the page shows it."""
        return self.text("curl")

    def credits(self) -> int:
        request = urllib.request.Request(
            f"{self.deployed.api}/admin/apps/{self.deployed.dev['app']}/credits",
            headers={"Authorization": f"Bearer {self.deployed.dev['admin_key']}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(json.load(answer)["available"])

    def browser_reports(self) -> list[dict[str, Any]]:
        """What Firefox reported to its push service about each message: 100 is delivered, 101 cannot be decrypted."""
        with urllib.request.urlopen(f"{self.deployed.simulator}/firefox", timeout=30) as answer:
            reports: list[dict[str, Any]] = json.load(answer)["acks"]
            return reports


def forget_requests(deployed: Stack) -> None:
    """Let the next visitor come as from another address: from one, a browser may ask 30 times a minute."""
    with closing(deployed.aws("dynamodb")) as database:
        (table,) = (name for name in database.list_tables()["TableNames"] if "Credits" in name)
        windows = database.scan(
            TableName=table,
            FilterExpression="begins_with(pk, :network)",
            ExpressionAttributeValues={":network": {"S": "RATE#net."}},
        )
        for item in windows["Items"]:
            database.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


@pytest.fixture
def visitor(visitors_browser: Browser, deployed: Stack) -> Iterator[Visitor]:
    forget_requests(deployed)
    arrived = Visitor.arrive(visitors_browser, deployed)
    yield arrived
    visitors_browser.close_alerts()
    visitors_browser.close_other_tabs()
    if arrived.text("state").startswith("On"):
        arrived.turn_off()


def paste(command: str) -> Answer:
    """Run a line in a shell, as it stands; only the status is asked for in addition."""
    # Without the machine's proxy settings: the address is this machine's own.
    done = subprocess.run(
        f"{command} -w '\\n%{{http_code}}'",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    body, _, status = done.stdout.rpartition("\n")
    return Answer(int(status), json.loads(body))


def with_fields(command: str, **fields: str) -> str:
    """The same line with more fields in its body."""
    words = shlex.split(command)
    place = words.index("-d") + 1
    words[place] = json.dumps(json.loads(words[place]) | fields)
    return shlex.join(words)


@pytest.mark.row("PS-9", "PS-10", "PS-16")
def test_the_printed_line_reaches_the_desktop_and_costs_one_credit(visitor: Visitor) -> None:
    visitor.turn_on("one@example.com")
    before = visitor.credits()
    answer = paste(visitor.command)
    assert answer == Answer(200, {"sent": 1, "failed": 0, "credits": before - 1})
    assert visitor.browser.wait_for_alert() == Alert("Your table is ready", "Head to the host stand.")
    assert visitor.credits() == before - 1


@only_in("firefox", "visitors_browser")  # Chromium tells its push service nothing
def test_the_browser_reports_that_it_could_decrypt(visitor: Visitor) -> None:
    visitor.turn_on("decrypted@example.com")
    assert paste(visitor.command).status == 200
    visitor.browser.wait_for_alert()
    wait_until(lambda: [each["code"] for each in visitor.browser_reports()][-1:] == [100], "Firefox to report it")


@pytest.mark.row("PS-14")
def test_title_and_body_arrive_exactly(visitor: Visitor) -> None:
    visitor.turn_on("exact@example.com")
    title, body = "Grüße aus Zürich ✓", 'Zeile 1\nZeile 2: "<b>&amp;</b>" 🎉' + "x" * 500
    assert paste(with_fields(visitor.command, title=title, body=body)).status == 200
    assert visitor.browser.wait_for_alert() == Alert(title, body)


@pytest.mark.row("PS-15")
def test_a_click_opens_the_url(visitor: Visitor) -> None:
    visitor.turn_on("click@example.com")
    target = f"{visitor.deployed.api}/healthz?from=push#here"
    assert paste(with_fields(visitor.command, url=target)).status == 200
    visitor.browser.wait_for_alert()
    visitor.browser.click_alert()
    wait_until(lambda: visitor.browser.selected_address() == target, "the target in front")


def test_the_page_sends_by_itself_without_knowing_the_key(visitor: Visitor) -> None:
    visitor.turn_on("page@example.com")
    visitor.browser.click("#send-one")
    assert visitor.browser.wait_for_alert().title == "Hello from Tocsin"


@pytest.mark.row("PS-25", "PS-30")
def test_after_turning_off_nobody_is_left_to_send_to(visitor: Visitor) -> None:
    visitor.turn_on("off@example.com")
    command = visitor.command
    visitor.turn_off()
    before = visitor.credits()
    assert paste(command).status == 404
    assert visitor.credits() == before
    assert visitor.browser.alerts() == []


@pytest.mark.row("PS-11", "PS-17", "PS-30")
def test_a_browser_that_left_without_a_word_is_found_by_the_next_send(visitor: Visitor) -> None:
    visitor.turn_on("gone@example.com")
    visitor.browser.run_async(
        """
        const registration = await navigator.serviceWorker.getRegistration("/demo/");
        await (await registration.pushManager.getSubscription()).unsubscribe();
        """
    )
    before = visitor.credits()
    # The push service answers 410 to the first; the second finds nobody.
    assert paste(visitor.command) == Answer(200, {"sent": 0, "failed": 1, "credits": before})
    assert paste(visitor.command).status == 404
    assert visitor.credits() == before


def test_turning_on_again_reaches_the_browser_again(visitor: Visitor) -> None:
    visitor.turn_on("again@example.com")
    visitor.turn_off()
    visitor.turn_on("again@example.com")
    assert paste(visitor.command).body["sent"] == 1
    visitor.browser.wait_for_alert()
