"""The HTTP request that hands one encrypted message to a push service (RFC 8030 section 5)."""

import re
from dataclasses import dataclass, field

from tocsin.webpush.message import PushMessage
from tocsin.webpush.origins import Endpoint, PushService

_NAME = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_URL = re.compile(r"https://[!-.0-~]+/[!-~]+", re.ASCII)


class UnsafeRequest(ValueError):
    """Something that could end a header early was about to go on the wire. Names the header, never its value."""


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A POST. The one place where every header passes: what is not plain printable ASCII cannot be built."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise UnsafeRequest("unsafe URL")
        for name, value in self.headers:
            if not _NAME.fullmatch(name):
                raise UnsafeRequest("unsafe header name")
            if not _VALUE.fullmatch(value):
                raise UnsafeRequest(f"unsafe value of {name}")


def build_request(endpoint: Endpoint, message: PushMessage, body: bytes, authorization: str) -> PushRequest:
    """Put together the request for `body`, the encryption of `message`. Raises UnsafeRequest."""
    headers = [
        ("Authorization", authorization),
        ("Content-Encoding", "aes128gcm"),
        ("Content-Type", "application/octet-stream"),
        ("TTL", str(message.ttl)),
        ("Urgency", message.urgency.value),
    ]
    if message.topic is not None:
        headers.append(("Topic", message.topic))
    if endpoint.service is PushService.WNS:
        # Its default policy is to cache, and with TTL 0 that is answered 400 (web-push-libs/pywebpush issue 162).
        headers.append(("X-WNS-Cache-Policy", "cache" if message.ttl else "no-cache"))
    return PushRequest(endpoint.url, tuple(headers), body)
