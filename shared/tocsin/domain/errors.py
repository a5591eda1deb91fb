"""What can be refused, in the core's own words; each dialect renders a Fault in its own shape."""

from enum import StrEnum


class Fault(StrEnum):
    """Every reason for which a request is refused.

    A dialect's errors.py maps each of them to a status and a body; a test proves that none is missing.
    """

    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_AMBIGUOUS = "credential_ambiguous"
    SECRET_KEY_IN_BROWSER = "secret_key_in_browser"  # noqa: S105 - a name, not a secret
    SCOPE_MISSING = "scope_missing"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    IDENTITY_REQUIRED = "identity_required"
    IDENTITY_INVALID = "identity_invalid"
    APP_DISABLED = "app_disabled"

    BODY_NOT_JSON = "body_not_json"
    BODY_TOO_LARGE = "body_too_large"
    FIELD_MISSING = "field_missing"
    FIELD_INVALID = "field_invalid"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"

    NOT_FOUND = "not_found"
    GONE = "gone"
    SPENT = "spent"
    CONFLICT = "conflict"
    NO_SUBSCRIPTIONS = "no_subscriptions"
    CREDITS_EXHAUSTED = "credits_exhausted"
    QUOTA_EXCEEDED = "quota_exceeded"
    RATE_LIMITED = "rate_limited"
    IDEMPOTENCY_IN_FLIGHT = "idempotency_in_flight"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"

    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Refused(Exception):
    """A request that is refused; nothing was stored and nothing was charged.

    message: plain words for the caller; never holds a secret, an endpoint or an address.
    field: the offending field's wire name, where there is one; for QUOTA_EXCEEDED the window. retry_after: seconds.
    methods: what a path does accept, for METHOD_NOT_ALLOWED. missing: all that are, for FIELD_MISSING, in their order.
    link: a page that helps.
    """

    def __init__(
        self,
        fault: Fault,
        message: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        methods: str | None = None,
        missing: tuple[str, ...] = (),
        link: str | None = None,
    ) -> None:
        super().__init__(fault, message)
        self.fault = fault
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.methods = methods
        self.missing = missing
        self.link = link
