"""Files of tocsin.web as browsers get them: cacheable, compressed, taken for nothing else than they are."""

import gzip
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

JAVASCRIPT = "text/javascript; charset=utf-8"
_CACHE = "public, max-age=3600, stale-while-revalidate=86400"


def static(request: Request, content: bytes, media_type: str, *, any_site: bool = False) -> Response:
    """A cacheable answer; HTTP APIs do not compress, so we do. any_site: pages of every origin may read it."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"Cache-Control": _CACHE, "ETag": tag, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if any_site:
        headers["Access-Control-Allow-Origin"] = "*"
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = _zipped(content), "gzip"
    return Response(content, media_type=media_type, headers=headers)


@lru_cache
def web_file(name: str) -> bytes:
    """The content of a file of tocsin.web."""
    return (files("tocsin.web") / name).read_bytes()


@lru_cache(maxsize=64)
def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
