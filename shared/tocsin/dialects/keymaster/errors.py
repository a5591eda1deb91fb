"""Every refusal as Keymaster words it: `{"detail": "..."}`, with the statuses of its table (KM-4)."""

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
_TEXT = {
    # One text for both: nobody can tell a wrong token from none that we know.
    Fault.CREDENTIAL_MISSING: "Invalid token",
    Fault.CREDENTIAL_INVALID: "Invalid token",
    Fault.APP_DISABLED: "Push not enabled",
    Fault.QUOTA_EXCEEDED: "Daily quota exceeded",
    Fault.INTERNAL: "Internal server error",
}


def render(refused: Refused) -> Rendered:
    """The document's text where its table has one, else ours."""
    body: dict[str, object] = {"detail": _TEXT.get(refused.fault, refused.message)}
    if refused.fault is Fault.RATE_LIMITED:
        body |= {"error": "rate_limited", "retry_after": refused.retry_after}
    headers = {"WWW-Authenticate": "Bearer"} if _STATUS[refused.fault] == 401 else {}  # noqa: PLR2004 - RFC 6750
    return Rendered(_STATUS[refused.fault], body, headers)
