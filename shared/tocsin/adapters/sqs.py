"""The queues, on SQS."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from tocsin.adapters.aws import answered
from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    Lane,
    Notify,
    TryAgain,
    WebhookJob,
    encode_deliver,
    encode_fan_out,
    encode_webhook_job,
)
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import RunJob, encode_run_job
from tocsin.application.sightings import Sighted, encode_sighted
from tocsin.domain.event import Event

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH_LIMIT = 1_048_576
"""Bytes of all messages of a batch together."""
BATCH_SIZE = 10


class SqsJobs:
    """The Jobs port. A message's group is its tenant: SQS then lets no tenant's flood delay another's (fair queues)."""

    def __init__(self, client: "SQSClient", fanout_urls: Mapping[Lane, str], deliver_urls: Mapping[Lane, str]) -> None:
        self._client = client
        self._fanout_urls = fanout_urls
        self._deliver_urls = deliver_urls

    def fan_out(self, jobs: Sequence[FanOut]) -> None:
        """Queue the planning of these parts."""
        for lane in Lane:
            bodies = [(encode_fan_out(job), job.route.tenant) for job in jobs if job.route.lane is lane]
            self._send(self._fanout_urls, lane, bodies, 0)

    def deliver(self, jobs: Sequence[DeliverChunk], delay: int = 0) -> None:
        """Queue chunks, to be seen after `delay` seconds (at most 900, which SQS enforces)."""
        for lane in Lane:
            bodies = [(encode_deliver(job), job.route.tenant) for job in jobs if job.route.lane is lane]
            self._send(self._deliver_urls, lane, bodies, delay)

    def _send(self, urls: Mapping[Lane, str], lane: Lane, bodies: Sequence[tuple[str, str]], delay: int) -> None:
        _put(self._client, urls[lane], bodies, delay)


class SqsEvents:
    """The Events port. A message's group is its app: no app's webhook that hangs delays another's (fair queues)."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def emit(self, events: Sequence[Event]) -> None:
        """Tell the webhooks of their apps."""
        self._queue([Notify(event) for event in events])

    def report(self, chunk: ChunkReceipts, delay: int) -> None:
        """Tell what became of each recipient of a chunk that is finished `delay` seconds (at most 900) from now."""
        self._queue([chunk], delay)

    def again(self, events: Sequence[TryAgain]) -> None:
        """Try these pending events once more, now."""
        self._queue(events)

    def _queue(self, jobs: Sequence[WebhookJob], delay: int = 0) -> None:
        _put(self._client, self._url, [(encode_webhook_job(job), job.app) for job in jobs], delay)


class SqsSightings:
    """The Sightings port. A message's group is its app: no app's readers hold up the figures of another's."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def queue(self, job: Sighted) -> None:
        """Have these counted. Raises Unavailable."""
        with answered():
            self._client.send_message(QueueUrl=self._url, MessageBody=encode_sighted(job), MessageGroupId=job.app)


class SqsRunJobs:
    """The RunJobs port. A message's group is its app: no app's flows hold up another's."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def queue(self, jobs: Sequence[tuple[RunJob, int]]) -> None:
        """Queue these, each to be seen after so many seconds (at most 900). Raises Unavailable."""
        by_delay = sorted(jobs, key=itemgetter(1))
        for delay, some in groupby(by_delay, key=itemgetter(1)):
            _put(self._client, self._url, [(encode_run_job(job), job.app) for job, _ in some], delay)


def _put(client: "SQSClient", url: str, bodies: Sequence[tuple[str, str]], delay: int = 0) -> None:
    """Queue these bodies, each with its group. Raises Unavailable."""
    for batch in _batches(bodies):
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body, "MessageGroupId": group, "DelaySeconds": delay}
            for number, (body, group) in enumerate(batch)
        ]
        with answered():
            reply = client.send_message_batch(QueueUrl=url, Entries=entries)
        if reply.get("Failed"):
            # Those that did go may go twice: a job that repeats changes nothing.
            raise Unavailable


def _batches(bodies: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for body, tenant in bodies:
        if batch and (len(batch) == BATCH_SIZE or size + len(body) > BATCH_LIMIT):
            yield batch
            batch, size = [], 0
        batch.append((body, tenant))
        size += len(body)
    if batch:
        yield batch
