"""Runs of flows: begun once, taken on when they are due, held, released; whatever crashes, nobody is sent twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tests.unit.application.runs import DIALECT, KEY, MINUTE, RunQueue, active, reserved_at, show, titles, turn, wait
from tocsin.application.flows import FlowChange
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun
from tocsin.application.running import (
    AGAIN_AFTER,
    MAX_QUEUED,
    MESSAGES_PER_DAY,
    MOST_PUT_OFFS,
    PUT_OFF,
    RELEASED_AT_ONCE,
    RENEWALS,
)
from tocsin.domain.clocks import CLOCKS_DIFFER
from tocsin.domain.flow import DAY, MIN_INTERVAL, RUN_SHARDS, Executions, ExitStep, Flow, FlowStatus, Trigger
from tocsin.domain.flow_run import Run, RunState
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId
from tocsin.domain.quota import Limits
from tocsin.domain.send import Chosen, Origin
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

HOUR = 3600
OF_A_NOTIFICATION = SendId("b0" * 12)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


@pytest.fixture
def queue(engine: MemoryEngine) -> RunQueue:
    return RunQueue(engine)


def done(engine: MemoryEngine, flow: Flow) -> Executions:
    return engine.flows.get(flow.app, flow.id).executions


def state(engine: MemoryEngine, flow: Flow, subscriber: Subscription) -> RunState | None:
    run = engine.runs.get(flow.app, flow.id, subscriber.id)
    return None if run is None else run.state


def click(engine: MemoryEngine, subscriber: Subscription, at: int) -> None:
    engine.triggering.all_happened(subscriber.app, Trigger.CLICKED, [(subscriber.id, at)], OF_A_NOTIFICATION)


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


def test_who_left_meanwhile_is_passed_over_and_who_was_erased_ends_the_run(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(10), show("One"), wait(10), show("Two"))
    left, erased, again = (builders.subscribe(engine, shop, number) for number in (1, 2, 3))
    queue.passes(1)
    engine.subscribing.withdraw(shop, left.id)
    for gone in (erased, again):
        engine.amending.erase(shop, gone.id, KEY)
    engine.flows.change(shop.id, flow.id, FlowChange(status=FlowStatus.PAUSED), KEY)
    queue.passes(60)
    builders.subscribe(engine, shop, 3)  # the same browser, and yet somebody new
    engine.flows.change(shop.id, flow.id, FlowChange(status=FlowStatus.ACTIVE), KEY)
    queue.passes(60)
    assert titles(engine) == []
    assert done(engine, flow) == Executions(3, 3, 2)


@pytest.mark.parametrize("until_back", [5 * MINUTE, 2 * HOUR], ids=["while the old run is live", "while it rests"])
@pytest.mark.parametrize("held", [False, True])
def test_who_was_erased_and_comes_back_is_welcomed_like_anybody_else(
    engine: MemoryEngine, shop: App, queue: RunQueue, until_back: int, held: bool
) -> None:
    flow = active(engine, shop, wait(HOUR), show("Welcome"), interval=DAY)
    anna = builders.subscribe(engine, shop)
    queue.passes(1)
    engine.amending.erase(shop, anna.id, KEY)
    if held:
        turn(engine, flow, FlowStatus.PAUSED)
    queue.passes(until_back)
    if held:
        turn(engine, flow, FlowStatus.ACTIVE)
        queue.passes(MINUTE)
    assert titles(engine) == []
    builders.subscribe(engine, shop)
    queue.passes(HOUR + 1)
    assert titles(engine) == ["Welcome"]
    assert done(engine, flow) == Executions(started=2, ended=2, skipped=0)


def test_what_is_told_of_somebody_who_is_erased_and_not_back_begins_no_other_run(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(HOUR), show("Hello"), trigger=Trigger.CLICKED)
    anna = builders.subscribe(engine, shop)
    click(engine, anna, int(engine.clock.now()))
    queue.passes(1)
    engine.amending.erase(shop, anna.id, KEY)
    click(engine, anna, int(engine.clock.now()))
    queue.passes(1)
    assert done(engine, flow) == Executions(started=1, ended=0, skipped=0)


def moved(engine: MemoryEngine, shop: App, old: int, new: int) -> Subscription:
    """A browser whose endpoint was another one."""
    command = builders.subscribe_command(shop, new, previous=builders.endpoint(old))
    return engine.subscribing.subscribe(replace(command, renew=True))


def test_a_run_follows_a_browser_to_its_new_endpoints(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    flow = active(engine, shop, wait(HOUR), show("One"), wait(HOUR), show("Two"))
    builders.subscribe(engine, shop, 1)
    queue.passes(10)
    moved(engine, shop, 1, 2)
    queue.passes(HOUR)
    queues.drain(engine)
    for number in range(2, 2 + RENEWALS - 1):
        moved(engine, shop, number, number + 1)
    queue.passes(HOUR)
    queues.drain(engine)
    assert [engine.transport.posts_to(builders.endpoint(number)) for number in (1, 2, 1 + RENEWALS)] == [0, 1, 1]
    assert done(engine, flow) == Executions(1, 1, 0)


def test_a_run_does_not_follow_somebody_who_is_erased_or_removed_by_the_apps_owner(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, wait(HOUR), show("Hello"))
    olds = [builders.subscribe(engine, shop, number) for number in (1, 2, 3)]
    queue.passes(10)
    removed, erased, back = [moved(engine, shop, number, number + 10) for number in (1, 2, 3)]
    engine.subscribing.unregister(shop, olds[0].id, None, KEY)
    for one in (erased, back):
        engine.amending.erase(shop, one.id, KEY)
    builders.subscribe(engine, shop, 13)
    turn(engine, flow, FlowStatus.PAUSED)
    engine.run_jobs.queued.clear()
    turn(engine, flow, FlowStatus.ACTIVE)
    queue.passes(2 * HOUR)
    assert titles(engine) == []
    assert engine.subscriptions.get(shop.id, removed.id) is not None


def test_a_browser_with_a_new_endpoint_has_the_guard_of_a_day_as_any_other(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    active(engine, shop, wait(10), *[show(str(number)) for number in range(MESSAGES_PER_DAY)])
    active(engine, shop, *[show("Clicked")] * MESSAGES_PER_DAY, trigger=Trigger.CLICKED)
    builders.subscribe(engine, shop, 1)
    queue.passes(1)
    new = moved(engine, shop, 1, 2)
    click(engine, new, int(engine.clock.now()))
    queue.passes(20)
    assert len(titles(engine)) == MESSAGES_PER_DAY


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


def test_a_worker_whose_clock_is_a_little_behind_takes_nobody_for_somebody_new(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    active(engine, shop, show("Hello"))
    anna = builders.subscribe(engine, shop)
    engine.storage.subscriptions[shop.id, anna.id] = replace(anna, created_at=anna.created_at + 2)
    queue.passes(0)
    assert titles(engine) == ["Hello"]


def test_a_run_holds_nobodys_name(engine: MemoryEngine, shop: App, queue: RunQueue) -> None:
    active(engine, shop, wait(10), show("Hello {{externalId}}"))
    builders.subscribe(engine, shop, 1, builders.external("anna"), builders.email())
    queue.passes(1)
    assert "anna" not in repr(engine.runs.stored)


def test_what_the_quota_refuses_is_skipped_and_the_run_goes_on(engine: MemoryEngine, queue: RunQueue) -> None:
    shop = builders.app(engine, limits=Limits(1, None))
    flow = active(engine, shop, show("One"), wait(60), show("Two"), wait(HOUR), show("Three"))
    builders.subscribe(engine, shop)
    queue.passes(2 * HOUR)
    assert titles(engine) == ["One", "Three"]
    assert done(engine, flow) == Executions(1, 1, 1)


def test_who_unsubscribes_is_reached_on_the_other_devices_of_the_same_person(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Come back"), trigger=Trigger.UNSUBSCRIBED)
    phone = builders.subscribe(engine, shop, 1, builders.external("anna"))
    builders.subscribe(engine, shop, 2, builders.external("anna"))
    stranger = builders.subscribe(engine, shop, 3)
    builders.subscribe(engine, shop, 4, builders.external("bert"))
    for leaving in (phone, stranger):
        engine.subscribing.withdraw(shop, leaving.id)
    queue.passes(1)
    queues.drain(engine)
    assert [engine.transport.posts_to(builders.endpoint(number)) for number in (1, 2, 3, 4)] == [0, 1, 0, 0]
    assert done(engine, flow) == Executions(2, 2, 1)


def test_who_unsubscribes_everywhere_at_once_is_sent_nothing(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Come back"), trigger=Trigger.UNSUBSCRIBED)
    for number in (1, 2, 3):
        builders.subscribe(engine, shop, number, builders.external("anna"))
    put = engine.run_jobs.queue

    def at_once(jobs: Any) -> None:
        put(jobs)
        queue.passes(0)

    monkeypatch.setattr(engine.run_jobs, "queue", at_once)
    assert engine.subscribing.withdraw_person(shop, IdentityKind.EXTERNAL, "anna") == 3
    assert titles(engine) == []
    assert done(engine, flow) == Executions(3, 3, 3)


def test_the_flows_of_an_app_together_send_a_subscriber_no_more_than_so_much_a_day(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flows = [active(engine, shop, *[show(str(number))] * 15) for number in range(2)]
    builders.subscribe(engine, shop, 1)
    queue.passes(1)
    assert len(titles(engine)) == MESSAGES_PER_DAY
    assert sum(done(engine, flow).skipped for flow in flows) == 30 - MESSAGES_PER_DAY
    builders.subscribe(engine, shop, 2)
    queue.passes(1)
    assert len(titles(engine)) == 2 * MESSAGES_PER_DAY


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
        patch.setattr(engine.runs, "put", silent)
        queue.passes(1)
    monkeypatch.setattr(engine.chunks, "of", None)  # the worker may read single items of sends only
    queue.passes(PUT_OFF[1])
    assert titles(engine) == ["Hello"]
    assert done(engine, flow) == Executions(1, 1, 0)


def test_what_is_told_late_of_somebody_who_was_erased_befalls_nobody_who_has_their_endpoint_now(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Thanks"), trigger=Trigger.CLICKED)
    anna, clicked = builders.subscribe(engine, shop), int(engine.clock.now())
    queue.passes(MINUTE)
    engine.amending.erase(shop, anna.id, KEY)
    builders.subscribe(engine, shop)
    click(engine, anna, clicked)
    queue.passes(MINUTE)
    assert done(engine, flow) == Executions()
    click(engine, anna, int(engine.clock.now()))
    queue.passes(MINUTE)
    assert titles(engine) == ["Thanks"]


def test_a_run_that_began_with_newer_steps_than_a_worker_has_read_keeps_to_them(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Old"))
    builders.subscribe(engine, shop)
    [job] = queue.take()
    queue.lose()
    engine.flows.change(shop.id, flow.id, FlowChange(steps=(show("New"),)), KEY)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", silent)
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
        patch.setattr(engine.sends, "reserve", silent)
        queue.passes(1)
    queue.passes(PUT_OFF[1])
    assert titles(engine) == ["Thanks"]


def test_who_was_forgotten_by_their_push_service_and_subscribes_anew_is_welcomed_once(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    active(engine, shop, wait(HOUR), show("Welcome"))
    anna = builders.subscribe(engine, shop, 1)
    queue.passes(1)
    expired = replace(anna, state=SubscriptionState.EXPIRED, revision=anna.revision + 1)
    engine.subscriptions.put(expired, anna)
    engine.subscribing.subscribe(builders.subscribe_command(shop, 2, previous=builders.endpoint(1)))
    queue.passes(HOUR + MINUTE)
    queues.drain(engine)
    assert engine.transport.posts_to(builders.endpoint(2)) == 1


def test_values_that_a_goodbye_lacks_are_not_counted_as_others_get_it(
    engine: MemoryEngine, shop: App, queue: RunQueue
) -> None:
    flow = active(engine, shop, show("Bye {{city}}"), trigger=Trigger.UNSUBSCRIBED)
    phone = builders.subscribe(engine, shop, 1, builders.external("anna"))
    builders.subscribe(engine, shop, 2, builders.external("anna"))
    engine.subscribing.withdraw(shop, phone.id)
    queue.passes(1)
    assert titles(engine) == ["Bye {{city}}"]
    assert done(engine, flow).missing == 0


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


def silent(*_: object) -> None:
    raise Unavailable


def test_jobs_that_meet_a_store_which_does_not_answer_come_again_within_a_minute_and_not_all_at_once(
    engine: MemoryEngine, shop: App, queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = active(engine, shop, show("Hello"))
    for number in range(20):
        builders.subscribe(engine, shop, number)
    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "reserve", silent)
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
        patch.setattr(engine.sends, "reserve", silent)
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
    monkeypatch.setattr(engine.sends, "reserve", silent)
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
        patch.setattr(engine.sends, "reserve", silent)
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
        patch.setattr(engine.runs, silent_store, silent)
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
    monkeypatch.setattr(engine.runs, "start", silent)
    monkeypatch.setattr(engine.run_jobs, "queue", silent)
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
