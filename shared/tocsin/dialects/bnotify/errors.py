"""Refusals as bNotify words them: `{"statusCode", "message", "error"}`, without `error` where it throttles (BN-26)."""

from http import HTTPStatus

from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.statuses import USUAL
from tocsin.domain.errors import Fault, Refused

INVALID_KEY = "Channel api key is no valid."
"""The document's own spelling (BN-24)."""
THROTTLED = "ThrottlerException: Too Many Requests"


def render(refused: Refused) -> Rendered:
    """The document's body for a status, with its words where it has any."""
    status = HTTPStatus(USUAL[refused.fault])
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
