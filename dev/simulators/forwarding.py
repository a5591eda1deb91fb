"""Passing a push message on to the real push service, for a laptop's own browser in `make dev`."""

from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from dev.simulators.push_services import Reply

Forward = Callable[[str, Mapping[str, str], bytes], Awaitable[Reply]]
"""POSTs body and headers to a URL and answers as the real service did; 502 when it cannot be reached."""

_TIMEOUT = aiohttp.ClientTimeout(total=30)
# RFC 9110 section 7.6.1, and what the next connection sets for itself.
_OF_ONE_CONNECTION = frozenset(
    {"host", "connection", "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"content-length", "expect"}
)


async def forward(url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Send over the internet with ordinary certificate checks, through the machine's own proxy if it has one."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True, auto_decompress=False) as session:
        try:
            async with session.post(url, headers=_passed_on(headers), data=body, allow_redirects=False) as response:
                return Reply(response.status, _passed_on(response.headers), await response.read())
        except (aiohttp.ClientError, TimeoutError):
            return Reply(502)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION}
