"""Runs of flows and who they are of: people leave, are erased, come back, and get new endpoints."""

from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tests.unit.application.runs import KEY, MINUTE, RunQueue, active, click, done, show, titles, turn, wait
from tocsin.application.flows import FlowChange
from tocsin.application.running import (
    MESSAGES_PER_DAY,
    RENEWALS,
)
from tocsin.domain.flow import DAY, Executions, FlowStatus, Trigger
from tocsin.domain.identity import IdentityKind
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

HOUR = 3600


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
