"""What Lambda hands to a function that works on a queue."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.infrastructure import template

_QUEUE = "arn:aws:sqs:us-east-1:123456789012:"


class Context(LambdaContext):
    """Lambda's context at the start of a worker's time."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """What is left of the function's time-out."""
        return 120_000


def events(function: str, bodies: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Messages of a function's queue, in batches as large as the template says."""
    size = batch_size(function)
    for start in range(0, len(bodies), size):
        yield event(bodies[start : start + size])


def event(bodies: Sequence[str]) -> dict[str, Any]:
    """One batch."""
    return {"Records": [_record(number, body) for number, body in enumerate(bodies)]}


def batch_size(function: str) -> int:
    """How many messages an event of this function's queues holds at most."""
    (size,) = {int(source["Properties"]["BatchSize"]) for source in _function(function)["Events"].values()}
    return size


def has_platform_lines(function: str) -> bool:
    """Whether Lambda itself logs each invocation: START, END and REPORT."""
    logging: Mapping[str, object] = _function(function)["LoggingConfig"]
    return logging.get("SystemLogLevel", "INFO") == "INFO"


def environment(function: str) -> Mapping[str, str]:
    """The settings that the template gives it; a resource stands for its name."""
    variables = {
        **template.load()["Globals"]["Function"]["Environment"]["Variables"],
        **_function(function)["Environment"]["Variables"],
    }
    return {name: _setting(value) for name, value in variables.items()}


def _function(name: str) -> dict[str, Any]:
    functions = template.resources("AWS::Serverless::Function")
    return next(function for function in functions.values() if function["CodeUri"] == f"functions/{name}/")


def _setting(value: Any) -> str:
    name = template.logical_id(value)
    if not isinstance(value, dict):
        return name
    parameter = template.load()["Parameters"].get(name)
    return name if parameter is None else str(parameter.get("Default", ""))


def _record(number: int, body: str) -> Mapping[str, Any]:
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{number:012}",
        "receiptHandle": f"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy{number:012}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795262400000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795262400001",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"{_QUEUE}jobs",
        "awsRegion": "us-east-1",
    }
