"""Every refusal as CloudSignal words it: `{"detail": "..."}`, its code in X-Error-Code (CS-36), never a 422 (CS-37)."""

from tocsin.dialect_kit.contract import Rendered
from tocsin.domain.errors import Fault, Refused

_CODES = {
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "INVALID_REQUEST": 400,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "RATE_LIMITED": 429,
    "QUOTA_EXCEEDED": 429,
    "SERVICE_UNAVAILABLE": 503,
    "INTERNAL": 500,
}
"""The document's seven, and two that any HTTP API needs."""
_CODE = {
    Fault.CREDENTIAL_MISSING: "UNAUTHORIZED",
    Fault.CREDENTIAL_INVALID: "UNAUTHORIZED",
    Fault.CREDENTIAL_AMBIGUOUS: "INVALID_REQUEST",
    Fault.SECRET_KEY_IN_BROWSER: "FORBIDDEN",
    Fault.SCOPE_MISSING: "FORBIDDEN",
    Fault.ORIGIN_NOT_ALLOWED: "FORBIDDEN",
    Fault.IDENTITY_REQUIRED: "FORBIDDEN",
    Fault.IDENTITY_INVALID: "FORBIDDEN",
    Fault.APP_DISABLED: "FORBIDDEN",
    Fault.BODY_NOT_JSON: "INVALID_REQUEST",
    Fault.BODY_TOO_LARGE: "INVALID_REQUEST",
    Fault.FIELD_MISSING: "INVALID_REQUEST",
    Fault.FIELD_INVALID: "INVALID_REQUEST",
    Fault.ROUTE_UNKNOWN: "NOT_FOUND",
    Fault.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    Fault.NOT_FOUND: "NOT_FOUND",
    Fault.GONE: "NOT_FOUND",
    Fault.SPENT: "NOT_FOUND",
    Fault.CONFLICT: "INVALID_REQUEST",
    Fault.NO_SUBSCRIPTIONS: "NOT_FOUND",
    Fault.CREDITS_EXHAUSTED: "QUOTA_EXCEEDED",
    Fault.QUOTA_EXCEEDED: "QUOTA_EXCEEDED",
    Fault.RATE_LIMITED: "RATE_LIMITED",
    Fault.IDEMPOTENCY_IN_FLIGHT: "INVALID_REQUEST",
    Fault.IDEMPOTENCY_MISMATCH: "INVALID_REQUEST",
    Fault.UNAVAILABLE: "SERVICE_UNAVAILABLE",
    Fault.INTERNAL: "INTERNAL",
}
_TEXT = {
    Fault.APP_DISABLED: "Push notifications are not enabled",
    Fault.UNAVAILABLE: "Push service temporarily unavailable",
    Fault.INTERNAL: "Internal server error",
}


def render(refused: Refused) -> Rendered:
    """`{"detail": "..."}` with the document's status."""
    code = _CODE[refused.fault]
    return Rendered(_CODES[code], {"detail": _TEXT.get(refused.fault, refused.message)}, {"X-Error-Code": code})
