"""The HTTP statuses of refusals, as most documents have them; a dialect says where its own differs."""

from tocsin.domain.errors import Fault

USUAL = {
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
"""Total. There is no 402, 409, 410, 413 or 422: few documents know them, and their clients would not."""
