"""The operator's routes of messages that were tried too often: what waits, and another try."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter

from tocsin.application.jobs import ChunkReceipts, DeliverChunk, FanOut, Notify, TryAgain
from tocsin.application.ports import Queue
from tocsin.application.redriving import Given, Job
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, StartRun
from tocsin.application.sightings import Sighted
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import operator

router = APIRouter(prefix="/admin/dead-letters", dependencies=[operator])


@router.get("")
def list_dead_letters(engine: EngineDependency) -> dict[str, object]:
    """How many messages wait in each queue's dead letters, and what up to 50 of them are about, oldest first."""
    waiting, given_up = engine.redriving.waiting(), engine.redriving.given_up()
    return _by_queue(waiting, lambda queue: {"messages": [_given(one) for one in given_up[queue]]})


@router.post("/redrive")
def redrive(engine: EngineDependency) -> dict[str, object]:
    """Put them back into their queues: how many went, and about how many are left. Again until none is."""
    moved = engine.redriving.redrive()
    return _by_queue(engine.redriving.waiting(), lambda queue: {"moved": moved[queue]})


def _by_queue(waiting: Mapping[Queue, int], more: Callable[[Queue], dict[str, object]]) -> dict[str, object]:
    return {"queues": [{"queue": queue, "waiting": number, **more(queue)} for queue, number in waiting.items()]}


def _given(one: Given) -> dict[str, object]:
    """received: how often it was handed out, to workers and to this list. app, send: null if it cannot be read."""
    return {"queued_at": iso(one.queued_at), "received": one.received, **_about(one.job)}


def _about(job: Job | None) -> dict[str, object]:  # noqa: PLR0911 - a table of jobs
    if job is None:
        return {"app": None, "send": None}
    app = render("app", job.app)
    match job:
        case FanOut():
            return {"app": app, "send": render("snd", job.send), "part": job.part}
        case DeliverChunk():
            return {"app": app, "send": render("snd", job.send), "chunk": job.number}
        case ChunkReceipts():
            return {"app": app, "send": render("snd", job.send), "chunk": job.chunk}
        case Sighted():
            return {"app": app, "send": None, "events": len(job.sightings)}
        case StartRun() | ContinueRun() | ReleaseRuns():
            return {"app": app, "send": None, "flow": render("flow", job.flow)}
        case Notify() | TryAgain():
            # Of a person's event nothing is told but its id, which its receiver knows it by.
            return {"app": app, "send": None, "event": job.event if isinstance(job, TryAgain) else job.event.id}
