"""The demo page in real browsers: a person turns it on, sends, turns it off, and is told what went wrong."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from dev.simulators import Simulators
from tests.browser.browser import Browser, Permission, only_in, wait_until
from tests.browser.firefox import Firefox
from tests.browser.scripted_api import APP, Refusal
from tests.browser.served import ServerThread
from tests.browser.shop import Shop

PAGE = Path(__file__).parents[2] / "dev" / "demo"


@dataclass(slots=True)
class Demo:
    """The page on one origin with the scripted server, as `make dev` has it."""

    shop: Shop
    url: str
    status: int = 200
    """What /demo/send answers."""
    sent: list[object] = field(default_factory=list)

    @property
    def browser(self) -> Browser:
        return self.shop.browser

    def visit(self) -> None:
        self.browser.visit(f"{self.url}/demo")
        wait_until(lambda: self.text("state").startswith(("On", "Off", "Blocked")), "the page to know its state")

    def text(self, part: str) -> str:
        return str(self.browser.run("return document.getElementById(arguments[0]).innerText.trim();", part))

    def press(self, part: str) -> None:
        self.browser.click(f"#{part}")

    def write(self, part: str, text: str) -> None:
        self.browser.run("document.getElementById(arguments[0]).value = arguments[1];", part, text)

    def wait_for_state(self, start: str) -> None:
        wait_until(lambda: self.text("state").startswith(start), f"the state {start}")

    def wait_for_problem(self) -> str:
        return wait_until(lambda: self.text("problem"), "an explanation")


@pytest.fixture
def demo(shop: Shop, simulators: Simulators, servers: ServerThread) -> Demo:
    application = shop.api.application()
    opened = Demo(shop, "")

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / request.match_info.get("name", "index.html"))

    async def config(_: web.Request) -> web.Response:
        curl = """curl http://localhost/v1/send -d '{"email": "reader@example.com", "title": "Hello"}'"""
        return web.json_response({"app": APP, "api": opened.url, "email": "reader@example.com", "curl": curl})

    async def send(request: web.Request) -> web.Response:
        opened.sent.append(await request.json())
        return web.json_response({}, status=opened.status)

    application.add_routes(
        [
            web.get("/demo", page),
            web.get("/demo/config.json", config),
            web.post("/demo/send", send),
            web.get("/demo/{name}", page),
        ]
    )
    opened.url = f"http://localhost:{servers.start(application)}"
    return opened


def test_a_visitor_turns_it_on_sends_and_turns_it_off(demo: Demo) -> None:
    demo.visit()
    assert demo.text("state") == "Off: this browser receives nothing yet."
    assert demo.text("step-one") == "1. Turn it on"
    demo.press("turn-on")
    demo.wait_for_state("On")
    assert demo.text("step-one") == "1. It is on"
    assert demo.shop.api.bodies("subscriptions")[0]["email"] == "reader@example.com"
    assert "reader@example.com" in demo.text("curl")
    demo.press("send-one")
    wait_until(lambda: demo.sent == [{"email": "reader@example.com"}], "the page's own send")
    assert demo.shop.notify(title="Hello", navigate=f"{demo.url}/demo").title == "Hello"
    demo.press("turn-off")
    demo.wait_for_state("Off")
    assert demo.shop.push("gone?") == 410


def test_the_command_names_the_address_that_was_given(demo: Demo) -> None:
    demo.visit()
    demo.write("email", "o'brien@example.com")
    demo.press("turn-on")
    demo.wait_for_state("On")
    assert """'{"email": "o'\\''brien@example.com",""" in demo.text("curl")


def test_the_state_and_the_address_survive_a_reload(demo: Demo) -> None:
    demo.visit()
    demo.write("email", "other@example.com")
    demo.press("turn-on")
    demo.wait_for_state("On")
    demo.visit()
    assert demo.text("state").startswith("On")
    assert "other@example.com" in demo.text("curl")


@pytest.mark.parametrize("code", ["origin_not_allowed", "rate_limited", "app_disabled", "identity_required", "odd"])
def test_a_refusal_is_explained(demo: Demo, code: str) -> None:
    demo.shop.api.refusals["config"] = [Refusal(403, code, "words of the server")]
    demo.visit()
    demo.press("turn-on")
    problem = demo.wait_for_problem()
    assert "words of the server" in problem
    assert ("The server refused." in problem) is (code == "odd")
    assert demo.text("state").startswith("Off")


def test_a_blocked_browser_is_explained(demo: Demo) -> None:
    demo.browser.permit(Permission.DENIED)
    try:
        demo.visit()
        assert demo.text("state").startswith("Blocked")
        demo.press("turn-on")
        assert "Allow them in the browser's settings" in demo.wait_for_problem()
    finally:
        demo.browser.permit(Permission.GRANTED)


@only_in("firefox")  # a Chromium without a screen asks nobody and takes it for a refusal
@pytest.mark.parametrize("allow", [True, False], ids=["allowed", "blocked"])
def test_the_browsers_own_question_is_asked_by_the_press_and_its_answer_counts(
    demo: Demo, firefox: Firefox, *, allow: bool
) -> None:
    firefox.set_preference("permissions.default.desktop-notification", 0)
    # Firefox holds a question back for a moment, against hasty clicks.
    firefox.set_preference("security.notification_enable_delay", 0)
    try:
        demo.visit()
        demo.press("turn-on")
        firefox.answer_permission_question(allow=allow)
        demo.wait_for_state("On" if allow else "Blocked")
        assert ("Notifications are blocked" in demo.text("problem")) is not allow
    finally:
        firefox.permit(Permission.GRANTED)


def test_a_send_that_failed_is_explained(demo: Demo) -> None:
    demo.visit()
    demo.press("turn-on")
    demo.wait_for_state("On")
    demo.status = 502
    demo.press("send-one")
    assert "The message was not sent." in demo.wait_for_problem()


def test_the_page_breaks_none_of_its_own_rules(demo: Demo) -> None:
    demo.visit()
    demo.press("turn-on")
    demo.wait_for_state("On")
    loaded = demo.browser.run("return performance.getEntriesByType('resource').map(({name}) => name);")
    assert isinstance(loaded, list)
    assert loaded
    assert {urlsplit(each).netloc for each in loaded} == {urlsplit(demo.url).netloc}
    sdk = next(each for each in loaded if urlsplit(each).path == "/sdk.js")
    assert parse_qs(urlsplit(sdk).query)["app"] == [APP]


def test_the_page_fits_a_small_screen_and_names_its_controls(demo: Demo) -> None:
    demo.visit()
    demo.press("turn-on")
    demo.wait_for_state("On")
    page = demo.browser
    page.resize(340, 700)
    try:
        assert page.run("return document.documentElement.scrollWidth <= innerWidth;") is True
        assert page.run("const box = document.querySelector('pre'); return box.scrollWidth <= box.clientWidth;") is True
        unnamed = page.run(
            "return [...document.querySelectorAll('button, input')]"
            ".filter((each) => !each.innerText.trim() && !each.labels?.length).length;"
        )
        assert unnamed == 0
        too_small = page.run(
            "return [...document.querySelectorAll('button, input')].filter((each) => each.offsetParent)"
            ".map((each) => [each.id, each.offsetHeight]).filter(([, height]) => height < 44);"
        )
        assert too_small == []
    finally:
        page.resize(1200, 800)
