"""Every refusal as Keymaster words it: `{"detail": "..."}`, with the statuses of its table (KM-4)."""

from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.statuses import USUAL
from tocsin.domain.errors import Fault, Refused

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
    headers = {"WWW-Authenticate": "Bearer"} if USUAL[refused.fault] == 401 else {}  # noqa: PLR2004 - RFC 6750
    return Rendered(USUAL[refused.fault], body, headers)
