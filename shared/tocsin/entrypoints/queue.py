"""SQS: messages become jobs. Each message succeeds or fails alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tocsin.application.jobs import DeliverChunk, FanOut, decode_deliver, decode_fan_out
from tocsin.domain.send import tally
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.observability import Fields
from tocsin.entrypoints.settings import Settings

Job = TypeVar("Job", FanOut, DeliverChunk)
QueueHandler = Callable[[dict[str, Any], LambdaContext], Any]
RESERVE_SECONDS = 15
"""A worker starts nothing new this long before Lambda ends it."""


def fanout_handler() -> QueueHandler:
    """The Lambda handler that opens the chunks of planned sends."""
    container = Container(Settings.from_environment())

    def work(job: FanOut, _record: SQSRecord, _context: LambdaContext) -> None:
        chunks = container.fanning_out.handle(job)
        observability.log("fan-out", {"app": job.app, "send": job.send, "chunks": chunks})

    return _handler(decode_fan_out, work, container)


def deliver_handler() -> QueueHandler:
    """The Lambda handler that delivers chunks."""
    container = Container(Settings.from_environment())

    def work(job: DeliverChunk, record: SQSRecord, context: LambdaContext) -> None:
        if job.recipients and record.attributes.approximate_receive_count != "1":
            # It failed, and what it carries is stale by now: the worker reads the recipients again by the frozen ids.
            # A dead letter lies there for two weeks, and so holds nobody's endpoint.
            container.jobs.deliver(replace(job, recipients=()))
            return
        left = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        chunk = container.delivering.handle(job, container.clock.now() + left)
        if chunk is None:
            return
        counts = tally(chunk)
        observability.log(
            "chunk",
            {
                "app": job.app,
                "send": job.send,
                "chunk": job.number,
                "round": chunk.round,
                "accepted": counts.accepted,
                "failed": counts.failed,
                "gone": counts.gone,
                "uncertain": counts.uncertain,
                "pending": counts.pending,
            },
        )

    return _handler(decode_deliver, work, container)


def _handler(
    decode: Callable[[str], Job], work: Callable[[Job, SQSRecord, LambdaContext], None], container: Container
) -> QueueHandler:
    # One failing message is an answer and not an error: SQS brings it back, and in the end it is a dead letter.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        def guarded(record: SQSRecord) -> None:
            fields: Fields = {}
            try:
                job = decode(record.body)
                fields = {"app": job.app, "send": job.send}
                work(job, record, context)
            except Exception as error:
                observability.log("job failed", fields, error)
                raise

        try:
            return process_partial_response(event=event, record_handler=guarded, processor=processor, context=context)
        finally:
            container.meter.flush()

    return handler
