"""What a simulated user agent tells an app of its messages, as the product's own service worker does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from yarl import URL

_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Act(StrEnum):
    """What became of a message."""

    DISPLAYED = "displayed"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Told:
    """How the API answered a report."""

    status: int
    content_type: str
    body: bytes


class NothingToTell(Exception):
    """A service worker would not report this; says why."""


class Unreachable(Exception):
    """The API did not answer."""


def event(message: Mapping[str, object], act: Act, now: float) -> dict[str, object]:
    """The report of one message as it goes over the wire. now: Unix seconds. Raises NothingToTell."""
    document = message["json"]
    notification = document.get("notification") if isinstance(document, dict) else None
    data = notification.get("data") if isinstance(notification, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("k"), str):
        raise NothingToTell("the message carries no token: nobody asked what becomes of it")
    if data.get("c") and act is not Act.CLICKED:
        raise NothingToTell("the message asks for clicks only")
    return {"e": act, "id": data.get("id"), "k": data["k"], "t": int(now)}


async def tell(api: str, app: str, origin: str, told: Mapping[str, object]) -> Told:
    """Report to an app as a page of `origin`. api: without a slash at the end. Raises Unreachable."""
    # As fetch sends a text from a worker: without a preflight, and so not as JSON.
    headers = {"Origin": origin, "Content-Type": "text/plain;charset=UTF-8"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(URL(api) / "sdk/v1" / app / "events", data=json.dumps([told]), headers=headers) as answer,
        ):
            return Told(answer.status, answer.content_type, await answer.read())
    except (aiohttp.ClientError, TimeoutError):
        raise Unreachable(f"{api} does not answer") from None
