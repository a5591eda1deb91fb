"""Times on the wire."""

from datetime import UTC, datetime


def iso(seconds: int) -> str:
    """ISO 8601 in UTC with Z (CS-30), to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
