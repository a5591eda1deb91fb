"""The dead-letter queues, on SQS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.adapters.aws import answered
from tocsin.application.ports import Letter, Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

LONG_POLL = 1
"""Seconds. Without waiting, SQS asks some of its servers only, and may say that there is nothing."""
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Place:
    """URLs: of a queue, and of where its messages go after three tries."""

    queue: str
    letters: str


class SqsDeadLetters:
    """The DeadLetters port.

    By hand and not by StartMessageMoveTask: that one moves in the background, tells the caller nothing, and cannot
    leave out whom a message was for.
    """

    def __init__(self, client: "SQSClient", places: Mapping[Queue, Place]) -> None:
        self._client = client
        self._places = places

    def waiting(self, queue: Queue) -> int:
        """About how many messages there are, those included that somebody reads just now."""
        with answered():
            reply = self._client.get_queue_attributes(
                QueueUrl=self._places[queue].letters,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )
        return sum(map(int, reply["Attributes"].values()))

    def take(self, queue: Queue, seconds: int) -> Sequence[Letter]:
        """Up to ten messages, hidden from everybody else meanwhile."""
        with answered():
            reply = self._client.receive_message(
                QueueUrl=self._places[queue].letters,
                MaxNumberOfMessages=AT_ONCE,
                VisibilityTimeout=seconds,
                WaitTimeSeconds=LONG_POLL,
                MessageSystemAttributeNames=["All"],
            )
        return [_letter(message) for message in reply.get("Messages", [])]

    def release(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Let others have them again."""
        for start in range(0, len(letters), AT_ONCE):
            some = letters[start : start + AT_ONCE]
            with answered():
                self._client.change_message_visibility_batch(
                    QueueUrl=self._places[queue].letters,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": letter.handle, "VisibilityTimeout": 0}
                        for number, letter in enumerate(some)
                    ],
                )

    def requeue(self, queue: Queue, letter: Letter) -> None:
        """Put it back into its queue, then remove it here."""
        place = self._places[queue]
        with answered():
            if letter.group is None:
                self._client.send_message(QueueUrl=place.queue, MessageBody=letter.body)
            else:
                self._client.send_message(QueueUrl=place.queue, MessageBody=letter.body, MessageGroupId=letter.group)
            self._client.delete_message(QueueUrl=place.letters, ReceiptHandle=letter.handle)


def _letter(message: "MessageTypeDef") -> Letter:
    attributes = message["Attributes"]
    return Letter(
        id=message["MessageId"],
        handle=message["ReceiptHandle"],
        body=message["Body"],
        group=attributes.get("MessageGroupId"),
        queued_at=int(attributes["SentTimestamp"]) // 1000,
        received=int(attributes["ApproximateReceiveCount"]),
    )
