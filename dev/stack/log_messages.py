"""All that a log group of the emulator holds."""

from collections.abc import Iterator
from typing import Any

MOST = 10_000
"""Events in one answer. The emulator leaves out what is more, and gives no token to go on with."""


def messages(logs: Any, group: str) -> Iterator[str]:
    """Every message of a log group, oldest first. logs: a boto3 client."""
    since = 0
    while True:
        events = logs.filter_log_events(logGroupName=group, startTime=since)["events"]
        whole = len(events) < MOST
        last = events[-1]["timestamp"] if events else since
        assert whole or last > since, "more messages in one millisecond than an answer can hold"
        # Of a full answer the last millisecond may be cut in two: it begins the next one.
        yield from (event["message"] for event in events if whole or event["timestamp"] < last)
        if whole:
            return
        since = last
