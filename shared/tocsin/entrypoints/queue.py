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
    MalformedJob,
    WebhookJob,
    decode_deliver,
    decode_fan_out,
    decode_webhook_job,
)
from tocsin.application.metrics import Metric
from tocsin.application.run_jobs import RunJob, decode_run_job
from tocsin.application.sightings import Batch, Sighted, batches, decode_sighted
from tocsin.domain.send import tally
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.observability import Fields
from tocsin.entrypoints.settings import Settings

Job = TypeVar("Job", FanOut, DeliverChunk, WebhookJob, RunJob)
QueueHandler = Callable[[dict[str, Any], LambdaContext], Any]
CHUNKS_AT_ONCE = 4
"""While one of them saves, the others keep the processor busy; 400 POSTs in flight are as many as one core can use."""
EVENTS_AT_ONCE = 10
"""Customers' servers take their time; a worker does nothing but wait for them."""
RUNS_AT_ONCE = 2
"""While one of them waits for a table, the other one works. More would meet at their app's quota, where sends pass
one by one."""
BLOCKS_AT_ONCE = 8
"""What readers did is read and written block by block; most of the time a thread waits for the table."""
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


def runs_handler() -> QueueHandler:
    """The Lambda handler that takes runs of flows from step to step, several at once."""
    container = Container(Settings.from_environment())

    def work(job: RunJob, _record: SQSRecord, until: float) -> None:
        progress = container.running.handle(job, until)
        if progress.put_off:
            observability.log("run put off", {"app": job.app, "flow": job.flow})
        if progress.late is not None:
            counts: Fields = {"late": progress.late, "sent": progress.sent, "skipped": progress.skipped}
            observability.log("run", {"app": job.app, "flow": job.flow, **counts})

    return _handler(decode_run_job, work, container, lambda: container.running, RUNS_AT_ONCE)


def tally_handler() -> QueueHandler:
    """The Lambda handler that counts what readers did: what all messages of an invocation say of a block, in one write.

    A message succeeds when all that it says is counted.
    """
    container = Container(Settings.from_environment())
    threads = ThreadPoolExecutor(BLOCKS_AT_ONCE)

    def failed(error: Exception, fields: Fields) -> None:
        observability.log("job failed", fields, error)
        container.meter.count(Metric.CRASHED)

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        until, records = _until(container, context), event["Records"]
        counting = container.counting
        jobs: list[tuple[int, Sighted]] = []
        again: set[int] = set()

        def count(batch: Batch) -> int:
            """How many were new. What comes too late for this invocation is left to another one."""
            try:
                if container.clock.now() < until:
                    return counting.count(batch)
            except Exception as error:  # noqa: BLE001 - as in `guarded`: the other blocks can do nothing for it
                failed(error, {"app": batch.app, "send": batch.send})
            again.update(batch.messages)
            return 0

        for number, record in enumerate(records):
            try:
                jobs.append((number, decode_sighted(record["body"])))
            except MalformedJob as error:
                failed(error, {})
                again.add(number)
        try:
            observability.log("events", {"events": sum(threads.map(count, batches(jobs)))})
        finally:
            container.meter.flush()
        return {"batchItemFailures": [{"itemIdentifier": records[number]["messageId"]} for number in sorted(again)]}

    return handler


def _until(container: Container, context: LambdaContext) -> float:
    """Unix seconds from which on an invocation starts nothing new."""
    return container.clock.now() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


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
        until = _until(container, context)
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


def _named(job: FanOut | DeliverChunk | WebhookJob | RunJob) -> Fields:
    """Whose job it is, for the log line."""
    if isinstance(job, FanOut | DeliverChunk | ChunkReceipts):
        return {"app": job.app, "send": job.send}
    return {"app": job.app}
