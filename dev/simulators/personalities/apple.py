"""Apple's Web Push: JSON with a reason, as its developer documentation and its users report."""

import secrets
import uuid

from dev.simulators.push_request import HeaderSource, PushHeaders, RequestFault
from dev.simulators.push_services import Fault, Reply, json_reply
from dev.simulators.vapid_check import VapidClaims, VapidFault, has_public_subject

_ORIGIN = "https://web.push.apple.com"
_BAD_HEADER = (403, "BadAuthorizationHeader")
_ERRORS: dict[Fault, tuple[int, str]] = {
    RequestFault.METHOD: (405, "MethodNotAllowed"),
    RequestFault.NOT_FOUND: (404, "BadPath"),
    RequestFault.GONE: (410, "Unregistered"),
    RequestFault.TOO_LARGE: (413, "PayloadTooLarge"),
    RequestFault.NO_TTL: (400, "BadTtl"),
    RequestFault.BAD_TTL: (400, "BadTtl"),
    RequestFault.BAD_URGENCY: (400, "BadUrgency"),
    RequestFault.BAD_TOPIC: (400, "BadWebPushTopic"),
    RequestFault.BAD_ENCODING: (400, "BadWebPushRequest"),
    RequestFault.BAD_RECORD: (400, "BadWebPushRequest"),
    VapidFault.MISSING: _BAD_HEADER,
    VapidFault.SCHEME: _BAD_HEADER,
    VapidFault.PARAMETERS: _BAD_HEADER,
    VapidFault.KEY: (403, "BadVapidPublicKey"),
    VapidFault.KEY_MISMATCH: (403, "VapidPkHashMismatch"),
}


class Apple:
    """web.push.apple.com."""

    def new_endpoint(self) -> str:
        """One long path segment that starts with Q."""
        return f"{_ORIGIN}/Q{secrets.token_urlsafe(120)}"

    def token(self, path: str) -> str | None:
        """The whole path, if it is a single segment."""
        token = path.removeprefix("/")
        return token if token and "/" not in token else None

    def objection(self, push: PushHeaders, headers: HeaderSource) -> RequestFault | None:  # noqa: ARG002
        """A topic has to be decodable base64url: its length never leaves 1 when divided by 4."""
        return RequestFault.BAD_TOPIC if push.topic is not None and len(push.topic) % 4 == 1 else None

    def subject_objection(self, vapid: VapidClaims) -> VapidFault | None:
        """The subject needs a public domain: localhost, .local and .invalid are refused."""
        return None if has_public_subject(vapid.claims) else VapidFault.PRIVATE_SUBJECT

    def refuse(self, fault: Fault) -> Reply:
        """Faults of the token that have no reason of their own are BadJwtToken."""
        status, reason = _ERRORS.get(fault, (403, "BadJwtToken"))
        return json_reply(status, {"reason": reason}, {"apns-id": str(uuid.uuid4()).upper()})

    def accept(self, message_id: str, ttl: int) -> Reply:  # noqa: ARG002
        """201 with apns-id."""
        return Reply(201, {"apns-id": str(uuid.UUID(message_id)).upper()})
