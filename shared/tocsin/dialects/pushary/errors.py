"""Every refusal as Pushary words it: `{"error", "message"}` (PU-70, PU-71), with four bodies of their own."""

from collections.abc import Mapping

from tocsin.dialect_kit.contract import Rendered
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
_STATUS = {
    Fault.CREDENTIAL_MISSING: 401,
    Fault.CREDENTIAL_INVALID: 401,
    Fault.CREDENTIAL_AMBIGUOUS: 401,
    Fault.SECRET_KEY_IN_BROWSER: 403,
    Fault.SCOPE_MISSING: 403,
    Fault.ORIGIN_NOT_ALLOWED: 403,
    Fault.IDENTITY_REQUIRED: 403,
    Fault.IDENTITY_INVALID: 403,
    Fault.APP_DISABLED: 403,
    Fault.BODY_NOT_JSON: 400,
    Fault.BODY_TOO_LARGE: 400,
    Fault.FIELD_MISSING: 400,
    Fault.FIELD_INVALID: 400,
    Fault.ROUTE_UNKNOWN: 404,
    Fault.METHOD_NOT_ALLOWED: 405,
    Fault.NOT_FOUND: 404,
    Fault.GONE: 404,
    Fault.SPENT: 404,
    Fault.CONFLICT: 400,
    Fault.NO_SUBSCRIPTIONS: 400,
    Fault.CREDITS_EXHAUSTED: 403,
    Fault.QUOTA_EXCEEDED: 403,
    Fault.RATE_LIMITED: 429,
    Fault.IDEMPOTENCY_IN_FLIGHT: 400,
    Fault.IDEMPOTENCY_MISMATCH: 400,
    Fault.UNAVAILABLE: 503,
    Fault.INTERNAL: 500,
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
