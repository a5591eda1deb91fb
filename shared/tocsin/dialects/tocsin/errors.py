"""Every refusal in our own form: `{"error": {"code", "message", "field"?}}`; the codes are the faults' names."""

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
    Fault.BODY_TOO_LARGE: 413,
    Fault.FIELD_MISSING: 400,
    Fault.FIELD_INVALID: 400,
    Fault.ROUTE_UNKNOWN: 404,
    Fault.METHOD_NOT_ALLOWED: 405,
    Fault.NOT_FOUND: 404,
    Fault.GONE: 404,
    Fault.SPENT: 410,
    Fault.CONFLICT: 409,
    Fault.NO_SUBSCRIPTIONS: 404,
    Fault.CREDITS_EXHAUSTED: 402,
    Fault.QUOTA_EXCEEDED: 429,
    Fault.RATE_LIMITED: 429,
    Fault.IDEMPOTENCY_IN_FLIGHT: 409,
    Fault.IDEMPOTENCY_MISMATCH: 422,
    Fault.UNAVAILABLE: 503,
    Fault.INTERNAL: 500,
}


def render(refused: Refused) -> Rendered:
    """Our own form."""
    error: dict[str, str] = {"code": refused.fault.value, "message": refused.message}
    if refused.field is not None:
        error["field"] = refused.field
    return Rendered(_STATUS[refused.fault], {"error": error})
