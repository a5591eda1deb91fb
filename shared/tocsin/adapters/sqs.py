"""The queues, on SQS."""

from typing import TYPE_CHECKING

from tocsin.adapters.aws import answered
from tocsin.application.jobs import DeliverChunk, FanOut, encode_deliver, encode_fan_out

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


class SqsJobs:
    """The Jobs port."""

    def __init__(self, client: "SQSClient", fanout_url: str, deliver_url: str) -> None:
        self._client = client
        self._fanout_url = fanout_url
        self._deliver_url = deliver_url

    def fan_out(self, job: FanOut) -> None:
        """Queue the planning of a send."""
        with answered():
            self._client.send_message(QueueUrl=self._fanout_url, MessageBody=encode_fan_out(job))

    def deliver(self, job: DeliverChunk, delay: int = 0) -> None:
        """Queue a chunk, to be seen after `delay` seconds (at most 900, which SQS enforces)."""
        with answered():
            self._client.send_message(QueueUrl=self._deliver_url, MessageBody=encode_deliver(job), DelaySeconds=delay)
