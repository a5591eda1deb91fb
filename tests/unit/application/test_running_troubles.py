"""Runs of flows when workers die and stores are silent: nobody is sent twice, none is lost, alarms ring."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.runs import (
    MINUTE,
    RunQueue,
    active,
    done,
    reserved_at,
    show,
    state,
    titles,
    turn,
    wait,
)
from tests.unit.application.scenes import breaks
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun
from tocsin.application.running import (
    AGAIN_AFTER,
    MESSAGES_PER_DAY,
    MOST_PUT_OFFS,
    PUT_OFF,
)
from tocsin.domain.flow import MIN_INTERVAL, RUN_SHARDS, Executions, ExitStep, FlowStatus, Trigger
from tocsin.domain.flow_run import Run, RunState
from tocsin.domain.ids import FlowId, SubscriptionId
from tocsin.domain.tenancy import App

HOUR = 3600


def test_the_last_message_of_a_day_is_no_skipped_one_for_having_been_tried_twice(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, *[show(str(number)) for number in range(MESSAGES_PER_DAY)])
    put = engine.runs.put

    def dies_at_the_last(new: Run, old: Run, look_at: int) -> None:
        if new.position == MESSAGES_PER_DAY:
            monkeypatch.setattr(engine.runs, "put", put)
            raise Unavailable
        put(new, old, look_at)

    monkeypatch.setattr(engine.runs, "put", dies_at_the_last)
    builders.subscribe(engine, shop)
    queue.passes(1)
    queue.passes(AGAIN_AFTER + 2 * MINUTE)
    assert len(titles(engine)) == MESSAGES_PER_DAY
    assert done(engine, flow) == Executions(started=1, ended=1, skipped=0)


class Crashed(BaseException):
    """A worker is gone, without a chance to tidy up."""


WRITES = ("runs.start", "runs.put", "runs.postpone", "run_jobs.queue", "sends.reserve", "jobs.fan_out")


def crash_at(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> Callable[[], int]:
    """Let the worker die at a write, before or after it has its effect; how many writes there were so far."""
    seen = [0]

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def call(*args: Any, **options: Any) -> object:
            seen[0] += 1
            if seen[0] == number and not after:
                raise Crashed
            result = write(*args, **options)
            if seen[0] == number:
                raise Crashed
            return result

        return call

    for name in WRITES:
        port, method = name.split(".")
        monkeypatch.setattr(getattr(engine, port), method, dying(getattr(getattr(engine, port), method)))
    return lambda: seen[0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 17))  # so many writes there are
def test_wherever_a_worker_dies_each_step_is_sent_once_and_none_is_lost(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    steps = (show("One"), show("Two"), wait(10), show("Three"), wait(2000), show("Four"), ExitStep(), show("Never"))
    flow = active(engine, shop, *steps)
    anna = builders.subscribe(engine, shop)
    queue = Retrying(engine)
    crash_at(engine, monkeypatch, number, after=after)
    queue.passes(4000)
    assert titles(engine) == ["One", "Two", "Three", "Four"]
    assert done(engine, flow) == Executions(1, 1, 0)
    assert state(engine, flow, anna) is RunState.ENDED
    assert queue.crashes == 1
    for job in {job for _, job in queue.handled}:
        queue.again(job)
    assert len(titles(engine)) == 4
    assert done(engine, flow) == Executions(1, 1, 0)


class Retrying(RunQueue):
    """Hands a message out once more when its worker has died, as the visibility timeout does."""

    def __init__(self, engine: MemoryEngine) -> None:
        super().__init__(engine)
        self.crashes = 0
        handle, sweep = engine.running.handle, engine.continuing.sweep

        def surely(call: Callable[..., Any]) -> Callable[..., Any]:
            def again(*args: Any) -> Any:
                try:
                    return call(*args)
                except Crashed:
                    self.crashes += 1
                    return call(*args)

            return again

        engine.running.handle = surely(handle)  # type: ignore[method-assign]
        engine.continuing.sweep = surely(sweep)  # type: ignore[method-assign]


def test_jobs_that_meet_a_store_which_does_not_answer_come_again_within_a_minute_and_not_all_at_once(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Hello"))
    for number in range(20):
        builders.subscribe(engine, shop, number)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", breaks(Unavailable()))
        queue.passes(2 * MINUTE)
    assert titles(engine) == []
    now = int(engine.clock.now())
    queue.passes(PUT_OFF[1])
    assert titles(engine) == ["Hello"] * 20
    assert len({at - now for at in reserved_at(engine)}) > 10
    assert done(engine, flow) == Executions(20, 20, 0)


def test_half_an_hour_of_silence_costs_nobody_a_message_of_that_day(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = [active(engine, shop, show("Hello")), active(engine, shop, wait(2 * HOUR), *[show("Series")] * 19)]
    for number in range(10):
        builders.subscribe(engine, shop, number)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", breaks(Unavailable()))
        queue.passes(30 * MINUTE)
    assert titles(engine) == []
    queue.passes(AGAIN_AFTER + 2 * MINUTE)
    assert titles(engine) == ["Hello"] * 10
    queue.passes(2 * HOUR)
    assert [done(engine, flow) for flow in flows] == [Executions(10, 10, 0)] * 2


def test_while_stores_are_silent_messages_do_not_multiply_and_in_the_end_are_dead_letters(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    active(engine, shop, show("Hello"))
    for number in range(10):
        builders.subscribe(engine, shop, number)
    monkeypatch.setattr(engine.sends, "reserve", breaks(Unavailable()))
    queue.passes(HOUR)
    an_hour, dead = queue.waiting(), len(queue.dead)
    queue.passes(3 * HOUR)
    assert queue.waiting() <= an_hour <= 60
    assert dead > 0


def test_a_held_run_which_is_released_to_silent_stores_is_a_dead_letter_that_can_be_put_back(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    anna = builders.subscribe(engine, shop)
    queue.passes(1)
    turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(20)
    turn(engine, flow, FlowStatus.ACTIVE)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", breaks(Unavailable()))
        queue.passes(HOUR)
    assert (state(engine, flow, anna), queue.waiting()) == (RunState.HELD, 0)  # no sweep finds it
    assert ContinueRun(shop.id, flow.id, anna.id, MOST_PUT_OFFS) in queue.dead
    queue.again(queue.dead[0])
    assert titles(engine) == ["Hello"]


@pytest.mark.parametrize("silent_store", ["start", "held"])
def test_what_begins_or_releases_runs_is_a_dead_letter_after_a_long_silence_and_can_be_put_back(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch, silent_store: str
) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    with monkeypatch.context() as patch:
        patch.setattr(engine.runs, silent_store, breaks(Unavailable()))
        builders.subscribe(engine, shop)
        queue.passes(1)
        if silent_store == "held":
            turn(engine, flow, FlowStatus.PAUSED)
            queue.passes(MINUTE)
            turn(engine, flow, FlowStatus.ACTIVE)
        queue.passes(HOUR)
    assert (titles(engine), queue.waiting()) == ([], 0)
    for job in queue.dead:
        queue.again(job)
    queue.passes(10)
    assert titles(engine) == ["Hello"]


def test_what_cannot_be_queued_again_either_is_left_to_the_queue(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    active(engine, shop, show("Hello"))
    builders.subscribe(engine, shop)
    [job] = queue.take()
    monkeypatch.setattr(engine.runs, "start", breaks(Unavailable()))
    monkeypatch.setattr(engine.run_jobs, "queue", breaks(Unavailable()))
    with pytest.raises(Unavailable):
        queue.again(job)


def test_jobs_about_what_is_not_there_do_nothing(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, show("Hello"))
    nobody = SubscriptionId("d0" * 12)
    jobs: list[RunJob] = [
        ContinueRun(shop.id, flow.id, nobody),
        StartRun(shop.id, FlowId("e0" * 12), nobody, Trigger.SUBSCRIBED, 0),
        *(ReleaseRuns(shop.id, flow.id, shard) for shard in range(RUN_SHARDS)),
    ]
    for job in jobs:
        queue.again(job)
    assert (engine.run_jobs.queued, engine.runs.stored) == ([], {})
    assert MIN_INTERVAL == HOUR
