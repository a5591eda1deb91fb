"""The sweep: each minute, find what got lost on the way and set it going again."""

from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.metrics import Metric
from tocsin.application.ports import Chunks, Clock, Jobs, Meter, Sends
from tocsin.application.settling import Settling
from tocsin.domain.chunk import ChunkState
from tocsin.domain.send import Send, SendState

AGAIN_AFTER = 60
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
            self._sends.postpone(app, send_id, now + AGAIN_AFTER)
            send = self._sends.get(app, send_id)
            if send is not None:
                seen += 1
                self._resume(send, now)
        self._meter.count(Metric.SWEPT, seen)
        return seen

    def _resume(self, send: Send, now: int) -> None:
        if send.state is SendState.PLANNED:
            self._jobs.fan_out(FanOut(send.app, send.id))
        elif not self._settling.settle(send):
            for chunk in self._chunks.of(send.app, send.id):
                if chunk.state is ChunkState.OPEN and chunk.lease_until < now:
                    self._jobs.deliver(DeliverChunk(send.app, send.id, chunk.number, chunk.digest, 0))
