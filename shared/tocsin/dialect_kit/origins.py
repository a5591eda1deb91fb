"""Cross-origin calls: only publishable routes answer them, and only to origins that the app allows (X-7)."""

from starlette.requests import Request
from starlette.responses import Response

from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import App

MAX_AGE = 600


def check_origin(request: Request, app: App) -> None:
    """Raises Refused: ORIGIN_NOT_ALLOWED, unless a page of an origin that the app allows made this request.

    Simple requests need no preflight, so the browser guards nothing: this check does. Pages send Origin with every
    POST, and with a GET only across origins: a GET without one is let through, as it reads what is public.
    """
    origin = request.headers.get("origin")
    if origin is None and request.method == "GET":
        return
    if request.headers.get("sec-fetch-site") == "same-origin":
        return  # a page of ours, or its worker; no page can write this header
    may_read_answer(request)  # a page may read why it was refused
    if origin is None:
        raise Refused(Fault.ORIGIN_NOT_ALLOWED, "This is for web pages: the request has no Origin header")
    if not app.allows(origin):
        raise Refused(Fault.ORIGIN_NOT_ALLOWED, "This origin is not on the app's list of allowed origins")


def may_read_answer(request: Request) -> None:
    """Let the page that made this request read the answer, a refusal included; nothing in it is anybody's secret."""
    origin = request.headers.get("origin")
    request.state.readable_by = None if origin == "null" else origin


def cross_origin_headers(origin: str) -> dict[str, str]:
    """What lets a page of this origin read the answer.

    X-Error-Code and X-Send-Id, though only some answers have them: naming a header that is absent lets nobody read
    more, and one list for all needs no setting of each.
    """
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, X-Error-Code, X-Request-Id, X-Send-Id",
        "Vary": "Origin",
    }


def preflight(request: Request, methods: str, headers: str) -> Response:
    """The answer to a browser's OPTIONS request before a call with a key in a header.

    It carries no key, so nothing about the app can be checked yet: the call itself is.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return Response(status_code=204, headers={"Allow": f"{methods}, OPTIONS"})
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": headers,
            "Access-Control-Max-Age": str(MAX_AGE),
            "Vary": "Origin",
        },
    )
