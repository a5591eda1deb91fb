"""Flows as their owner makes and steers them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.infrastructure.template import resources
from tests.unit.application.runs import DIALECT, KEY, draft, show, turn
from tocsin.application.flows import RELEASE_AFTER, FlowChange, FlowView
from tocsin.application.ports import Stale, Unavailable
from tocsin.application.run_jobs import ReleaseRuns, RunJob
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import MAX_ACTIVE, RUN_SHARDS, Executions, Flow, FlowStatus, Trigger
from tocsin.domain.ids import AppId, FlowId, SendId
from tocsin.domain.tenancy import App

DRAFT, ACTIVE, PAUSED, ARCHIVED = FlowStatus.DRAFT, FlowStatus.ACTIVE, FlowStatus.PAUSED, FlowStatus.ARCHIVED
ALLOWED = {
    (DRAFT, ACTIVE),
    (PAUSED, ACTIVE),
    (ARCHIVED, ACTIVE),
    (ACTIVE, PAUSED),
    (DRAFT, ARCHIVED),
    (ACTIVE, ARCHIVED),
    (PAUSED, ARCHIVED),
    (PAUSED, DRAFT),
    (ARCHIVED, DRAFT),
}
WAY: dict[FlowStatus, tuple[FlowStatus, ...]] = {
    DRAFT: (),
    ACTIVE: (ACTIVE,),
    PAUSED: (ACTIVE, PAUSED),
    ARCHIVED: (ARCHIVED,),
}
CAMPAIGN = SendId("c1" * 12)


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def made(engine: MemoryEngine, owner: App, *titles: str) -> Flow:
    return engine.flows.create(owner.id, DIALECT, draft(*map(show, titles)), KEY).flow


def fault(refused: pytest.ExceptionInfo[Refused]) -> tuple[Fault, str]:
    return refused.value.fault, refused.value.message


def test_a_new_flow_is_a_draft_with_a_name_for_each_step(engine: MemoryEngine, shop: App) -> None:
    flow = made(engine, shop, "One", "Two")
    assert (flow.status, flow.created_by, flow.steps_revision) == (DRAFT, KEY.name, 0)
    assert engine.flows.get(shop.id, flow.id) == FlowView(flow, Executions())
    changed = engine.flows.change(shop.id, flow.id, FlowChange(steps=(show("Three"),)), KEY).flow
    names = [flow.step_id(0), flow.step_id(1), changed.step_id(0)]
    assert len(set(names)) == 3


@pytest.mark.parametrize(("now", "wanted"), list(product(FlowStatus, FlowStatus)))
def test_a_status_is_entered_from_some_and_refused_from_the_others(
    engine: MemoryEngine, shop: App, now: FlowStatus, wanted: FlowStatus
) -> None:
    flow = made(engine, shop, "One")
    for status in WAY[now]:
        flow = turn(engine, flow, status)
    if (now, wanted) in ALLOWED:
        assert turn(engine, flow, wanted).status is wanted
        return
    with pytest.raises(Refused) as refused:
        turn(engine, flow, wanted)
    assert refused.value.fault is Fault.CONFLICT
    assert engine.flows.get(shop.id, flow.id).flow == flow


def test_a_refusal_says_why(engine: MemoryEngine, shop: App) -> None:
    flow = made(engine, shop)
    said = []
    for status in (ACTIVE, PAUSED, DRAFT):
        with pytest.raises(Refused) as refused:
            turn(engine, flow, status)
        said.append(refused.value.message)
    assert said == [
        "A flow needs at least one step to be active",
        "Only a flow that is active can become paused; this one is draft",
        "The flow is draft already",
    ]


def test_so_many_flows_with_a_trigger_can_be_active_at_a_time(engine: MemoryEngine, shop: App) -> None:
    def draft_of(trigger: Trigger, owner: App = shop) -> Flow:
        return engine.flows.create(owner.id, DIALECT, draft(show("One"), trigger=trigger), KEY).flow

    flows = [turn(engine, draft_of(Trigger.CLICKED), ACTIVE) for _ in range(MAX_ACTIVE)]
    one_more, dismissed = draft_of(Trigger.CLICKED), turn(engine, draft_of(Trigger.DISMISSED), ACTIVE)
    too_many = (one_more.id, FlowChange(status=ACTIVE)), (dismissed.id, FlowChange(trigger=Trigger.CLICKED))
    for name, change in too_many:
        engine.run_jobs.queued.clear()
        with pytest.raises(Refused) as refused:
            engine.flows.change(shop.id, name, change, KEY)
        assert fault(refused) == (
            Fault.CONFLICT,
            "At most 50 flows with the trigger notification_click can be active: pause another one first",
        )
        assert engine.run_jobs.queued == []
    narrowed = engine.flows.change(shop.id, flows[0].id, FlowChange(source=CAMPAIGN, name="Another"), KEY).flow
    assert narrowed.status is ACTIVE  # one of those that are
    turn(engine, draft_of(Trigger.CLICKED, builders.app(engine)), ACTIVE)
    turn(engine, narrowed, PAUSED)
    for name, change in too_many[:1]:
        assert engine.flows.change(shop.id, name, change, KEY).flow.status is ACTIVE


@pytest.mark.parametrize("trigger", Trigger)
def test_a_flow_cannot_wait_for_what_is_never_reported_while_statistics_are_off(
    engine: MemoryEngine, shop: App, trigger: Trigger
) -> None:
    flow = engine.flows.create(shop.id, DIALECT, draft(show("One"), trigger=trigger), KEY).flow
    engine.storage.apps[shop.id] = replace(engine.storage.apps[shop.id], statistics=False)
    if trigger not in {Trigger.DISPLAYED, Trigger.DISMISSED}:
        assert turn(engine, flow, ACTIVE).status is ACTIVE
        return
    with pytest.raises(Refused) as refused:
        turn(engine, flow, ACTIVE)
    assert fault(refused) == (
        Fault.CONFLICT,
        f"{trigger} is not reported while the site's statistics are off: its operator can switch them on",
    )
    engine.storage.apps[shop.id] = replace(engine.storage.apps[shop.id], statistics=True)
    assert turn(engine, flow, ACTIVE).status is ACTIVE


def test_an_active_flow_keeps_a_step(engine: MemoryEngine, shop: App) -> None:
    flow = turn(engine, made(engine, shop, "One"), ACTIVE)
    with pytest.raises(Refused) as refused:
        engine.flows.change(shop.id, flow.id, FlowChange(steps=()), KEY)
    assert fault(refused) == (Fault.CONFLICT, "A flow needs at least one step to be active")
    paused = engine.flows.change(shop.id, flow.id, FlowChange(steps=(), status=PAUSED), KEY).flow
    assert (paused.steps, paused.status) == ((), PAUSED)


def test_a_campaign_narrows_triggers_of_notifications_only(engine: MemoryEngine, shop: App) -> None:
    for trigger in (Trigger.SUBSCRIBED, Trigger.UNSUBSCRIBED):
        with pytest.raises(Refused) as refused:
            engine.flows.create(shop.id, DIALECT, draft(trigger=trigger, source=CAMPAIGN), KEY)
        assert fault(refused)[0] is Fault.FIELD_INVALID
    flow = engine.flows.create(shop.id, DIALECT, draft(trigger=Trigger.CLICKED, source=CAMPAIGN), KEY).flow
    with pytest.raises(Refused):
        engine.flows.change(shop.id, flow.id, FlowChange(trigger=Trigger.SUBSCRIBED), KEY)
    both = FlowChange(trigger=Trigger.SUBSCRIBED, source=None)
    assert engine.flows.change(shop.id, flow.id, both, KEY).flow.trigger is Trigger.SUBSCRIBED


def test_what_is_not_named_stays_as_it_is(engine: MemoryEngine, shop: App) -> None:
    flow = made(engine, shop, "One")
    engine.clock.advance(5)
    changed = engine.flows.change(shop.id, flow.id, FlowChange(name="Another"), KEY).flow
    assert (changed.name, changed.steps, changed.steps_revision) == ("Another", flow.steps, 0)
    assert (changed.updated_at, changed.steps_at) == (flow.updated_at + 5, flow.steps_at)


def test_held_runs_are_looked_for_when_a_flow_becomes_active_and_when_it_is_gone_and_again_after_a_slow_request(
    engine: MemoryEngine, shop: App
) -> None:
    flow = turn(engine, made(engine, shop, "One"), ACTIVE)
    looks = [
        (ReleaseRuns(shop.id, flow.id, shard), delay) for delay in (RELEASE_AFTER, 0) for shard in range(RUN_SHARDS)
    ]
    assert engine.run_jobs.queued == looks
    engine.run_jobs.queued.clear()
    flow = turn(engine, flow, PAUSED)
    assert engine.run_jobs.queued == []
    engine.flows.remove(shop.id, flow.id, KEY)
    assert engine.run_jobs.queued == looks


def test_the_later_look_comes_when_no_request_can_still_be_under_way() -> None:
    assert resources("AWS::Serverless::Function")["CampaignsFunction"]["Timeout"] < RELEASE_AFTER


def test_a_flow_is_active_though_the_queue_stops_answering_once_its_later_look_is_queued(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, queue = made(engine, shop, "One"), engine.run_jobs.queue

    def answers_once(jobs: Sequence[tuple[RunJob, int]]) -> None:
        if engine.run_jobs.queued:
            raise Unavailable
        queue(jobs)

    monkeypatch.setattr(engine.run_jobs, "queue", answers_once)
    assert turn(engine, flow, ACTIVE).status is ACTIVE
    assert {delay for _, delay in engine.run_jobs.queued} == {RELEASE_AFTER}


def test_a_queue_that_does_not_answer_leaves_a_flow_as_it_was(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = made(engine, shop, "One")

    def silent(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.run_jobs, "queue", silent)
    with pytest.raises(Unavailable):
        turn(engine, flow, ACTIVE)
    with pytest.raises(Unavailable):
        engine.flows.remove(shop.id, flow.id, KEY)
    assert engine.flows.get(shop.id, flow.id).flow == flow


def test_of_two_changes_at_once_none_is_lost(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = made(engine, shop, "One")
    put = engine.flow_catalogue.put

    def overtaken(*args: object) -> None:
        monkeypatch.setattr(engine.flow_catalogue, "put", put)
        engine.flows.change(shop.id, flow.id, FlowChange(description="by the other"), KEY)
        put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.flow_catalogue, "put", overtaken)
    changed = engine.flows.change(shop.id, flow.id, FlowChange(name="by this one"), KEY).flow
    assert (changed.name, changed.description) == ("by this one", "by the other")


def test_who_always_comes_too_late_is_told_to_try_again(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = made(engine, shop, "One")

    def stale(*_: object) -> None:
        raise Stale

    monkeypatch.setattr(engine.flow_catalogue, "put", stale)
    monkeypatch.setattr(engine.flow_catalogue, "remove", stale)
    with pytest.raises(Unavailable):
        turn(engine, flow, ACTIVE)
    with pytest.raises(Unavailable):
        engine.flows.remove(shop.id, flow.id, KEY)


def test_another_apps_flow_is_not_there(engine: MemoryEngine, shop: App) -> None:
    flow, other = made(engine, shop, "One"), builders.app(engine)
    for app, name in ((other.id, flow.id), (shop.id, FlowId("f0" * 12)), (AppId("a0" * 12), flow.id)):
        with pytest.raises(Refused) as refused:
            engine.flows.get(app, name)
        assert fault(refused) == (Fault.NOT_FOUND, "Flow not found")
        with pytest.raises(Refused):
            engine.flows.change(app, name, FlowChange(), KEY)
        with pytest.raises(Refused):
            engine.flows.remove(app, name, KEY)
    assert list(engine.flows.listed(other.id, None, 10, None).items) == []


def test_flows_are_listed_by_status_newest_first_page_by_page(engine: MemoryEngine, shop: App) -> None:
    flows = []
    for number in range(12):
        engine.clock.advance(1)
        flow = made(engine, shop, str(number))
        flows.append(turn(engine, flow, ACTIVE) if number % 3 == 0 else flow)
    every = engine.flows.listed(shop.id, None, 5, None)
    assert [view.flow for view in every.items] == flows[:6:-1]
    rest = engine.flows.listed(shop.id, None, 50, every.cursor)
    assert ([view.flow for view in rest.items], rest.cursor) == (flows[6::-1], None)
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = engine.flows.listed(shop.id, ACTIVE, 2, cursor)
        found += [view.flow for view in page.items]
        cursor, pages = page.cursor, pages + 1
        assert len(page.items) <= 2
    assert found == [flows[9], flows[6], flows[3], flows[0]]
    assert list(engine.flows.listed(shop.id, ARCHIVED, 5, None).items) == []


def test_changes_stand_in_the_audit_log(engine: MemoryEngine, shop: App) -> None:
    flow = turn(engine, made(engine, shop, "One"), ACTIVE)
    engine.flows.remove(shop.id, flow.id, KEY)
    entries = [entry for entry in engine.storage.audit if entry.action.startswith("flow.")]
    assert [(entry.action, entry.actor, dict(entry.details)) for entry in entries] == [
        (Action.FLOW_CREATED, KEY, {"flow": flow.id, "status": "draft"}),
        (Action.FLOW_CHANGED, KEY, {"flow": flow.id, "status": "active"}),
        (Action.FLOW_DELETED, KEY, {"flow": flow.id, "status": "active"}),
    ]
