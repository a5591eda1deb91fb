"""FlowCatalogue: flows, what begins their runs, and the steps that were replaced."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract.records import APP, NOW, OTHER_APP
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb.flow_record import from_record, to_item
from tocsin.adapters.dynamodb.marshalling import Record
from tocsin.application.ports import MalformedCursor, Stale
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.flow import (
    MIN_INTERVAL,
    DelayStep,
    DelayUnit,
    ExitStep,
    Flow,
    FlowStatus,
    SendStep,
    Step,
    Trigger,
)
from tocsin.domain.ids import FlowId, SendId
from tocsin.domain.notification import Notification
from tocsin.domain.tenancy import DialectName

WHOLE = Notification("Hé {{name}}", "body", "https://shop.example/{{id}}", icon="https://i", image="https://p")
STEPS: tuple[Step, ...] = (
    SendStep(WHOLE, {"name": "Anna", "empty": ""}),
    DelayStep(3, DelayUnit.HOURS),
    SendStep(Notification("title", "body"), {}),
    ExitStep(),
)
OTHER_STEPS: tuple[Step, ...] = (DelayStep(1, DelayUnit.SECONDS),)
CAMPAIGN = SendId("c1" * 12)


def flow(number: int = 1, **changes: Any) -> Flow:
    """A draft."""
    whole = Flow(
        id=FlowId(f"{number:024x}"),
        app=APP,
        dialect=DialectName("pushary"),
        name="Welcome",
        description="To newcomers",
        trigger=Trigger.CLICKED,
        source=CAMPAIGN,
        status=FlowStatus.DRAFT,
        steps=STEPS,
        steps_revision=0,
        steps_at=NOW,
        interval=MIN_INTERVAL,
        created_by="key12345",
        created_at=NOW + number,
        updated_at=NOW + number,
    )
    return replace(whole, **changes)


def stored(stores: Stores, one: Flow) -> Flow:
    stores.flows.put(one, None)
    return one


def changed(stores: Stores, one: Flow, **changes: Any) -> Flow:
    new = replace(one, revision=one.revision + 1, **changes)
    stores.flows.put(new, one)
    return new


def test_what_is_stored_is_found_as_it_was_and_by_its_own_app_only(stores: Stores) -> None:
    whole, bare = (
        stored(stores, flow(1, awaits_since=NOW + 7)),
        stored(stores, flow(2, description=None, source=None, steps=())),
    )
    assert stores.flows.get(APP, whole.id) == whole
    assert stores.flows.get(APP, bare.id) == bare
    assert stores.flows.get(OTHER_APP, whole.id) is None
    assert list(stores.flows.listed(APP, 10, None).items) == [bare, whole]
    assert list(stores.flows.listed(OTHER_APP, 10, None).items) == []
    with pytest.raises(MalformedCursor):
        stores.flows.listed(APP, 10, "made up")


def test_a_flow_of_before_it_was_noted_since_when_it_waits_has_waited_for_ever() -> None:
    old = {name: value for name, value in to_item(flow(awaits_since=NOW)).items() if name != "awaits_since"}
    assert from_record(Record({**old, "revision": 0})) == flow(awaits_since=0)


def test_of_two_who_change_what_they_read_one_wins(stores: Stores) -> None:
    read = stored(stores, flow())
    first = changed(stores, read, name="first")
    for late in (replace(read, name="second", revision=1), replace(read, status=FlowStatus.ACTIVE, revision=1)):
        with pytest.raises(Stale):
            stores.flows.put(late, read)
    with pytest.raises(Stale):
        stores.flows.put(read, None)
    with pytest.raises(Stale):
        stores.flows.remove(read)
    assert stores.flows.get(APP, read.id) == first
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == []


def test_only_an_active_flow_waits_for_its_trigger(stores: Stores) -> None:
    one = stored(stores, flow())
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == []
    one = changed(stores, one, status=FlowStatus.ACTIVE)
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == [one.id]
    one = changed(stores, one, name="renamed while it is active")
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == [one.id]
    one = changed(stores, one, status=FlowStatus.PAUSED)
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == []
    one = changed(stores, one, status=FlowStatus.ACTIVE)
    stores.flows.remove(one)
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == []
    assert stores.flows.get(APP, one.id) is None


def test_a_trigger_is_found_by_its_kind_its_campaign_and_its_app(stores: Stores) -> None:
    narrow = changed(stores, stored(stores, flow(1)), status=FlowStatus.ACTIVE)
    wide = changed(stores, stored(stores, flow(2, source=None)), status=FlowStatus.ACTIVE)
    changed(stores, stored(stores, flow(3, trigger=Trigger.DISPLAYED)), status=FlowStatus.ACTIVE)
    assert set(stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN)) == {narrow.id, wide.id}
    assert stores.flows.triggered(APP, Trigger.CLICKED, SendId("d1" * 12)) == [wide.id]
    assert stores.flows.triggered(APP, Trigger.CLICKED, None) == [wide.id]
    assert stores.flows.triggered(OTHER_APP, Trigger.CLICKED, CAMPAIGN) == []
    assert stores.flows.triggered(APP, Trigger.UNSUBSCRIBED, None) == []
    assert set(stores.flows.waiting(APP, Trigger.CLICKED)) == {narrow.id, wide.id}
    assert stores.flows.waiting(OTHER_APP, Trigger.CLICKED) == []


def test_the_trigger_of_an_active_flow_can_change(stores: Stores) -> None:
    one = changed(stores, stored(stores, flow()), status=FlowStatus.ACTIVE)
    one = changed(stores, one, trigger=Trigger.SUBSCRIBED, source=None)
    assert stores.flows.triggered(APP, Trigger.CLICKED, CAMPAIGN) == []
    assert stores.flows.triggered(APP, Trigger.SUBSCRIBED, None) == [one.id]


def test_steps_that_were_replaced_stay_known_by_their_revision(stores: Stores) -> None:
    one = changed(stores, stored(stores, flow()), steps=OTHER_STEPS, steps_revision=1)
    changed(stores, one, steps=(), steps_revision=2)
    assert stores.flows.steps(APP, one.id, 0) == STEPS
    assert stores.flows.steps(APP, one.id, 1) == OTHER_STEPS
    assert stores.flows.steps(APP, one.id, 2) is None
    assert stores.flows.steps(OTHER_APP, one.id, 0) is None


def test_a_change_and_its_audit_entry_are_one(stores: Stores) -> None:
    entry = AuditEntry("e" * 24, APP, NOW, Actor("key", "request"), Action.FLOW_CREATED, {"flow": flow().id})
    stores.flows.put(flow(), None, entry)
    assert list(stores.registry.audit(APP, 10, None).items) == [entry]
    refused = replace(entry, id="f" * 24)
    with pytest.raises(Stale):
        stores.flows.put(flow(), None, refused)
    assert list(stores.registry.audit(APP, 10, None).items) == [entry]
    stores.flows.remove(flow(), refused)
    assert len(stores.registry.audit(APP, 10, None).items) == 2
