"""The page behind a code where a browser cannot subscribe at once: what it says, and what it keeps out of sight."""

import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from tests.browser.browser import Browser, wait_until
from tests.browser.scripted_api import served
from tests.browser.served import ServerThread
from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi

IPHONE = {"standalone": False, "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari/604.1"}
_SHOWN = "return ['turn-on', 'on', 'install'].filter((each) => document.getElementById(each).checkVisibility());"


def visit(
    browser: Browser, servers: ServerThread, before: str = "", navigator: Mapping[str, object] | None = None
) -> str:
    """Open the page of a new code, with a script that runs before its own; what the page says."""
    api = HttpApi(MemoryEngine())
    customer = Customer.sign_up(api)
    code = expect(200, customer.bnotify().code("u-17"))["code"]
    pretended = "".join(
        f"Object.defineProperty(navigator, {json.dumps(name)}, {{value: {json.dumps(value)}}});"
        for name, value in (navigator or {}).items()
    )

    # Asked for here, because the application in this process has a loop of its own.
    page, manifest = f"/qrcode/{code}", f"/qrcode/{code}/manifest.json"
    answers = {path: api.call("GET", path) for path in (page, "/page.css", "/enrol.js", "/sdk.js")}
    answers[manifest] = api.call("GET", manifest, query={"app": customer.app})

    async def answer(request: web.Request) -> web.Response:
        found = answers[request.path]
        body = found.body
        if request.path == "/enrol.js":
            body = (pretended + before + served("enrol.js")).encode()
        hidden = {"content-length", "content-encoding"}
        return web.Response(body=body, headers={k: v for k, v in found.headers.items() if k not in hidden})

    application = web.Application()
    application.add_routes([web.get(path, answer) for path in answers])
    browser.visit(f"http://localhost:{servers.start(application)}{page}")
    wait_until(lambda: browser.run("return !document.getElementById('enrolment').hidden;"), "the page to look around")
    return str(browser.run("return document.getElementById('hint').textContent;"))


@pytest.mark.row("BN-8")
def test_bn_8_an_iphone_is_shown_the_way_to_its_home_screen_first(browser: Browser, servers: ServerThread) -> None:
    said = visit(browser, servers, "delete self.PushManager;", IPHONE)
    assert "Home Screen first" in said
    assert browser.run(_SHOWN) == ["install"]
    words = str(browser.run("return document.getElementById('install').innerText;"))
    assert "Add to Home Screen" in words
    assert "Android" not in words


def test_a_browser_that_cannot_receive_anything_is_told_so(browser: Browser, servers: ServerThread) -> None:
    assert "cannot receive notifications" in visit(browser, servers, "delete self.PushManager;")
    assert browser.run(_SHOWN) == []


def test_a_browser_that_can_is_offered_one_button_and_breaks_no_rule(browser: Browser, servers: ServerThread) -> None:
    assert visit(browser, servers) == ""
    assert browser.run(_SHOWN) == ["turn-on"]
    assert (browser.violations(), browser.errors()) == ([], [])
