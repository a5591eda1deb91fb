"""Pages for people: rendered here, readable without JavaScript, under a policy that lets in nothing foreign."""

import json
from functools import lru_cache
from html import escape
from string import Template
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialects.tocsin.static_files import JAVASCRIPT, static, web_file
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App

router = APIRouter()

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/")
def home(request: Request) -> Response:
    """There is nothing at the root; who asks for a page is told so by one."""
    if "text/html" not in request.headers.get("accept", ""):
        raise Refused(Fault.ROUTE_UNKNOWN, "There is nothing at this address")
    main = "<h1>Nothing here</h1><p>This server delivers notifications of other sites: look there.</p>"
    return _page("Nothing here", main, status=404)


@router.get("/mobile")
def mobile(engine: EngineDependency, app: str = "") -> Response:
    """How to get notifications on each system. app: whose, for the page to name and link the site."""
    id_ = parse("app", app)
    found = None if id_ is None else engine.authenticating.app(AppId(id_))
    if app and found is None:
        raise Refused(Fault.NOT_FOUND, "App not found: load /mobile?app=<the app's id>")
    return _page("Notifications on your device", _install_help(found), script="mobile.js")


@router.get("/page.css")
def style(request: Request) -> Response:
    """How pages look."""
    return static(request, web_file("page.css"), "text/css; charset=utf-8")


@router.get("/mobile.js")
def mobile_script(request: Request) -> Response:
    """What picks out the reader's own system on /mobile."""
    return static(request, web_file("mobile.js"), JAVASCRIPT)


def _page(title: str, main: str, *, script: str | None = None, status: int = 200) -> HTMLResponse:
    """A page. title: text. main: HTML. script: a module of ours."""
    loaded = "" if script is None else f'<script type="module" src="/{script}"></script>'
    html = _shell().substitute(title=escape(title), main=main, script=loaded)
    # Pages differ by app, and what they say of other vendors' systems ages.
    return HTMLResponse(html, status, {**_HEADERS, "Cache-Control": "no-cache"})


def _install_help(app: App | None) -> str:
    help_ = _install()
    site = "the site" if app is None else f'<a href="{escape(app.site_url)}">{escape(app.name)}</a>'
    systems = "".join(_system(each) for each in help_["systems"])
    return (
        "<h1>Notifications on your device</h1>"
        f"<p>Notifications of {site} come through your browser. How to turn them on depends on your system:</p>"
        '<p id="hint" role="status" hidden></p><button id="copy" type="button" hidden>Copy this address</button>'
        "<noscript><p>Without JavaScript this page cannot tell which system you have, so choose yours. "
        "Turning notifications on needs JavaScript, too.</p></noscript>"
        f"{systems}<footer>Last checked: {escape(help_['checked'])}.</footer>"
    )


def _system(system: dict[str, Any]) -> str:
    ways = "".join(
        f"<h3>{escape(way['with'])}</h3><ol>{''.join(f'<li>{escape(step)}</li>' for step in way['steps'])}</ol>"
        for way in system["ways"]
    )
    return (
        f'<details open data-system="{escape(system["id"])}"><summary>{escape(system["name"])}</summary>'
        f"<p>{escape(system['needs'])}</p>{ways}</details>"
    )


@lru_cache
def _shell() -> Template:
    return Template(web_file("page.html").decode())


@lru_cache
def _install() -> dict[str, Any]:
    """The steps, as data: vendors move their menus more often than this code changes."""
    steps: dict[str, Any] = json.loads(web_file("install.json"))
    return steps
