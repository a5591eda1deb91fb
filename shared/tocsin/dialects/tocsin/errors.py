"""Every refusal in our own form: `{"error": {"code", "message", "field"?}}`; the codes are the faults' names."""

from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.statuses import USUAL
from tocsin.domain.errors import Fault, Refused

_STATUS = USUAL | {
    Fault.BODY_TOO_LARGE: 413,
    Fault.SPENT: 410,
    Fault.CONFLICT: 409,
    Fault.CREDITS_EXHAUSTED: 402,
    Fault.IDEMPOTENCY_IN_FLIGHT: 409,
    Fault.IDEMPOTENCY_MISMATCH: 422,
}


def render(refused: Refused) -> Rendered:
    """Our own form."""
    error: dict[str, str] = {"code": refused.fault.value, "message": refused.message}
    if refused.field is not None:
        error["field"] = refused.field
    return Rendered(_STATUS[refused.fault], {"error": error})
