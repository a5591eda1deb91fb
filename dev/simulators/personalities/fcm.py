"""FCM's Web Push front. It publishes no table of errors: the texts follow what its users report."""

import secrets

from dev.simulators.push_request import HeaderSource, PushHeaders, RequestFault
from dev.simulators.push_services import Fault, Reply
from dev.simulators.vapid_check import VapidClaims, VapidFault

_ORIGIN = "https://fcm.googleapis.com"
_PATHS = ("/fcm/send/", "/wp/")
_MAX_TTL = 28 * 24 * 3600
_INVALID_TOKEN = (403, "invalid JWT provided\n")
_UNAUTHORIZED = (401, "unauthorized: the authorization header is missing or not vapid\n")
_MISMATCH = (
    "the VAPID credentials in the authorization header do not correspond to the credentials used to create the "
    "subscriptions.\n"
)
_ERRORS: dict[Fault, tuple[int, str]] = {
    RequestFault.METHOD: (405, "method not allowed\n"),
    RequestFault.NOT_FOUND: (404, "a valid push subscription endpoint should be specified in the URL\n"),
    RequestFault.GONE: (410, "push subscription has unsubscribed or expired.\n"),
    RequestFault.TOO_LARGE: (413, "the payload is larger than 4096 bytes\n"),
    VapidFault.MISSING: _UNAUTHORIZED,
    VapidFault.SCHEME: _UNAUTHORIZED,
    VapidFault.PARAMETERS: (400, "UnauthorizedRegistration\n"),
    VapidFault.KEY: (400, "UnauthorizedRegistration\n"),
    VapidFault.KEY_MISMATCH: (403, _MISMATCH),
}


class Fcm:
    """fcm.googleapis.com, and jmt17.google.com that Chromium builds other than Chrome stable hand out."""

    def new_endpoint(self) -> str:
        """An instance id of 11 characters, a colon, and a registration token."""
        return f"{_ORIGIN}{_PATHS[0]}{secrets.token_urlsafe(8)}:APA91b{secrets.token_urlsafe(100)}"

    def token(self, path: str) -> str | None:
        """The part after /fcm/send/ or /wp/, which are one and the same."""
        return next((path.removeprefix(prefix) for prefix in _PATHS if path.startswith(prefix)), None)

    def objection(self, push: PushHeaders, headers: HeaderSource) -> RequestFault | None:  # noqa: ARG002
        """No TTL over four weeks."""
        return RequestFault.BAD_TTL if push.ttl > _MAX_TTL else None

    def subject_objection(self, vapid: VapidClaims) -> VapidFault | None:  # noqa: ARG002
        """None: FCM takes a subject on localhost."""
        return None

    def refuse(self, fault: Fault) -> Reply:
        """A status and one line of text; other VAPID faults are an invalid JWT, other request faults a bad request."""
        other = _INVALID_TOKEN if isinstance(fault, VapidFault) else (400, f"{fault}\n")
        status, text = _ERRORS.get(fault, other)
        return Reply(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())

    def accept(self, message_id: str, ttl: int) -> Reply:  # noqa: ARG002
        """201 with the message's own URL."""
        return Reply(201, {"Location": f"{_ORIGIN}/message/{message_id}"})
