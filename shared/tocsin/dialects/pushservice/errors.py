"""Every refusal as pushService words it: JSON with an `error` string (PS-26), and one of its seven statuses.

The document knows no 403, 409, 413 or 422: what would be one is its 401 or 400. X-Error-Code tells them apart.
"""

from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.statuses import USUAL
from tocsin.domain.errors import Fault, Refused

_STATUS = USUAL | {
    Fault.SECRET_KEY_IN_BROWSER: 401,
    Fault.SCOPE_MISSING: 401,
    Fault.ORIGIN_NOT_ALLOWED: 401,
    Fault.IDENTITY_REQUIRED: 401,
    Fault.IDENTITY_INVALID: 401,
    Fault.APP_DISABLED: 401,
    Fault.CREDITS_EXHAUSTED: 402,
}
_TEXT = {
    # One text for both, so that nobody can tell a wrong key from a revoked one (PS-28).
    Fault.CREDENTIAL_MISSING: "Missing or invalid X-Api-Key header",
    Fault.CREDENTIAL_INVALID: "Missing or invalid X-Api-Key header",
    Fault.CREDITS_EXHAUSTED: "Insufficient credits: the tenant's credit balance is zero",
    Fault.NO_SUBSCRIPTIONS: "No active subscriptions found for this email",
    Fault.INTERNAL: "Server error. Safe to retry: the notification was not delivered",
    # When the store's answer is lost as well as its record, nobody knows: so this promises nothing.
    Fault.UNAVAILABLE: "Temporarily unavailable. Retry with the same Idempotency-Key: then nothing is delivered twice",
}


def render(refused: Refused) -> Rendered:
    """`{"error": "..."}` with the document's status (PS-26 to PS-32)."""
    return Rendered(
        _STATUS[refused.fault],
        {"error": _TEXT.get(refused.fault, refused.message)},
        {"X-Error-Code": refused.fault.upper()},
    )
