"""All that the deployment has logged."""

import time
from collections.abc import Iterator

from dev.stack import Stack
from dev.stack.log_messages import messages


def everything_logged(stack: Stack) -> Iterator[str]:
    """Every line in CloudWatch Logs."""
    logs = stack.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        yield from messages(logs, group["logGroupName"])


def wait_for_line(stack: Stack, part: str, seconds: float = 10) -> str:
    """The first line that holds a text; it may come a moment after its request was answered."""
    deadline = time.monotonic() + seconds
    while True:
        for line in everything_logged(stack):
            if part in line:
                return line
        assert time.monotonic() < deadline, "it was not logged"
        time.sleep(0.2)
