"""What browsers load: the SDK, the worker; and whether we are alive."""

import gzip
import json
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId

router = APIRouter()

_JAVASCRIPT = "text/javascript; charset=utf-8"
_CACHE = "public, max-age=3600, stale-while-revalidate=86400"


@router.get("/healthz")
def healthz() -> dict[str, object]:
    """This function runs and can answer."""
    return {"status": "ok"}


@router.get("/sdk.js")
def sdk(request: Request) -> Response:
    """The browser SDK, an ES module; any site may load it."""
    return _static(request, _file("sdk.js"), _JAVASCRIPT, {"Access-Control-Allow-Origin": "*"})


@router.get("/sdk.d.ts")
def sdk_types(request: Request) -> Response:
    """The SDK's types."""
    return _static(request, _file("sdk.d.ts"), "text/plain; charset=utf-8", {"Access-Control-Allow-Origin": "*"})


@router.get("/sw.js")
def worker(request: Request, engine: EngineDependency, app: str = "") -> Response:
    """The service worker for importScripts, with the app's settings in front of it."""
    id_ = parse("app", app)
    found = None if id_ is None else engine.authenticating.app(AppId(id_))
    if found is None:
        raise Refused(Fault.NOT_FOUND, "App not found: load /sw.js?app=<the app's id>")
    settings = {
        "app": app,
        "site": found.site_url,
        "title": found.name,
        "icon": found.icon,
    }
    # "<" cannot end a script here, but the line stays harmless wherever somebody pastes it.
    line = json.dumps(settings, separators=(",", ":")).replace("<", "\\u003c")
    return _static(request, f"self.TOCSIN={line};\n".encode() + _file("sw.js"), _JAVASCRIPT, {})


def _static(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """A cacheable file; HTTP APIs do not compress, so we do."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {**headers, "Cache-Control": _CACHE, "ETag": tag, "Vary": "Accept-Encoding"}
    headers["X-Content-Type-Options"] = "nosniff"
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _zipped(content), "gzip"
    return Response(content, media_type=media_type, headers=headers)


@lru_cache
def _file(name: str) -> bytes:
    return (files("tocsin.web") / name).read_bytes()


@lru_cache(maxsize=64)
def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
