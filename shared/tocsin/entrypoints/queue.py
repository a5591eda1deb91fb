"""SQS: messages become jobs. Each message succeeds or fails alone."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tocsin.application.jobs import decode_deliver, decode_fan_out
from tocsin.domain.send import tally
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.settings import Settings

QueueHandler = Callable[[dict[str, Any], LambdaContext], Any]
RESERVE_SECONDS = 15
"""A worker starts nothing new this long before Lambda ends it."""


def fanout_handler() -> QueueHandler:
    """The Lambda handler that opens the chunks of planned sends."""
    container = Container(Settings.from_environment())

    def work(record: SQSRecord, _context: LambdaContext) -> None:
        job = decode_fan_out(record.body)
        chunks = container.fanning_out.handle(job)
        observability.log("fan-out", {"app": job.app, "send": job.send, "chunks": chunks})

    return _handler(work)


def deliver_handler() -> QueueHandler:
    """The Lambda handler that delivers chunks."""
    container = Container(Settings.from_environment())

    def work(record: SQSRecord, context: LambdaContext) -> None:
        job = decode_deliver(record.body)
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

    return _handler(work)


def _handler(work: Callable[[SQSRecord, LambdaContext], None]) -> QueueHandler:
    # One failing message is an answer and not an error: SQS brings it back, and in the end it is a dead letter.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        def guarded(record: SQSRecord) -> None:
            try:
                work(record, context)
            except Exception as error:
                observability.log_crash("job failed", error, {})
                raise

        try:
            return process_partial_response(event=event, record_handler=guarded, processor=processor, context=context)
        finally:
            observability.flush()

    return handler
