"""What the four push services have in common: names, hosts, answers, and the contract of a personality."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from dev.simulators.push_request import HeaderSource, PushHeaders, RequestFault
from dev.simulators.vapid_check import VapidClaims, VapidFault


class Service(StrEnum):
    """The push services, named as in the control API."""

    MOZILLA = "mozilla"
    FCM = "fcm"
    APPLE = "apple"
    WNS = "wns"


# Every host that a browser is known to hand out. A pattern's star stands for one label (RFC 6125 section 6.4.3).
HOST_PATTERNS: Mapping[str, Service] = {
    "updates.push.services.mozilla.com": Service.MOZILLA,
    "fcm.googleapis.com": Service.FCM,
    "jmt17.google.com": Service.FCM,
    "web.push.apple.com": Service.APPLE,
    "*.notify.windows.com": Service.WNS,
}

Fault = RequestFault | VapidFault


@dataclass(frozen=True, slots=True)
class Reply:
    """A push service's answer to a POST."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Personality(Protocol):
    """How one push service differs from the others."""

    def new_endpoint(self) -> str:
        """A fresh endpoint, of the shape and length that this service hands out."""

    def token(self, path: str) -> str | None:
        """The token in a raw path with its query; None when the path is not a push endpoint's."""

    def objection(self, push: PushHeaders, headers: HeaderSource) -> RequestFault | None:
        """A rule on headers that only this service has."""

    def subject_objection(self, vapid: VapidClaims) -> VapidFault | None:
        """A rule on claims that only this service has."""

    def refuse(self, fault: Fault) -> Reply:
        """This service's own error for a fault."""

    def accept(self, message_id: str, ttl: int) -> Reply:
        """This service's answer to a push message it takes."""


def service_of(host: str) -> Service | None:
    """The push service behind a host name; None for every other host."""
    name = host.lower()
    for pattern, service in HOST_PATTERNS.items():
        if fnmatchcase(name, pattern) and name.count(".") == pattern.count("."):
            return service
    return None


def json_reply(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(content).encode())
