"""SQS: messages become jobs. Each message succeeds or fails alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    WebhookJob,
    decode_deliver,
    decode_fan_out,
    decode_webhook_job,
)
from tocsin.application.metrics import Metric
from tocsin.domain.send import tally
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.observability import Fields
from tocsin.entrypoints.settings import Settings

Job = TypeVar("Job", FanOut, DeliverChunk, WebhookJob)
QueueHandler = Callable[[dict[str, Any], LambdaContext], Any]
CHUNKS_AT_ONCE = 4
"""While one of them saves, the others keep the processor busy; 400 POSTs in flight are as many as one core can use."""
EVENTS_AT_ONCE = 10
"""Customers' servers take their time; a worker does nothing but wait for them."""
RESERVE_SECONDS = 15
"""A worker starts nothing new this long before Lambda ends it."""


def fanout_handler() -> QueueHandler:
    """The Lambda handler that opens the chunks of planned sends."""
    container = Container(Settings.from_environment())

    def work(job: FanOut, _record: SQSRecord, until: float) -> None:
        chunks = container.fanning_out.handle(job, until)
        observability.log("fan-out", {"app": job.app, "send": job.send, "part": job.part, "chunks": chunks})

    return _handler(decode_fan_out, work, container, lambda: container.fanning_out)


def deliver_handler() -> QueueHandler:
    """The Lambda handler that delivers chunks, several at once."""
    container = Container(Settings.from_environment())

    def work(job: DeliverChunk, record: SQSRecord, until: float) -> None:
        if job.recipients and record.attributes.approximate_receive_count != "1":
            # It failed, and what it carries is stale by now: the worker reads the recipients again by the frozen ids.
            # A dead letter lies there for two weeks, and so it seldom holds anybody's endpoint.
            container.jobs.deliver([job.without_recipients()])
            return
        chunk = container.delivering.handle(job, until)
        if chunk is None:
            return
        counts = tally(chunk)
        observability.log(
            "chunk",
            {
                "app": job.app,
                "send": job.send,
                "chunk": job.number,
                "epoch": chunk.epoch,
                "posts": chunk.report.posts,
                "accepted": counts.accepted,
                "failed": counts.failed,
                "gone": counts.gone,
                "uncertain": counts.uncertain,
                "pending": counts.pending,
            },
        )

    return _handler(decode_deliver, work, container, lambda: container.delivering, CHUNKS_AT_ONCE)


def webhooks_handler() -> QueueHandler:
    """The Lambda handler that tells customers' servers of events, several at once."""
    container = Container(Settings.from_environment())

    def work(job: WebhookJob, _record: SQSRecord, _until: float) -> None:
        container.telling.handle(job)

    return _handler(decode_webhook_job, work, container, lambda: container.telling, EVENTS_AT_ONCE)


def _handler(
    decode: Callable[[str], Job],
    work: Callable[[Job, SQSRecord, float], None],
    container: Container,
    prepare: Callable[[], object],
    at_once: int = 1,
) -> QueueHandler:
    """prepare: makes what the threads share, before there are any; several at once would make it several times."""
    # One failing message is an answer and not an error: SQS brings it back, and in the end it is a dead letter.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    # Kept from one invocation to the next, and with them their connections; between two they have nothing to do.
    threads = ThreadPoolExecutor(at_once)

    def guarded(record: SQSRecord, until: float) -> None:
        fields: Fields = {}
        try:
            job = decode(record.body)
            fields = _named(job)
            work(job, record, until)
        except Exception as error:  # whatever it was, it is told here and left to SQS
            observability.log("job failed", fields, error)
            container.meter.count(Metric.CRASHED)
            raise

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        until = container.clock.now() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        prepare()
        running = [threads.submit(guarded, SQSRecord(each), until) for each in event["Records"]]
        in_order = iter(running)
        try:
            return process_partial_response(
                event=event,
                record_handler=lambda record: next(in_order).result(),  # noqa: ARG005 - called by that name
                processor=processor,
                context=context,
            )
        finally:
            wait(running)
            container.meter.flush()

    return handler


def _named(job: FanOut | DeliverChunk | WebhookJob) -> Fields:
    """Whose job it is, for the log line."""
    if isinstance(job, FanOut | DeliverChunk | ChunkReceipts):
        return {"app": job.app, "send": job.send}
    return {"app": job.app}
