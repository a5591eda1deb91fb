"""WNS behind Edge: errors in headers over an empty body. Microsoft documents native WNS; the rest is users' reports."""

import base64
import secrets
import urllib.parse

from dev.simulators.push_request import HeaderSource, PushHeaders, RequestFault
from dev.simulators.push_services import Fault, Reply
from dev.simulators.vapid_check import VapidClaims, VapidFault

_ORIGIN = "https://wns2-par02p.notify.windows.com"
_PATH = "/w/?token="
_TOKEN_START = b"\x05\x06\x00\xfb\xef\xbe"  # in base64 "BQYA++++", so that every token has something to escape
_STATUSES: dict[Fault, int] = {
    RequestFault.METHOD: 405,
    RequestFault.NOT_FOUND: 404,
    RequestFault.GONE: 410,
    RequestFault.TOO_LARGE: 413,
    VapidFault.KEY_MISMATCH: 403,
}


class Wns:
    """*.notify.windows.com."""

    def new_endpoint(self) -> str:
        """Over 255 characters, with escapes that must survive: a plus sign in a query would be read as a space."""
        token = base64.b64encode(_TOKEN_START + secrets.token_bytes(197)).decode()
        escaped = token.replace("+", "%2b").replace("/", "%2f").replace("=", "%3d")
        return f"{_ORIGIN}{_PATH}{escaped}"

    def token(self, path: str) -> str | None:
        """The query parameter, unescaped as forms are."""
        return urllib.parse.unquote_plus(path.removeprefix(_PATH)) if path.startswith(_PATH) else None

    def objection(self, push: PushHeaders, headers: HeaderSource) -> RequestFault | None:
        """TTL 0 conflicts with the default policy, which is to cache."""
        policies = headers.getall("X-WNS-Cache-Policy", ("cache",))
        if len(policies) > 1 or policies[0] not in {"cache", "no-cache"}:
            return RequestFault.CACHE_POLICY
        return RequestFault.CACHE_POLICY if push.ttl == 0 and policies[0] == "cache" else None

    def subject_objection(self, vapid: VapidClaims) -> VapidFault | None:  # noqa: ARG002
        """None: the shared rules are all."""
        return None

    def refuse(self, fault: Fault) -> Reply:
        """A status and the description in a header; VAPID faults other than the wrong key are 401."""
        status = _STATUSES.get(fault, 401 if isinstance(fault, VapidFault) else 400)
        return Reply(status, {**_trace(), "X-WNS-Status": "dropped", "X-WNS-Error-Description": str(fault)})

    def accept(self, message_id: str, ttl: int) -> Reply:  # noqa: ARG002
        """201; that the notification was taken stands in a header."""
        received = {"X-WNS-Status": "received", "X-WNS-NotificationStatus": "received"}
        return Reply(201, {**_trace(), **received, "X-WNS-Msg-Id": message_id[:16].upper()})


def _trace() -> dict[str, str]:
    vector = base64.b64encode(secrets.token_bytes(12)).decode()
    return {"MS-CV": f"{vector}.0", "X-WNS-Debug-Trace": secrets.token_hex(8)}
