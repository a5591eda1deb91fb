"""The sweep: each minute, find what got lost on the way and set it going again."""

from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock, Meter, Sends, Unreadable
from tocsin.application.resuming import Resuming
from tocsin.application.settling import Settling
from tocsin.domain.chunk import Chunk
from tocsin.domain.send import Course, Send, SendState

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

    def __init__(self, sends: Sends, resuming: Resuming, settling: Settling, clock: Clock, meter: Meter) -> None:
        self._sends = sends
        self._resuming = resuming
        self._settling = settling
        self._clock = clock
        self._meter = meter

    def sweep(self) -> int:
        """Resume what is stuck; how many sends were looked at."""
        now, seen = int(self._clock.now()), 0
        for app, send_id in self._sends.due(now, BATCH):
            try:
                send = self._sends.get(app, send_id)
            except Unreadable:
                # It must not stand before all others for ever; the reconciliation tells of it.
                self._meter.count(Metric.CRASHED)
                self._sends.postpone(app, send_id, now + AGAIN_AT_MOST)
                continue
            if send is not None:
                seen += 1
                age = now - send.created_at
                self._sends.postpone(app, send_id, _again(send, age, now))
                self._resume(send, age, now)
        self._meter.count(Metric.SWEPT, seen)
        return seen

    def _resume(self, send: Send, age: int, now: int) -> None:
        if send.course is Course.PAUSED and now < send.expires_at:
            return
        if send.state is SendState.PLANNED and age < PLANNER_SECONDS:
            return
        if not self._settling.settle(send):
            self._resuming.resume(send, lambda chunk: _stuck(chunk, age, now))


def _again(send: Send, age: int, now: int) -> int:
    """When to look again: at the send's end at the latest, and from then on often, for nobody has to wait any more."""
    soon = now + AGAIN_AFTER
    if send.course is Course.CANCELLED:
        return soon
    return min(now + min(max(age, AGAIN_AFTER), AGAIN_AT_MOST), max(send.expires_at, soon))


def _stuck(chunk: Chunk, age: int, now: int) -> bool:
    """Whether nobody seems to care for an open chunk any more."""
    return chunk.lease_until < now if chunk.epoch else age >= QUEUE_SECONDS
