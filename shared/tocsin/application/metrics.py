"""The names of everything that is counted. A metric that is not here does not exist."""

from enum import StrEnum


class Metric(StrEnum):
    """Counters, by what happened."""

    ACCEPTED = "Accepted"
    GONE = "Gone"
    THROTTLED = "Throttled"
    REJECTED = "Rejected"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    TOO_LARGE = "TooLarge"
    PUSH_SERVICE_UNAVAILABLE = "PushServiceUnavailable"
    UNANSWERED = "Unanswered"
    SENDER_ERROR = "SenderError"
    """A push service refused a message for a mistake of ours; people have to look."""
    LEASE_LOST = "LeaseLost"
    UNPROVED_IDENTITY = "UnprovedIdentity"
    SECRET_KEY_IN_BROWSER = "SecretKeyInBrowser"  # noqa: S105 - a name, not a secret
    SWEPT = "Swept"
    CRASHED = "Crashed"
