"""What every push service demands of a request (RFC 8030, RFC 8188, RFC 8291), apart from credentials."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MAX_BODY = 4096  # RFC 8030 section 7.2: a push service must accept 4096 bytes; none of the four takes more
_HEADER_BLOCK = (
    86  # RFC 8188 section 2.1: salt 16, record size 4, length of the key id 1, key id 65 (RFC 8291 section 4)
)
_SHORTEST_RECORD = 17  # one delimiter octet and the 16-byte tag of AES-GCM
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})


class RequestFault(StrEnum):
    """Why a request is refused before its credentials are looked at."""

    METHOD = "the method is not POST"
    NOT_FOUND = "no such endpoint"
    GONE = "the subscription has ended"
    TOO_LARGE = "the body is larger than 4096 bytes"
    NO_TTL = "no TTL header"
    BAD_TTL = "TTL is not a number of seconds that this service allows"
    CACHE_POLICY = "Ttl value conflicts with X-WNS-Cache-Policy"
    BAD_URGENCY = "Urgency is not one of very-low, low, normal, high"
    BAD_TOPIC = "Topic is not at most 32 characters of base64url"
    BAD_ENCODING = "Content-Encoding is not aes128gcm"
    BAD_RECORD = "the body is not one aes128gcm record with a 65-byte sender key"


@dataclass(frozen=True, slots=True)
class PushHeaders:
    """The headers that decide how long a message is kept and what it replaces."""

    ttl: int
    topic: str | None


class HeaderSource(Protocol):
    """A multi-dictionary of request headers, such as aiohttp's."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """All values of the header; `default` when there is none."""


def check(headers: HeaderSource, body: bytes) -> PushHeaders | RequestFault:
    """Judge headers and body by the rules that all four services share."""
    ttl = headers.getall("TTL", ())
    urgency = headers.getall("Urgency", ("normal",))
    topic = headers.getall("Topic", ())
    if len(body) > MAX_BODY:
        return RequestFault.TOO_LARGE
    if not ttl:
        return RequestFault.NO_TTL
    if len(ttl) > 1 or not re.fullmatch(r"[0-9]{1,10}", ttl[0]):
        return RequestFault.BAD_TTL
    if len(urgency) > 1 or urgency[0] not in _URGENCIES:
        return RequestFault.BAD_URGENCY
    if len(topic) > 1 or any(not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value) for value in topic):
        return RequestFault.BAD_TOPIC
    fault = _check_encryption(headers, body) if body else None
    return fault or PushHeaders(int(ttl[0]), topic[0] if topic else None)


def _check_encryption(headers: HeaderSource, body: bytes) -> RequestFault | None:
    if list(headers.getall("Content-Encoding", ())) != ["aes128gcm"]:
        return RequestFault.BAD_ENCODING
    record_size = int.from_bytes(body[16:20], "big")
    shape = len(body) >= _HEADER_BLOCK + _SHORTEST_RECORD and body[20] == 65 and body[21] == 4
    # RFC 8291 section 4: a push message is a single record, so all that follows the header fits one record size.
    if not shape or record_size < len(body) - _HEADER_BLOCK:
        return RequestFault.BAD_RECORD
    return None
