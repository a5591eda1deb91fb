"""Queueing what is left of a send once more; doing so twice changes nothing."""

from collections.abc import Callable

from tocsin.application.jobs import DeliverChunk, FanOut, Route
from tocsin.application.ports import Chunks, Jobs
from tocsin.domain.chunk import Chunk, ChunkState
from tocsin.domain.send import Send, SendState


class Resuming:
    """Puts the parts that are not planned and the chunks that are not done into their queues."""

    def __init__(self, chunks: Chunks, jobs: Jobs) -> None:
        self._chunks = chunks
        self._jobs = jobs

    def plan(self, send: Send) -> None:
        """Queue the planning of every part."""
        self._jobs.fan_out([FanOut(send.app, send.id, Route.of(send), part) for part in range(len(send.parts))])

    def resume(self, send: Send, stuck: Callable[[Chunk], bool]) -> None:
        """Queue what an unfinished send still needs; stuck: which of its open chunks."""
        if send.state is SendState.SETTLED:
            return
        if send.state is SendState.PLANNED:
            self.plan(send)
        # A planner may end just now: then the plan queued above finds nothing to do, and the chunks need their own.
        self._deliver(send, stuck)

    def _deliver(self, send: Send, stuck: Callable[[Chunk], bool]) -> None:
        open_ = (chunk for chunk in self._chunks.of(send.app, send.id) if chunk.state is ChunkState.OPEN)
        self._jobs.deliver([_job(send, chunk) for chunk in open_ if stuck(chunk)])


def _job(send: Send, chunk: Chunk) -> DeliverChunk:
    return DeliverChunk(send.app, send.id, chunk.number, chunk.digest, Route.of(send))
