"""What both browsers tell of a page's own faults, so that a test which finds none has really looked."""

import pytest
from aiohttp import web

from tests.browser.browser import Browser, BrowserError, Permission, ScriptError, wait_until
from tests.browser.served import ServerThread

POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script';"
    " trusted-types tocsin"
)
PAGE = """<!doctype html>
<title>Faulty</title>
<style>b { color: red }</style>
<script src="/page.js"></script>
<button id="press" onclick="">Press</button>
"""
SCRIPT = """
console.error("said", 7);
console.warn("no error");
setTimeout(() => { throw new TypeError("thrown"); });
Promise.reject(new Error("rejected"));
const attempt = (work) => { try { work(); } catch {} };
attempt(() => { document.documentElement.innerHTML = "<b>x</b>"; });
attempt(() => trustedTypes.createPolicy("other", {}));
fetch("http://localhost:1/").catch(() => {});
window.presses = [];
addEventListener("click", (event) => window.presses.push(event.isTrusted));
"""


@pytest.fixture
def site(servers: ServerThread) -> str:
    """A page that breaks its own policy in every way, and one that is in order."""

    async def faulty(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    async def fine(_: web.Request) -> web.Response:
        return web.Response(text="<title>Fine</title>", content_type="text/html")

    application = web.Application()
    application.add_routes([web.get("/", faulty), web.get("/page.js", script), web.get("/fine", fine)])
    return f"http://localhost:{servers.start(application)}"


def test_broken_policies_and_errors_are_told_until_the_next_visit(browser: Browser, site: str) -> None:
    broken = {"style-src-elem", "script-src-attr", "require-trusted-types-for", "trusted-types", "connect-src"}
    browser.visit(site)
    wait_until(lambda: set(browser.violations()) >= broken, "every violation")
    wait_until(lambda: len(browser.errors()) == 3, "every error")
    assert set(browser.violations()) == broken
    assert set(browser.errors()) == {"said 7", "TypeError: thrown", "Error: rejected"}
    browser.visit(f"{site}/fine")
    assert (browser.violations(), browser.errors()) == ([], [])


def test_a_click_counts_as_a_persons(browser: Browser, site: str) -> None:
    browser.visit(site)
    browser.click("#press")
    assert browser.run("return window.presses;") == [True]


def test_failures_of_scripts_and_pages_are_errors(browser: Browser, site: str) -> None:
    browser.visit(site)
    with pytest.raises(ScriptError, match="TypeError: no") as failure:
        browser.run_async("throw Object.assign(new TypeError('no'), {code: args[0]});", 7)
    assert failure.value.code == 7
    with pytest.raises(BrowserError):
        browser.run("throw new Error(arguments[0]);", "no")
    with pytest.raises(BrowserError):
        browser.click("#missing")
    with pytest.raises(BrowserError):
        browser.visit("http://localhost:1/")


def test_a_permission_holds_for_every_site(browser: Browser, site: str) -> None:
    try:
        browser.permit(Permission.DENIED)
        browser.visit(f"{site}/fine")
        assert browser.run("return Notification.permission;") == "denied"
    finally:
        browser.permit(Permission.GRANTED)
    browser.visit(f"{site}/fine")
    assert browser.run("return Notification.permission;") == "granted"
