"""Running what was queued, in virtual time."""

from tests.engine import MemoryEngine
from tocsin.application.jobs import FanOut
from tocsin.domain.chunk import Chunk
from tocsin.domain.send import Send

HANDLER_SECONDS = 300.0


def plan(engine: MemoryEngine) -> int:
    """Handle every queued fan-out; how many chunks were opened."""
    jobs, engine.jobs.planned = engine.jobs.planned, []
    return sum(fan_out(engine, job) for job in jobs)


def fan_out(engine: MemoryEngine, job: FanOut) -> int:
    """Handle one fan-out; how many chunks it opened."""
    return engine.fanning_out.handle(job, engine.clock.now() + HANDLER_SECONDS)


def deliver(engine: MemoryEngine, *, seconds: float = HANDLER_SECONDS) -> list[Chunk | None]:
    """Handle every chunk that is queued now, each after its delay."""
    entries, engine.jobs.delayed = engine.jobs.delayed, []
    handled = []
    for entry in entries:
        engine.clock.advance(entry.delay)
        handled.append(engine.delivering.handle(entry.job, engine.clock.now() + seconds))
    return handled


def drain(engine: MemoryEngine) -> None:
    """Handle all that is queued, and what that queues."""
    while engine.jobs.planned or engine.jobs.delayed:
        plan(engine)
        deliver(engine)


def only_send(engine: MemoryEngine) -> Send:
    """The one send that is stored."""
    (stored,) = engine.storage.sends.values()
    return stored.send


def only_chunk(engine: MemoryEngine) -> Chunk:
    """The one chunk that is stored."""
    (chunk,) = engine.storage.chunks.values()
    return chunk
