"""The names of everything that is measured. A metric that is not here does not exist."""

from enum import StrEnum


class Metric(StrEnum):
    """Counters, by what happened; and what is timed."""

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
    CIRCUIT_OPENED = "CircuitOpened"
    """A push service keeps refusing an app's VAPID key: its recipients wait until people have looked."""
    LEASE_LOST = "LeaseLost"
    UNPROVED_IDENTITY = "UnprovedIdentity"
    SECRET_KEY_IN_BROWSER = "SecretKeyInBrowser"  # noqa: S105 - a name, not a secret
    SWEPT = "Swept"
    DRIFT = "Drift"
    """Records of an app's money that do not agree; people have to look."""
    CRASHED = "Crashed"
    """A bug in a request, which was answered with a 500."""
    CRASHED_AFTER_ACCEPTANCE = "CrashedAfterAcceptance"
    """A bug in a send that was accepted before, so no caller was told (PS-32)."""
    REQUESTS = "Requests"
    """Of application servers and browsers; the next two are parts of it, by the status that they were answered."""
    CLIENT_ERRORS = "ClientErrors"
    SERVER_ERRORS = "ServerErrors"
    LATENCY = "Latency"
