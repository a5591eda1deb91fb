"""What browsers load: the SDK, the worker, pages; and whether we are alive."""

import json

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialect_kit.static_files import JAVASCRIPT, static, web_file
from tocsin.dialects.tocsin import docs, pages
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId

router = APIRouter()
router.include_router(pages.router)
router.include_router(docs.router)


@router.get("/healthz")
def healthz() -> dict[str, object]:
    """This function runs and can answer."""
    return {"status": "ok"}


@router.get("/sdk.js")
def sdk(request: Request) -> Response:
    """The browser SDK, an ES module; any site may load it."""
    return static(request, web_file("sdk.js"), JAVASCRIPT, any_site=True)


@router.get("/sdk.d.ts")
def sdk_types(request: Request) -> Response:
    """The SDK's types."""
    return static(request, web_file("sdk.d.ts"), "text/plain; charset=utf-8", any_site=True)


@router.get("/sw.js")
def worker(request: Request, engine: EngineDependency, app: str = "") -> Response:
    """The service worker for importScripts, with the app's settings in front of it.

    api and key are there so that the worker can subscribe anew by itself, with no page open and no storage.
    """
    id_ = parse("app", app)
    found = None if id_ is None else engine.authenticating.app(AppId(id_))
    if found is None:
        raise Refused(Fault.NOT_FOUND, "App not found: load /sw.js?app=<the app's id>")
    settings = {
        "app": app,
        "api": engine.public_url,
        "key": found.vapid_public,
        "site": found.site_url,
        "title": found.name,
        "icon": found.icon,
    }
    # "<" cannot end a script here, but the line stays harmless wherever somebody pastes it.
    line = json.dumps(settings, separators=(",", ":")).replace("<", "\\u003c")
    return static(request, f"self.TOCSIN={line};\n".encode() + web_file("sw.js"), JAVASCRIPT)
