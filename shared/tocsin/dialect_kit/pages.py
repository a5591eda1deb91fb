"""Pages for people: rendered here, readable without JavaScript, under a policy that lets in nothing foreign."""

import json
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from string import Template
from typing import Any

from starlette.responses import HTMLResponse

from tocsin.dialect_kit.static_files import web_file

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
READS_ONLY = "trusted-types 'none'"
SUBSCRIBES = "connect-src 'self'; manifest-src 'self'; trusted-types tocsin"
"""For a page that loads the SDK: it calls us, and names the worker through a policy of its own."""
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(
    title: str,
    main: str,
    *,
    script: str | None = None,
    style: str | None = None,
    manifest: str | None = None,
    policy: str = READS_ONLY,
    status: int = 200,
) -> HTMLResponse:
    """A page. title: text. main: HTML.

    script: a module of ours. style: a sheet beside that of all pages. manifest: the path of what makes it an app.
    """
    head = "" if script is None else f'<script type="module" src="/{script}"></script>'
    if style is not None:
        head += f'<link rel="stylesheet" href="/{style}">'
    if manifest is not None:
        head += f'<link rel="manifest" href="{escape(manifest)}">'
    html = _shell().substitute(title=escape(title), main=main, head=head)
    # Pages differ by app, and what they say of other vendors' systems ages.
    headers = {**_HEADERS, "Content-Security-Policy": f"{_POLICY}; {policy}", "Cache-Control": "no-cache"}
    return HTMLResponse(html, status, headers)


def help_by_system() -> str:
    """How to turn notifications on, for each system, as HTML."""
    return "".join(map(_system, install_help()["systems"]))


def help_for(system: str) -> str:
    """The same for one system, by its id."""
    return "".join(_system(each) for each in install_help()["systems"] if each["id"] == system)


@lru_cache
def install_help() -> Mapping[str, Any]:
    """The steps, as data: vendors move their menus more often than this code changes."""
    steps: Mapping[str, Any] = json.loads(web_file("install.json"))
    return steps


def _system(system: Mapping[str, Any]) -> str:
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
