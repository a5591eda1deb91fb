"""Runs of flows: begun once, taken on when they are due, held, released; steps that were replaced, limits of others."""

from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tests.unit.application.runs import (
    DIALECT,
    KEY,
    RunQueue,
    active,
    click,
    done,
    reserved_at,
    show,
    state,
    titles,
    turn,
    wait,
)
from tests.unit.application.scenes import breaks
from tocsin.application.flows import FlowChange
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob
from tocsin.application.running import (
    AGAIN_AFTER,
    MAX_QUEUED,
    PUT_OFF,
    RELEASED_AT_ONCE,
)
from tocsin.domain.clocks import CLOCKS_DIFFER
from tocsin.domain.flow import DAY, Executions, FlowStatus, Trigger
from tocsin.domain.flow_run import RunState
from tocsin.domain.ids import AppId, FlowId, SubscriptionId
from tocsin.domain.quota import Limits
from tocsin.domain.send import Chosen, Origin
from tocsin.domain.tenancy import App

HOUR = 3600


def test_a_step_is_a_queued_send_to_the_subscriber_alone_whose_texts_are_filled_in(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Hello {{externalId}}"))
    builders.subscribe(engine, shop, 1)
    anna = builders.subscribe(engine, shop, 2, builders.external("anna"))
    queue.passes(0)
    send = [stored.send for stored in engine.storage.sends.values()][1]
    assert send.audience == Chosen(subscriptions=(anna.id,))
    assert (send.origin, send.dialect, send.variables) == (Origin.FLOW, DIALECT, {})
    queues.drain(engine)
    assert engine.transport.posts_to(builders.endpoint(2)) == 1
    assert done(engine, flow) == Executions(2, 2, 0, missing=1)  # the first one has no external id


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, MAX_QUEUED - 1, MAX_QUEUED, MAX_QUEUED + 1, HOUR, 365 * DAY])
def test_a_delay_is_kept_to_the_second_however_long_it_is(
    engine: MemoryEngine, shop: App, queue: RunQueue, seconds: int
) -> None:
    active(engine, shop, wait(seconds), show("Later"))
    builders.subscribe(engine, shop)
    began = int(engine.clock.now())
    queue.passes(0)
    if seconds > 2 * HOUR:  # a year of minutes in which nothing happens
        engine.clock.advance(seconds - HOUR)
        queue = RunQueue(engine)
    queue.passes(min(seconds, HOUR) - 1)
    assert titles(engine) == []
    queue.passes(1)
    assert reserved_at(engine) == [began + seconds]


def test_lost_messages_are_found_by_the_sweep(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, wait(10), show("First"), wait(10), show("Second"))
    builders.subscribe(engine, shop)
    queue.passes(1)
    queue.lose()
    queue.passes(AGAIN_AFTER + 20)
    assert titles(engine) == ["First", "Second"]
    assert done(engine, flow) == Executions(1, 1, 0)


def test_what_begins_a_run_twice_begins_one(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, show("Hello"), wait(HOUR))
    builders.subscribe(engine, shop)
    [job] = queue.take()
    for _ in range(3):
        queue.again(job)
    assert titles(engine) == ["Hello"]
    assert done(engine, flow) == Executions(1, 0, 0)


