"""Taking credentials out of a request. One host speaks several dialects, so two credentials at once are an error."""

import ipaddress
from collections.abc import Iterable

from starlette.requests import Request

from tocsin.dialect_kit.contract import Dialect
from tocsin.domain.errors import Fault, Refused


def credential_headers(dialects: Iterable[Dialect]) -> tuple[str, ...]:
    """Every header that carries a credential of any of them, or the operator's, in lower case."""
    of_keys = {form.header for dialect in dialects for form in dialect.keys.values()}
    return tuple(sorted({"authorization", *of_keys}))


def credential(request: Request, header: str) -> str:
    """The text of the one credential, which must stand in `header` (lower case).

    Raises Refused: CREDENTIAL_MISSING, CREDENTIAL_AMBIGUOUS (two headers, or one twice).
    """
    present = [name for name in request.app.state.credential_headers if name in request.headers]
    values = request.headers.getlist(header)
    # An HTTP API joins repeated headers with commas before we see them; no key of ours has one.
    if len(present) > 1 or len(values) > 1 or any("," in value for value in values):
        raise Refused(Fault.CREDENTIAL_AMBIGUOUS, "Send exactly one credential")
    if not values or not values[0].strip():
        raise Refused(Fault.CREDENTIAL_MISSING, f"Missing {header} header")
    return values[0].strip()


def from_browser(request: Request) -> bool:
    """Whether a page in a browser made this request.

    By Origin and Sec-Fetch-Site, which pages cannot leave out. Not by Sec-Fetch-Mode: the fetch of Node.js sends it.
    """
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def network_of(request: Request) -> str:
    """The caller's network: /24 for IPv4, /64 for IPv6; "unknown" without an address."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    prefix = 24 if address.version == 4 else 64  # noqa: PLR2004 - the version of the Internet Protocol
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
