"""The push services that are known, and the only endpoints a request is ever sent to."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

MAX_URL_BYTES = 2048


class PushService(StrEnum):
    """Who runs the endpoint's host; FCM_V1 is the same host's other door, for registration tokens."""

    MOZILLA = "mozilla"
    FCM = "fcm"
    APPLE = "apple"
    WNS = "wns"
    FCM_V1 = "fcm_v1"


# fcm.googleapis.com is Chrome's today; the other two are of Chromium builds and of subscriptions from before 2019.
_HOSTS = {
    "fcm.googleapis.com": PushService.FCM,
    "jmt17.google.com": PushService.FCM,
    "android.googleapis.com": PushService.FCM,
}
# The leading dot matters: "xpush.apple.com" is not Apple's.
_SUFFIXES = {
    ".push.services.mozilla.com": PushService.MOZILLA,
    ".push.apple.com": PushService.APPLE,
    ".notify.windows.com": PushService.WNS,
}

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# URL parsers differ on tabs, backslashes and compatibility letters, so none is asked: what is not spelled exactly like
# this is refused. Encoded control characters and dot segments are left out too; no push service makes such endpoints.
_PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=:@/?-]"
_ENDPOINT = re.compile(
    rf"https://(?P<host>{_LABEL}(?:\.{_LABEL})+)(?::443)?/"
    rf"(?P<rest>(?=.){_PLAIN}*(?:%(?![01])(?!7[Ff])[0-9A-Fa-f]{{2}}{_PLAIN}*)*)",
    re.ASCII,
)
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2[Ee]){1,2}(?:[/?]|$)")


class InvalidEndpoint(ValueError):
    """The URL is no endpoint of a known push service. `reason` never contains the URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one subscription is reached. A capability URL: whoever knows it can send, so its `repr` hides it."""

    url: str
    origin: str
    service: PushService

    def __repr__(self) -> str:
        return f"Endpoint(origin={self.origin!r}, service={self.service!r})"


def parse_endpoint(url: str) -> Endpoint:
    """Accept an endpoint of a known push service, and nothing else; the guard against requests to other hosts.

    The URL is kept byte for byte (WNS tokens contain `%2b`); `origin` is `https://host` in lower case, without
    the port, which can only be 443. Raises InvalidEndpoint.
    """
    if not url.isascii():
        raise InvalidEndpoint("endpoint is not ASCII")
    if len(url) > MAX_URL_BYTES:
        raise InvalidEndpoint("endpoint is too long")
    match = _ENDPOINT.fullmatch(url)
    if match is None or _DOT_SEGMENT.search(match["rest"].partition("?")[0]):
        raise InvalidEndpoint("endpoint is not a plain https URL")
    origin, service = _origin_of(match["host"])
    if service is None:
        raise InvalidEndpoint("endpoint is not at a known push service")
    return Endpoint(url, origin, service)


@lru_cache(maxsize=256)
def _origin_of(host: str) -> tuple[str, PushService | None]:
    """Cached, for the endpoints of a send are at a few hosts."""
    host = host.lower()
    origin = f"https://{host}"
    if len(host) > 253:  # noqa: PLR2004 - the longest name of the DNS, RFC 1035 section 2.3.4
        return origin, None
    if known := _HOSTS.get(host):
        return origin, known
    return origin, next((service for suffix, service in _SUFFIXES.items() if host.endswith(suffix)), None)
