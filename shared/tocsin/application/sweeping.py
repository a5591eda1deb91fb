"""The sweep: each minute, find what got lost on the way and set it going again."""

from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.metrics import Metric
from tocsin.application.ports import Chunks, Clock, Jobs, Meter, Sends
from tocsin.application.settling import Settling
from tocsin.domain.chunk import ChunkState
from tocsin.domain.send import Send, SendState

AGAIN_AFTER, AGAIN_AT_MOST = 60, 540
"""Seconds until a send is looked at again: as long as it has lasted so far, within these bounds. What stays unfinished
for long is mostly waiting for its turn, and each look at a lost message's send puts another message into the queue."""
PLANNER_SECONDS = 120
"""A planner has ended by then; a send that is still planned has none."""
QUEUE_SECONDS = 240
"""A chunk that nobody has claimed by then was lost, or the queue is long."""
BATCH = 200


class Sweeping:
    """Looks at every send that is due and not settled; doing so twice changes nothing."""

    def __init__(
        self, sends: Sends, chunks: Chunks, jobs: Jobs, settling: Settling, clock: Clock, meter: Meter
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._jobs = jobs
        self._settling = settling
        self._clock = clock
        self._meter = meter

    def sweep(self) -> int:
        """Resume what is stuck; how many sends were looked at."""
        now, seen = int(self._clock.now()), 0
        for app, send_id in self._sends.due(now, BATCH):
            send = self._sends.get(app, send_id)
            if send is not None:
                seen += 1
                age = now - send.created_at
                self._sends.postpone(app, send_id, now + min(max(age, AGAIN_AFTER), AGAIN_AT_MOST))
                self._resume(send, age, now)
        self._meter.count(Metric.SWEPT, seen)
        return seen

    def _resume(self, send: Send, age: int, now: int) -> None:
        if send.state is SendState.PLANNED:
            if age >= PLANNER_SECONDS:
                self._jobs.fan_out(FanOut(send.app, send.id))
        elif not self._settling.settle(send):
            for chunk in self._chunks.of(send.app, send.id):
                stuck = chunk.lease_until < now if chunk.epoch else age >= QUEUE_SECONDS
                if chunk.state is ChunkState.OPEN and stuck:
                    self._jobs.deliver(DeliverChunk(send.app, send.id, chunk.number, chunk.digest, 0))
