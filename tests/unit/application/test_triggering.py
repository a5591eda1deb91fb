"""What begins runs of flows: subscribing and unsubscribing in every use case, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.runs import KEY, RunQueue, active, show, titles
from tocsin.application.ports import Unavailable
from tocsin.application.run_jobs import StartRun
from tocsin.application.subscribing import HEARD_AGAIN_SECONDS
from tocsin.domain.flow import Trigger
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.tenancy import App

ANNA = SubscriptionId("a1" * 12)
CAMPAIGN, ANOTHER = SendId("c1" * 12), SendId("c2" * 12)


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


@pytest.fixture
def begun(engine: MemoryEngine, shop: App) -> Callable[[], list[tuple[Trigger, SubscriptionId, int]]]:
    """What flows for both triggers were told since the last look."""
    for trigger in (Trigger.SUBSCRIBED, Trigger.UNSUBSCRIBED):
        active(engine, shop, show("Hello"), trigger=trigger)
    queue = RunQueue(engine)

    def look() -> list[tuple[Trigger, SubscriptionId, int]]:
        jobs = [job for job in queue.take() if isinstance(job, StartRun)]
        return [(job.trigger, job.subscription, job.at) for job in jobs]

    return look


Begun = Callable[[], list[tuple[Trigger, SubscriptionId, int]]]


def test_subscribing_anew_or_again_after_the_end_begins_a_run_and_being_seen_again_does_not(
    engine: MemoryEngine, shop: App, begun: Begun
) -> None:
    anna = builders.subscribe(engine, shop)
    assert begun() == [(Trigger.SUBSCRIBED, anna.id, int(engine.clock.now()))]
    engine.clock.advance(HEARD_AGAIN_SECONDS)
    builders.subscribe(engine, shop, 1, builders.external("anna"))
    engine.subscribing.identify(shop, anna.id, None)
    engine.subscribing.heartbeat(shop, anna.id)
    assert begun() == []
    engine.clock.advance(7)
    engine.subscribing.withdraw(shop, anna.id)
    assert begun() == [(Trigger.UNSUBSCRIBED, anna.id, int(engine.clock.now()))]
    engine.subscribing.withdraw(shop, anna.id)
    assert begun() == []
    builders.subscribe(engine, shop)
    assert [trigger for trigger, _, _ in begun()] == [Trigger.SUBSCRIBED]


@pytest.mark.parametrize("renew", [False, True])
def test_a_browser_that_changes_its_endpoint_neither_leaves_nor_comes(
    engine: MemoryEngine, shop: App, begun: Begun, renew: bool
) -> None:
    builders.subscribe(engine, shop, 1)
    queue = RunQueue(engine)
    queue.passes(10)
    forth = builders.subscribe_command(shop, 2, previous=builders.endpoint(1))
    back = builders.subscribe_command(shop, 1, previous=builders.endpoint(2))
    for command in (forth, forth) if renew else (forth, forth, back, back):
        engine.subscribing.subscribe(replace(command, renew=renew))
        queue.passes(10)
    assert titles(engine) == ["Hello"]


def test_who_subscribes_in_vain_and_tries_again_is_welcomed_once(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def dies(*_: Any) -> None:
        raise Died

    active(engine, shop, show("Hello"))
    queue = RunQueue(engine)
    with monkeypatch.context() as patch:
        patch.setattr(engine.run_jobs, "queue", dies)
        with pytest.raises(Died):
            builders.subscribe(engine, shop)
    assert engine.subscriptions.counts(shop.id).active == 1
    for seconds in (30, HEARD_AGAIN_SECONDS - 31, 1, HEARD_AGAIN_SECONDS):
        queue.passes(seconds)
        builders.subscribe(engine, shop)
    queue.passes(10)
    assert titles(engine) == ["Hello"]


def test_a_flow_that_is_made_active_welcomes_nobody_who_subscribed_before(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop)
    engine.clock.advance(60)
    active(engine, shop, show("Hello"))
    builders.subscribe(engine, shop)
    RunQueue(engine).passes(10)
    assert titles(engine) == []


def test_a_program_that_mends_an_expired_subscription_is_nobody_who_subscribes(
    engine: MemoryEngine, shop: App, begun: Begun
) -> None:
    anna = builders.subscribe(engine, shop)
    begun()
    engine.subscriptions.expire(shop.id, anna.id, anna.endpoint, anna.vapid_key)
    assert begun() == []  # nor did a person leave
    engine.subscribing.subscribe(replace(builders.subscribe_command(shop), renew=True))
    assert begun() == []


def test_an_owner_who_unregisters_somebody_ends_the_subscription_once(
    engine: MemoryEngine, shop: App, begun: Begun
) -> None:
    anna = builders.subscribe(engine, shop)
    begun()
    for _ in range(2):
        engine.subscribing.unregister(shop, anna.id, None, KEY)
    assert [(trigger, one) for trigger, one, _ in begun()] == [(Trigger.UNSUBSCRIBED, anna.id)]
    left = builders.subscribe(engine, shop, 2)
    engine.subscribing.withdraw(shop, left.id)
    begun()
    engine.subscribing.unregister(shop, left.id, None, KEY)
    assert begun() == []


def test_a_person_who_leaves_altogether_leaves_on_each_device(engine: MemoryEngine, shop: App, begun: Begun) -> None:
    devices = {builders.subscribe(engine, shop, number, builders.external("anna")).id for number in (1, 2, 3)}
    begun()
    engine.subscribing.withdraw_person(shop, IdentityKind.EXTERNAL, "anna")
    told = begun()
    assert ({trigger for trigger, _, _ in told}, {one for _, one, _ in told}) == ({Trigger.UNSUBSCRIBED}, devices)
    assert len(told) == 3


def test_who_is_erased_begins_nothing(engine: MemoryEngine, shop: App, begun: Begun) -> None:
    anna = builders.subscribe(engine, shop, 1)
    builders.subscribe(engine, shop, 2, builders.external("bert"))
    begun()
    engine.amending.erase(shop, anna.id, KEY)
    engine.people.erase(shop, IdentityKind.EXTERNAL, "bert", KEY)
    assert begun() == []


def test_a_queue_that_does_not_answer_fails_no_request(
    engine: MemoryEngine, shop: App, begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.run_jobs, "queue", silent)
    anna = builders.subscribe(engine, shop)
    assert engine.subscribing.withdraw(shop, anna.id)
    assert begun() == []


def test_an_app_whose_flows_wait_for_something_else_queues_nothing(engine: MemoryEngine, shop: App) -> None:
    active(engine, shop, show("Hello"), trigger=Trigger.CLICKED)
    active(engine, builders.app(engine), show("Hello"))
    engine.run_jobs.queued.clear()
    builders.subscribe(engine, shop)
    assert engine.run_jobs.queued == []


def test_a_flow_is_begun_by_its_own_campaign_only_or_by_any(engine: MemoryEngine, shop: App) -> None:
    narrow = active(engine, shop, show("Hello"), trigger=Trigger.CLICKED, source=CAMPAIGN)
    wide = active(engine, shop, show("Hello"), trigger=Trigger.CLICKED)
    engine.run_jobs.queued.clear()
    triggering = engine.triggering
    assert triggering.wanted(shop.id, Trigger.CLICKED, ANOTHER)
    assert not triggering.wanted(shop.id, Trigger.DISMISSED, CAMPAIGN)
    triggering.all_happened(shop.id, Trigger.CLICKED, [(ANNA, 5)], CAMPAIGN)
    triggering.all_happened(shop.id, Trigger.CLICKED, [(ANNA, 6)], ANOTHER)
    triggering.all_happened(shop.id, Trigger.CLICKED, [], CAMPAIGN)
    assert {(job.flow, job.at) for job, _ in engine.run_jobs.queued if isinstance(job, StartRun)} == {
        (narrow.id, 5),
        (wide.id, 5),
        (wide.id, 6),
    }
