"""The sweep of runs: what is due until the next one is queued, each for its second."""

import pytest

from tests.engine import MemoryEngine
from tests.unit.application.runs import RunQueue
from tocsin.application import continuing
from tocsin.application.continuing import AHEAD
from tocsin.application.run_jobs import ContinueRun
from tocsin.application.running import AGAIN_AFTER
from tocsin.domain.flow import Trigger
from tocsin.domain.flow_run import Run, RunState
from tocsin.domain.ids import AppId, FlowId, SubscriptionId

APP, FLOW = AppId("a0" * 12), FlowId("f0" * 12)


def waiting(engine: MemoryEngine, number: int, seconds: int) -> SubscriptionId:
    """A run that is due in so many seconds."""
    now, subscription = int(engine.clock.now()), SubscriptionId(f"{number:024x}")
    due = now + seconds
    run = Run("a" * 24, APP, FLOW, subscription, Trigger.CLICKED, 0, 0, RunState.WAITING, due, now, now + 3600)
    assert engine.runs.start(run, now, due)
    return subscription


def test_each_is_queued_for_its_second_and_what_is_due_later_is_left(engine: MemoryEngine) -> None:
    late, now, soon, next_ = (waiting(engine, n, s) for n, s in enumerate((-100, 0, AHEAD, AHEAD + 1)))
    assert engine.continuing.sweep() == 3
    assert engine.run_jobs.queued == [
        (ContinueRun(APP, FLOW, late), 0),
        (ContinueRun(APP, FLOW, now), 0),
        (ContinueRun(APP, FLOW, soon), AHEAD),
    ]
    assert next_ not in {job.subscription for job, _ in engine.run_jobs.queued if isinstance(job, ContinueRun)}


def test_what_was_queued_is_left_alone_until_it_seems_to_be_lost(engine: MemoryEngine) -> None:
    waiting(engine, 1, 0)
    assert [engine.continuing.sweep() for _ in range(3)] == [1, 0, 0]
    engine.clock.advance(AGAIN_AFTER - 1)
    assert engine.continuing.sweep() == 0
    engine.clock.advance(1)
    assert engine.continuing.sweep() == 1


def test_a_sweep_that_has_no_time_left_leaves_the_rest_to_the_next_one(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing, "BATCH", 2)
    people = [waiting(engine, number, 0) for number in range(5)]
    put = engine.run_jobs.queue

    def slowly(jobs: object) -> None:
        put(jobs)  # type: ignore[arg-type]
        engine.clock.advance(20)

    monkeypatch.setattr(engine.run_jobs, "queue", slowly)
    assert engine.continuing.sweep() == 4
    assert engine.continuing.sweep() == 1
    found = [job.subscription for job in RunQueue(engine).take() if isinstance(job, ContinueRun)]
    assert sorted(found) == people
