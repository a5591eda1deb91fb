"""Links to this deployment itself."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request


def own_address(request: Request, public_url: str) -> str:
    """The origin for links to us: the one that was set, else the domain by which the gateway was reached.

    That name is the gateway's word and not the client's: it answers to no Host but its own.
    """
    if public_url:
        return public_url
    event: Mapping[str, Any] = request.scope.get("aws.event", {})
    domain = event.get("requestContext", {}).get("domainName")
    return f"https://{domain}" if domain else ""
