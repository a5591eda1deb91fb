"""Dead letters: what they are about, and another try once their cause is mended."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    MalformedJob,
    WebhookJob,
    decode_deliver,
    decode_fan_out,
    decode_webhook_job,
    encode_deliver,
)
from tocsin.application.ports import Clock, DeadLetters, Letter, Queue
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun, decode_run_job
from tocsin.application.sightings import Sighted, decode_sighted
from tocsin.domain.ids import ID_BYTES

SECONDS = 10
"""How long one call may take; whoever asks may ask again."""
HIDDEN = 60
SHOWN = 50
_ID = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")
Job = FanOut | DeliverChunk | WebhookJob | Sighted | RunJob
_DECODERS: Mapping[Queue, Callable[[str], Job]] = {
    Queue.FANOUT: decode_fan_out,
    Queue.BULK_FANOUT: decode_fan_out,
    Queue.DELIVER: decode_deliver,
    Queue.BULK_DELIVER: decode_deliver,
    Queue.WEBHOOKS: decode_webhook_job,
    Queue.EVENTS: decode_sighted,
    Queue.RUNS: decode_run_job,
}


@dataclass(frozen=True, slots=True)
class Given:
    """A message that was given up, without whom it was for. job: None when this version cannot read it."""

    job: Job | None
    queued_at: int
    received: int


class Redriving:
    """For the operator. A job that is repeated changes nothing, so doing this twice, or too early, does no harm."""

    def __init__(self, dead_letters: DeadLetters, clock: Clock) -> None:
        self._dead_letters = dead_letters
        self._clock = clock

    def waiting(self) -> Mapping[Queue, int]:
        """About how many messages were given up."""
        return {queue: self._dead_letters.waiting(queue) for queue in Queue}

    def given_up(self) -> Mapping[Queue, Sequence[Given]]:
        """Up to 50 of each queue, or as many as can be read in ten seconds; all of them stay where they are."""
        until = self._clock.now() + SECONDS
        return {queue: self._look(queue, until) for queue in Queue}

    def redrive(self) -> Mapping[Queue, int]:
        """Put them back into their queues, for ten seconds at most; how many went. The rest waits for the next call."""
        until = self._clock.now() + SECONDS
        moved = dict.fromkeys(Queue, 0)
        for queue in Queue:
            for letters in self._taken(queue, until):
                for letter in letters:
                    self._dead_letters.requeue(queue, _without_recipients(queue, letter))
                    moved[queue] += 1
        return moved

    def _look(self, queue: Queue, until: float) -> Sequence[Given]:
        found: dict[str, Letter] = {}
        for letters in self._taken(queue, until):
            found |= {letter.id: letter for letter in letters}
            if len(found) >= SHOWN:
                break
        self._dead_letters.release(queue, list(found.values()))
        oldest_first = sorted(found.values(), key=lambda letter: letter.queued_at)
        return [Given(_job(queue, one.body), one.queued_at, one.received) for one in oldest_first[:SHOWN]]

    def _taken(self, queue: Queue, until: float) -> Iterator[Sequence[Letter]]:
        while self._clock.now() < until and (letters := self._dead_letters.take(queue, HIDDEN)):
            yield letters


def _job(queue: Queue, body: str) -> Job | None:
    try:
        job = _DECODERS[queue](body)
    except MalformedJob:
        return None
    return job if all(map(_ID.fullmatch, _names(job))) else None


def _names(job: Job) -> Sequence[str]:
    match job:
        case FanOut() | DeliverChunk() | ChunkReceipts():
            return job.app, job.send
        case StartRun() | ContinueRun() | ReleaseRuns():
            return job.app, job.flow
    return (job.app,)


def _without_recipients(queue: Queue, letter: Letter) -> Letter:
    """A worker that could not even start leaves whom a message is for in it: that is stale by now, and nobody's."""
    job = _job(queue, letter.body)
    return replace(letter, body=encode_deliver(job.without_recipients())) if isinstance(job, DeliverChunk) else letter
