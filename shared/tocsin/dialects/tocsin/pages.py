"""Pages for people: how to get notifications on each system, and who sets limits."""

from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialect_kit.pages import help_by_system, install_help, page
from tocsin.dialect_kit.static_files import JAVASCRIPT, static, web_file
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App

router = APIRouter()


@router.get("/mobile")
def mobile(engine: EngineDependency, app: str = "") -> Response:
    """How to get notifications on each system. app: whose, for the page to name and link the site."""
    id_ = parse("app", app)
    found = None if id_ is None else engine.authenticating.app(AppId(id_))
    if app and found is None:
        raise Refused(Fault.NOT_FOUND, "App not found: load /mobile?app=<the app's id>")
    return page("Notifications on your device", _install_help(found), script="mobile.js")


@router.get("/plans")
def plans() -> Response:
    """Who sets the limits that a refused send has met."""
    return page("Limits of this server", _PLANS)


@router.get("/page.css")
def style(request: Request) -> Response:
    """How pages look."""
    return static(request, web_file("page.css"), "text/css; charset=utf-8")


@router.get("/mobile.js")
def mobile_script(request: Request) -> Response:
    """What picks out the reader's own system on /mobile."""
    return static(request, web_file("mobile.js"), JAVASCRIPT)


@router.get("/enrol.js")
def enrolment_script(request: Request) -> Response:
    """What turns notifications on where somebody brings an enrolment code."""
    return static(request, web_file("enrol.js"), JAVASCRIPT)


_PLANS = (
    "<h1>Limits of this server</h1>"
    "<p>Each app may send so many notifications an hour, a day and a month. Hours, days and months are those of the "
    "clock and the calendar in UTC.</p>"
    "<p>Who runs this server sets the limits, in the settings of the app: <code>PATCH /admin/apps/{app}</code> with "
    '<code>{"limits": {"hourly": null, "daily": null, "monthly": 20000}}</code>, where <code>null</code> stands for no '
    "limit. A change works within half a minute.</p>"
)


def _install_help(app: App | None) -> str:
    site = "the site" if app is None else f'<a href="{escape(app.site_url)}">{escape(app.name)}</a>'
    return (
        "<h1>Notifications on your device</h1>"
        f"<p>Notifications of {site} come through your browser. How to turn them on depends on your system:</p>"
        '<p id="hint" role="status" hidden></p><button id="copy" type="button" hidden>Copy this address</button>'
        "<noscript><p>Without JavaScript this page cannot tell which system you have, so choose yours. "
        "Turning notifications on needs JavaScript, too.</p></noscript>"
        f"{help_by_system()}<footer>Last checked: {escape(install_help()['checked'])}.</footer>"
    )
