"""Mozilla autopush: JSON errors with an errno (autopush-rs, autoendpoint/src/error.rs and docs/src/errors.md)."""

import secrets
from http import HTTPStatus

from dev.simulators.push_request import HeaderSource, PushHeaders, RequestFault
from dev.simulators.push_services import Fault, Reply, json_reply
from dev.simulators.vapid_check import VapidClaims, VapidFault

_ORIGIN = "https://updates.push.services.mozilla.com"
_PATH = "/wpush/v2/"
_MAX_TTL = 30 * 24 * 3600  # longer ones are capped without a word
_ERRORS = {
    RequestFault.METHOD: (405, None),
    RequestFault.NOT_FOUND: (404, 102),
    RequestFault.GONE: (410, 106),
    RequestFault.TOO_LARGE: (413, 104),
    RequestFault.NO_TTL: (400, 111),
    RequestFault.BAD_TTL: (400, 114),
    RequestFault.BAD_URGENCY: (400, 111),
    RequestFault.BAD_TOPIC: (400, 113),
    RequestFault.BAD_ENCODING: (400, 110),
    RequestFault.BAD_RECORD: (400, 110),
}


class Mozilla:
    """updates.push.services.mozilla.com, also behind a real Firefox's subscriptions."""

    def new_endpoint(self) -> str:
        """Tokens of the real service are Fernet: version byte 0x80 and over a hundred characters."""
        return f"{_ORIGIN}{_PATH}gAAAAA{secrets.token_urlsafe(120)}"

    def token(self, path: str) -> str | None:
        """The part after /wpush/v2/."""
        return path.removeprefix(_PATH) if path.startswith(_PATH) else None

    def objection(self, push: PushHeaders, headers: HeaderSource) -> RequestFault | None:  # noqa: ARG002
        """None: the shared rules are all."""
        return None

    def subject_objection(self, vapid: VapidClaims) -> VapidFault | None:  # noqa: ARG002
        """None: the shared rules are all."""
        return None

    def refuse(self, fault: Fault) -> Reply:
        """Every VAPID fault is 401 with errno 109."""
        status, errno = (401, 109) if isinstance(fault, VapidFault) else _ERRORS[fault]
        headers = {"Cache-Control": "max-age=86400"} if status == HTTPStatus.GONE else {}
        content = {"code": status, "errno": errno, "error": HTTPStatus(status).phrase, "message": str(fault)}
        return json_reply(status, content, headers)

    def accept(self, message_id: str, ttl: int) -> Reply:
        """201 with the message's own URL and the TTL that is kept."""
        headers = {"Location": f"{_ORIGIN}/m/{message_id}", "TTL": str(min(ttl, _MAX_TTL))}
        return Reply(201, headers)