def test_the_next_run_of_a_subscriber_comes_after_the_flows_interval(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Hello"), trigger=Trigger.CLICKED, interval=2 * HOUR)
    anna = builders.subscribe(engine, shop)
    for minutes in (0, 59, 60, 1, 119, 1):  # from click to click; the second and the fifth begin one
        queue.passes(minutes * 60)
        click(engine, anna, int(engine.clock.now()))
    queue.passes(1)
    assert done(engine, flow) == Executions(3, 3, 0)


def test_a_run_that_lasts_longer_than_the_interval_stays_the_only_one(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(5 * HOUR), show("Hello"), trigger=Trigger.CLICKED)
    anna = builders.subscribe(engine, shop)
    for _ in range(4):
        click(engine, anna, int(engine.clock.now()))
        queue.passes(HOUR)
    assert done(engine, flow) == Executions(1, 0, 0)


def test_a_message_that_comes_hours_later_begins_nothing_that_was_over_before(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Hello"))
    builders.subscribe(engine, shop)
    [job] = queue.take()
    queue.passes(3 * HOUR)
    queue.again(job)  # a dead letter that somebody put back
    assert done(engine, flow) == Executions(1, 1, 0)


def test_a_browser_whose_clock_is_ahead_does_not_shorten_the_interval(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Hello"), trigger=Trigger.CLICKED)
    anna = builders.subscribe(engine, shop)
    for _ in range(2):
        click(engine, anna, int(engine.clock.now()) + DAY)
        queue.passes(1)
    assert done(engine, flow).started == 1


@pytest.mark.parametrize("status", [FlowStatus.PAUSED, FlowStatus.ARCHIVED])
def test_runs_of_a_flow_that_rests_are_held_until_it_is_active_again(
    engine: MemoryEngine, shop: App, queue: RunQueue, status: FlowStatus
) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    people = [builders.subscribe(engine, shop, number) for number in range(1, 12)]
    queue.passes(1)
    turn(engine, flow, status)
    builders.subscribe(engine, shop, 12)
    queue.passes(HOUR)
    assert {state(engine, flow, one) for one in people} == {RunState.HELD}
    assert titles(engine) == []
    turn(engine, flow, FlowStatus.ACTIVE)
    queue.passes(10)
    assert titles(engine) == ["Hello"] * 11
    assert done(engine, flow) == Executions(11, 11, 0)


def test_a_flow_that_rested_while_nothing_was_due_goes_on_in_time(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(HOUR), show("Hello"))
    builders.subscribe(engine, shop)
    began = int(engine.clock.now())
    queue.passes(60)
    turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(60)
    turn(engine, flow, FlowStatus.ACTIVE)
    queue.passes(HOUR)
    assert reserved_at(engine) == [began + HOUR]


def test_a_run_that_is_held_just_when_its_flow_becomes_active_goes_on(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    builders.subscribe(engine, shop)
    queue.passes(1)
    flow = turn(engine, flow, FlowStatus.PAUSED)
    put = engine.runs.put

    def slow_put(*args: Any) -> None:
        # The worker has read that the flow rests; before it says so, the flow is active and its runs looked through.
        monkeypatch.setattr(engine.runs, "put", put)
        turn(engine, flow, FlowStatus.ACTIVE)
        for job in [job for job in queue.take() if isinstance(job, ReleaseRuns)]:
            queue.again(job)
        put(*args)

    monkeypatch.setattr(engine.runs, "put", slow_put)
    queue.passes(10)
    assert titles(engine) == ["Hello"]


def test_releasing_goes_on_where_the_time_was_over(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, wait(1), show("Hello"))
    people = [
        SubscriptionId(f"{8 * number % 256:02x}{number:022x}") for number in range(2 * RELEASED_AT_ONCE + 1)
    ]  # of one shard
    now = int(engine.clock.now())
    engine.triggering.all_happened(shop.id, Trigger.SUBSCRIBED, [(one, now) for one in people])
    queue.passes(0)
    flow = turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(10)
    turn(engine, flow, FlowStatus.ACTIVE)
    queue.lose()
    put = engine.run_jobs.queue

    def slowly(jobs: Any) -> None:
        put(jobs)
        engine.clock.advance(30)

    monkeypatch.setattr(engine.run_jobs, "queue", slowly)
    released: list[RunJob] = [ReleaseRuns(shop.id, flow.id, 0)]
    looks = 0
    while isinstance(released[-1], ReleaseRuns):
        looks += 1
        engine.running.handle(released.pop(), engine.clock.now() + 20)
        released += queue.take()
    assert looks == 3
    assert sorted(job.subscription for job in released if isinstance(job, ContinueRun)) == sorted(people)


def test_a_deleted_flow_leaves_no_run_behind(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    for number in range(1, 12):
        builders.subscribe(engine, shop, number)
    queue.passes(1)
    turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(20)
    builders.subscribe(engine, shop, 20)
    engine.flows.remove(shop.id, flow.id, KEY)
    queue.passes(10)
    assert (engine.runs.stored, dict(engine.runs.counted), titles(engine)) == ({}, {}, [])


def test_a_run_that_meets_the_end_of_its_flow_is_forgotten_when_it_is_due(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(10), show("Hello"))
    builders.subscribe(engine, shop)
    queue.passes(1)
    engine.flows.remove(shop.id, flow.id, KEY)
    engine.run_jobs.queued.clear()  # the messages that would have cleared it
    queue.passes(20)
    assert (engine.runs.stored, titles(engine)) == ({}, [])


def test_runs_keep_the_steps_that_they_began_with(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, wait(10), show("Old"), wait(10), show("Older"))
    builders.subscribe(engine, shop, 1)
    queue.passes(1)
    for title in ("New", "Newer"):
        engine.flows.change(shop.id, flow.id, FlowChange(steps=(show(title),)), KEY)
    builders.subscribe(engine, shop, 2)
    queue.passes(30)
    assert titles(engine) == ["Newer", "Old", "Older"]
    assert done(engine, flow) == Executions(2, 2, 0)


def test_steps_that_were_replaced_are_read_once_for_all_runs_that_keep_to_them(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, wait(10), show("Old"))
    for number in range(10):
        builders.subscribe(engine, shop, number)
    queue.passes(1)
    engine.flows.change(shop.id, flow.id, FlowChange(steps=(show("New"),)), KEY)
    read: list[int] = []
    steps = engine.flow_catalogue.steps

    def noting(app: AppId, name: FlowId, revision: int) -> object:
        read.append(revision)
        return steps(app, name, revision)

    monkeypatch.setattr(engine.flow_catalogue, "steps", noting)
    queue.passes(30)
    assert (titles(engine), read) == (["Old"] * 10, [0])


def test_what_happened_before_a_flow_was_made_active_begins_nothing(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    before, now = builders.subscribe(engine, shop, 1), int(engine.clock.now())
    paused = builders.subscribe(engine, shop, 2)
    queue.passes(HOUR)
    flow = active(engine, shop, show("Hello"), trigger=Trigger.CLICKED)
    click(engine, before, now)
    queue.passes(HOUR)
    flow = turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(HOUR)
    click(engine, paused, int(engine.clock.now()))
    queue.passes(HOUR)
    at = int(engine.clock.now())
    flow = turn(engine, flow, FlowStatus.ACTIVE)
    click(engine, paused, at - HOUR)  # reported only now
    queue.passes(1)
    assert done(engine, flow) == Executions()
    click(engine, paused, at - CLOCKS_DIFFER)  # a clock that is behind
    queue.passes(1)
    assert done(engine, flow).started == 1


def test_a_flow_that_comes_to_wait_for_something_else_begins_with_what_happens_from_then_on(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Hello"), trigger=Trigger.UNSUBSCRIBED)
    anna, now = builders.subscribe(engine, shop), int(engine.clock.now())
    queue.passes(HOUR)
    engine.flows.change(shop.id, flow.id, FlowChange(trigger=Trigger.CLICKED), KEY)
    click(engine, anna, now)
    queue.passes(1)
    assert done(engine, flow).started == 0
    now = int(engine.clock.now())
    queue.passes(HOUR)
    engine.flows.change(shop.id, flow.id, FlowChange(name="Renamed"), KEY)
    click(engine, anna, now)
    queue.passes(1)
    assert done(engine, flow).started == 1


def test_what_the_quota_refuses_is_skipped_and_the_run_goes_on(engine: MemoryEngine, queue: RunQueue) -> None:
    shop = builders.app(engine, limits=Limits(1, None))
    flow = active(engine, shop, show("One"), wait(60), show("Two"), wait(HOUR), show("Three"))
    builders.subscribe(engine, shop)
    queue.passes(2 * HOUR)
    assert titles(engine) == ["One", "Three"]
    assert done(engine, flow) == Executions(1, 1, 1)


def test_a_flow_sends_nothing_while_its_api_is_switched_off(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, show("One"), wait(60), show("Two"))
    builders.subscribe(engine, shop)
    queue.passes(30)
    engine.storage.apps[shop.id] = replace(engine.storage.apps[shop.id], dialects_off=frozenset({DIALECT}))
    queue.passes(60)
    assert titles(engine) == ["One"]
    assert done(engine, flow) == Executions(started=1, ended=1, skipped=1)


def test_a_flow_that_is_no_longer_active_or_waits_for_something_else_begins_nothing(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    paused, other = active(engine, shop, show("One")), active(engine, shop, show("Two"))
    builders.subscribe(engine, shop)
    jobs = queue.take()
    turn(engine, paused, FlowStatus.PAUSED)
    engine.flows.change(shop.id, other.id, FlowChange(trigger=Trigger.UNSUBSCRIBED), KEY)
    for job in jobs:
        queue.again(job)
    assert len(jobs) == 2
    assert (titles(engine), engine.runs.stored) == ([], {})


def test_a_step_that_was_sent_before_is_known_by_its_send_alone(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Hello"))
    builders.subscribe(engine, shop)
    with monkeypatch.context() as patch:
        patch.setattr(engine.runs, "put", breaks(Unavailable()))
        queue.passes(1)
    monkeypatch.setattr(engine.chunks, "of", None)  # the worker may read single items of sends only
    queue.passes(PUT_OFF[1])
    assert titles(engine) == ["Hello"]
    assert done(engine, flow) == Executions(1, 1, 0)


def test_a_run_that_began_with_newer_steps_than_a_worker_has_read_keeps_to_them(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Old"))
    builders.subscribe(engine, shop)
    [job] = queue.take()
    queue.lose()
    engine.flows.change(shop.id, flow.id, FlowChange(steps=(show("New"),)), KEY)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", breaks(Unavailable()))
        queue.again(job)
    queue.lose()
    with monkeypatch.context() as patch:
        patch.setattr(engine.flow_catalogue, "get", lambda *_: flow)  # the same job again, by who had read it before
        queue.again(job)
    queue.passes(1)
    assert titles(engine) == ["New"]


def test_what_befell_a_clock_that_is_ahead_begins_the_same_run_however_often_it_is_tried(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    active(engine, shop, show("Thanks"), trigger=Trigger.CLICKED)
    anna, now = builders.subscribe(engine, shop), int(engine.clock.now())
    click(engine, anna, now + 1)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", breaks(Unavailable()))
        queue.passes(1)
    queue.passes(PUT_OFF[1])
    assert titles(engine) == ["Thanks"]
