"""The HTTP request that hands one encrypted message to a push service (RFC 8030 section 5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tocsin.webpush.message import PushMessage
from tocsin.webpush.origins import PushService

_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_URL = re.compile(r"https://[!-.0-~]+/[!-~]+", re.ASCII)


class UnsafeRequest(ValueError):
    """Something that could end a header early was about to go on the wire. Names the header, never its value."""


class PushHeaders:
    """The headers of POSTs, as (name, value). Checked once, for a whole send to a push service shares them.

    The one place where every header passes: what is not plain printable ASCII cannot be built. Raises UnsafeRequest.
    """

    __slots__ = ("lines", "pairs")

    def __init__(self, *pairs: tuple[str, str]) -> None:
        for name, value in pairs:
            if not _NAME.fullmatch(name):
                raise UnsafeRequest("unsafe header name")
            if not _VALUE.fullmatch(value):
                raise UnsafeRequest(f"unsafe value of {name}")
        self.pairs = pairs
        self.lines = [f"{name}: {value}" for name, value in pairs]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A POST. Raises UnsafeRequest when the URL is no plain https URL with a path."""

    url: str = field(repr=False)
    headers: PushHeaders = field(repr=False)
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise UnsafeRequest("unsafe URL")


def headers_of(service: PushService, message: PushMessage, authorization: str) -> PushHeaders:
    """What RFC 8030 and this push service want to be told of a message. Raises UnsafeRequest."""
    headers = [
        ("Authorization", authorization),
        ("Content-Encoding", "aes128gcm"),
        ("Content-Type", "application/octet-stream"),
        ("TTL", str(message.ttl)),
        ("Urgency", message.urgency.value),
    ]
    if message.topic is not None:
        headers.append(("Topic", message.topic))
    if service is PushService.WNS:
        # Its default policy is to cache, and with TTL 0 that is answered 400 (web-push-libs/pywebpush issue 162).
        headers.append(("X-WNS-Cache-Policy", "cache" if message.ttl else "no-cache"))
    return PushHeaders(*headers)
