"""Every refusal as Pushary words it: `{"error", "message"}` (PU-70, PU-71), with four bodies of their own."""

from collections.abc import Mapping

from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.statuses import USUAL
from tocsin.domain.errors import Fault, Refused

_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""The document's six, and two that any HTTP API needs."""
_STATUS = USUAL | {
    Fault.CREDENTIAL_AMBIGUOUS: 401,
    Fault.NO_SUBSCRIPTIONS: 400,
    Fault.CREDITS_EXHAUSTED: 403,
    Fault.QUOTA_EXCEEDED: 403,
}


def render(refused: Refused) -> Rendered:
    """The document's status and body."""
    return Rendered(_STATUS[refused.fault], _body(refused))


def _body(refused: Refused) -> Mapping[str, object]:
    error, message = _NAMES[_STATUS[refused.fault]], refused.message
    match refused.fault:
        case Fault.CREDENTIAL_MISSING | Fault.CREDENTIAL_INVALID | Fault.CREDENTIAL_AMBIGUOUS:
            # One text for all, so that nobody can tell a wrong key from a revoked one.
            message = "Invalid or missing API key. Use Authorization: Bearer pk_xxx.sk_xxx"
        case Fault.FIELD_MISSING:
            return {"error": f"Missing required fields: {', '.join(refused.missing or (refused.field or 'body',))}"}
        case Fault.NO_SUBSCRIPTIONS:
            return {"error": "No subscribers found"}
        case Fault.CREDITS_EXHAUSTED | Fault.QUOTA_EXCEEDED:
            return {"error": "Notification limit exceeded", "message": message, "upgradeUrl": refused.link}
        case Fault.RATE_LIMITED:
            return {"error": error, "message": message, "retryAfter": refused.retry_after}
        case _:
            pass
    return {"error": error, "message": message}
