"""Pages for people in real browsers: they fit, break none of their own rules, and pick out the reader's system."""

import json
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.browser.browser import Browser, wait_until
from tests.browser.scripted_api import served
from tests.browser.served import ServerThread
from tests.engine import MemoryEngine
from tests.http_api import HttpApi

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15"
ANDROID = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@dataclass(slots=True)
class Page:
    """/mobile as the server answers it."""

    browser: Browser
    url: str = ""
    before: list[str] = field(default_factory=list)
    """Scripts that run before the page's own."""

    def visit(self) -> None:
        self.browser.visit(f"{self.url}/mobile")
        wait_until(lambda: self.browser.run("return !document.getElementById('hint').hidden;"), "the hint")

    def pretend(self, **navigator: object) -> None:
        """Let the browser seem another one."""
        for name, value in navigator.items():
            self.before.append(f"Object.defineProperty(navigator, '{name}', {{value: {json.dumps(value)}}});")

    def opened(self) -> object:
        return self.browser.run(
            "return [...document.querySelectorAll('details[open]')].map((each) => each.dataset.system);"
        )

    def hint(self) -> str:
        return str(self.browser.run("return document.getElementById('hint').textContent;"))


@pytest.fixture
def page(browser: Browser, servers: ServerThread) -> Page:
    opened = Page(browser)
    api = HttpApi(MemoryEngine())
    answers = {path: api.call("GET", path) for path in ("/mobile", "/page.css", "/mobile.js")}

    async def answer(request: web.Request) -> web.Response:
        found = answers[request.path]
        body = found.body
        if request.path == "/mobile.js":
            body = ("".join(opened.before) + served("mobile.js")).encode()
        return web.Response(body=body, headers={k: v for k, v in found.headers.items() if k != "content-length"})

    application = web.Application()
    application.add_routes([web.get(path, answer) for path in answers])
    opened.url = f"http://localhost:{servers.start(application)}"
    return opened


def test_the_help_fits_a_small_screen_and_breaks_no_rule(page: Page) -> None:
    page.browser.resize(320, 640)
    try:
        page.visit()
        assert page.browser.run("return document.documentElement.scrollWidth <= innerWidth;") is True
        small = page.browser.run(
            "return [...document.querySelectorAll('summary, button')].filter((each) => each.checkVisibility())"
            ".map((each) => each.offsetHeight).filter((height) => height < 44);"
        )
        assert small == []
        assert (page.browser.violations(), page.browser.errors()) == ([], [])
    finally:
        page.browser.resize(1200, 800)


def test_the_readers_own_system_is_open_and_the_browser_described(page: Page) -> None:
    page.visit()
    assert page.opened() == ["linux"]
    assert page.hint() == "This browser can receive notifications."


@pytest.mark.parametrize(
    ("agent", "touch", "system"),
    [
        (f"{IPHONE} Version/18.5 Safari/604.1", 5, "ios"),
        (IPAD, 5, "ios"),
        (IPAD, 0, "mac"),
        (ANDROID, 5, "android"),
        (WINDOWS, 0, "windows"),
    ],
    ids=["iPhone", "iPad", "Mac", "Android", "Windows"],
)
def test_each_system_is_told_apart(page: Page, agent: str, touch: int, system: str) -> None:
    page.pretend(userAgent=agent, maxTouchPoints=touch)
    page.visit()
    assert page.opened() == [system]


def test_an_unknown_system_is_shown_everything(page: Page) -> None:
    page.pretend(userAgent="something new")
    page.visit()
    assert page.opened() == ["ios", "android", "mac", "windows", "linux"]


def test_a_browser_inside_another_app_is_sent_to_safari(page: Page) -> None:
    page.pretend(userAgent=f"{IPHONE} Mobile/22F76 Instagram 380.0")
    page.before.append(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { self.copied = text; }}});"
    )
    page.visit()
    assert "inside another app" in page.hint()
    page.browser.click("#copy")
    wait_until(lambda: page.browser.run("return self.copied ?? '';") == f"{page.url}/mobile", "the copied address")
    assert page.hint() == "Copied: now paste it into Safari."


def test_an_iphones_safari_is_told_of_the_home_screen_first(page: Page) -> None:
    page.pretend(userAgent=f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1")
    page.before.append("delete self.PushManager;")
    page.visit()
    assert "Home Screen" in page.hint()
    assert page.browser.run("return document.getElementById('copy').hidden;") is True
