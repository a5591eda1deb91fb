"""Refusals as bNotify words them: `{"statusCode", "message", "error"}`, without `error` where it throttles (BN-26)."""

from http import HTTPStatus

from tocsin.dialect_kit.contract import Rendered
from tocsin.domain.errors import Fault, Refused

_STATUS = {
    Fault.CREDENTIAL_MISSING: 401,
    Fault.CREDENTIAL_INVALID: 401,
    Fault.CREDENTIAL_AMBIGUOUS: 400,
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
    Fault.NO_SUBSCRIPTIONS: 404,
    Fault.CREDITS_EXHAUSTED: 429,
    Fault.QUOTA_EXCEEDED: 429,
    Fault.RATE_LIMITED: 429,
    Fault.IDEMPOTENCY_IN_FLIGHT: 400,
    Fault.IDEMPOTENCY_MISMATCH: 400,
    Fault.UNAVAILABLE: 503,
    Fault.INTERNAL: 500,
}
INVALID_KEY = "Channel api key is no valid."
"""The document's own spelling (BN-24)."""
THROTTLED = "ThrottlerException: Too Many Requests"


def render(refused: Refused) -> Rendered:
    """The document's body for a status, with its words where it has any."""
    status = HTTPStatus(_STATUS[refused.fault])
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return Rendered(status, {"statusCode": status, "message": _message(refused)})
    return Rendered(status, {"statusCode": status, "message": _message(refused), "error": status.phrase})


def _message(refused: Refused) -> str:
    match refused.fault:
        case Fault.CREDENTIAL_MISSING | Fault.CREDENTIAL_INVALID:
            return INVALID_KEY
        case Fault.RATE_LIMITED:
            return THROTTLED
        case Fault.FIELD_MISSING if refused.field in {"title", "text"}:
            return f"{refused.field} must be a string"
        case _:
            return refused.message
