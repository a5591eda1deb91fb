"""The deployed queues: what tests read of them, put into them and slow down in them."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from dev.stack import Stack
from dev.stack.deploy import STACK
from tests.infrastructure.template import resources

PATIENT = resources("AWS::SQS::Queue")["DeliverQueue"]["VisibilityTimeout"]
IMPATIENT = 8
"""Seconds: more than a worker needs to start, or it would still be at the first try when the next one begins."""


class Queues:
    """By the names that the template gives them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._sqs = stack.aws("sqs")

    def put(self, name: str, bodies: Sequence[str]) -> None:
        """Put messages into a queue, all at once."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        assert not self._sqs.send_message_batch(QueueUrl=self._url(name), Entries=entries).get("Failed")

    def waiting(self, name: str) -> int:
        """How many messages nobody has taken yet."""
        wanted = "ApproximateNumberOfMessages"
        reply = self._sqs.get_queue_attributes(QueueUrl=self._url(name), AttributeNames=[wanted])
        return int(reply["Attributes"][wanted])

    @contextlib.contextmanager
    def impatient(self, *names: str, seconds: int = IMPATIENT) -> Iterator[None]:
        """What fails there is tried again after seconds instead of minutes; no dead letters but those made here."""
        try:
            for name in names:
                self._forget_dead_letters(name)
                self._show_again_after(name, seconds)
            yield
        finally:
            for name in names:
                self._show_again_after(name, PATIENT)
                self._forget_dead_letters(name)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Nobody works on this queue meanwhile, as if all its workers were busy."""
        functions = self._stack.aws("lambda")
        reply = self._sqs.get_queue_attributes(QueueUrl=self._url(name), AttributeNames=["QueueArn"])
        arn = reply["Attributes"]["QueueArn"]
        (source,) = functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=source["UUID"], Enabled=True)

    def _forget_dead_letters(self, name: str) -> None:
        self._sqs.purge_queue(QueueUrl=self._url(name.replace("Queue", "DeadLetters")))

    def _show_again_after(self, name: str, seconds: int) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self._url(name), Attributes={"VisibilityTimeout": str(seconds)})

    def _url(self, name: str) -> str:
        found = self._stack.aws("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=name)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def invoked(stack: Stack, function: str, event: dict[str, Any]) -> Any:
    """What a function answers to an event."""
    functions = stack.aws("lambda")
    (name,) = (
        f["FunctionName"]
        for f in functions.list_functions()["Functions"]
        if f"-{function.capitalize()}Function-" in f["FunctionName"]
    )
    return json.loads(functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())
