"""Opening the chunks of a large send: freeze who is in each, queue it, go on; a restart repeats nothing."""

from collections.abc import Sequence
from dataclasses import replace

from tocsin.application.audience import Stretches
from tocsin.application.jobs import DeliverChunk, FanOut, Recipient
from tocsin.application.ports import Chunks, Clock, Frozen, Jobs, Sends, Subscriptions
from tocsin.application.sending import digest_of
from tocsin.application.settling import Settling
from tocsin.domain.chunk import CHUNK_SIZE, finished, opened
from tocsin.domain.send import Course, Send, SendState

PACK = 5
"""Chunks that go into the queue together; the first one of a part goes at once."""


class FanningOut:
    """Plans sends part by part. A part's chunks follow each other, so a second planner finds what the first one did."""

    def __init__(
        self, sends: Sends, chunks: Chunks, subscriptions: Subscriptions, jobs: Jobs, settling: Settling, clock: Clock
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._stretches = Stretches(subscriptions, chunks)
        self._jobs = jobs
        self._settling = settling
        self._clock = clock

    def handle(self, job: FanOut, until: float) -> int:
        """Open and queue the chunks of a part; how many we did. until: Unix seconds; what is left then is queued."""
        send = self._sends.get(job.app, job.send)
        if send is None or send.state is not SendState.PLANNED or job.part >= len(send.parts):
            return 0
        if send.course is Course.PAUSED and self._clock.now() < send.expires_at:
            return 0
        planned, done = job, 0
        packed: list[DeliverChunk] = []
        while not self._finished(send, planned):
            if self._clock.now() >= until:
                self._jobs.deliver(packed)
                self._jobs.fan_out([planned])
                return done
            planned, chunk = self._open(send, planned)
            packed += chunk
            done += 1
            if len(packed) >= PACK or planned.ordinal == 1:
                self._jobs.deliver(packed)
                packed = []
        self._jobs.deliver(packed)
        if self._sends.opened(send, planned.part, planned.ordinal):
            current = self._sends.get(send.app, send.id)
            if current is not None:
                self._settling.settle(current)
        return done

    def _finished(self, send: Send, planned: FanOut) -> bool:
        walked = planned.ordinal > 0 and planned.after is None
        return walked or planned.taken >= send.parts[planned.part]

    def _open(self, send: Send, planned: FanOut) -> tuple[FanOut, list[DeliverChunk]]:
        """One chunk: how far the part is planned with it, and its job, if there is anybody in it."""
        number = planned.ordinal * len(send.parts) + planned.part
        limit = min(CHUNK_SIZE, send.parts[planned.part] - planned.taken)
        read_at = int(self._clock.now())
        found, after = self._next(send, planned, limit)
        ours = Frozen(tuple(recipient.id for recipient in found), after)
        frozen = self._chunks.freeze(send.app, send.id, number, ours)
        if frozen != ours:
            found = []  # another planner was faster; the people it froze are the ones who count
        chunk = opened(send.app, send.id, number, len(frozen.ids), digest_of(frozen.ids))
        # An end that finds nobody is frozen too: a slower planner that still saw somebody must not go on after it.
        self._chunks.open(chunk if frozen.ids else finished(chunk))
        ahead = replace(planned, ordinal=planned.ordinal + 1, taken=planned.taken + len(frozen.ids), after=frozen.after)
        if not frozen.ids:
            self._sends.chunk_done(send.app, send.id)
            return ahead, []
        if send.variables is not None:
            found = []  # a personal text is made of more than a walk reads: the worker loads them
        return ahead, [DeliverChunk(send.app, send.id, number, chunk.digest, planned.route, read_at, tuple(found))]

    def _next(self, send: Send, planned: FanOut, limit: int) -> tuple[Sequence[Recipient], str | None]:
        if send.course is Course.CANCELLED or self._clock.now() >= send.expires_at:
            return (), None  # nobody more; what an earlier planner froze is still counted and closed, chunk by chunk
        walk = self._stretches.next(send, planned, limit)
        return walk.recipients, walk.after
