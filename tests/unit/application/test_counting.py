"""What workers report, counted: exactly, whatever comes twice, late, in another order, or breaks on the way."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.readers import beacon, count, report, token
from tocsin.application.identifying import Claim
from tocsin.application.metrics import Metric
from tocsin.application.ports import Stale, Unavailable
from tocsin.application.reporting import Beacon
from tocsin.application.run_jobs import StartRun
from tocsin.application.sightings import Sighted, batches
from tocsin.domain.engagement import HOUR, Act, Block
from tocsin.domain.event import Event, EventKind, event_id
from tocsin.domain.flow import Flow, FlowStatus, Trigger
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, FlowId, SendId
from tocsin.domain.send import Charge, Chosen, Origin
from tocsin.domain.tenancy import App, DialectName
from tocsin.webpush.origins import PushService

ANNA, NOBODY = (Identity(IdentityKind.EXTERNAL, name) for name in ("anna", "nobody"))
DISPLAYED, CLICKED, DISMISSED = Act


@pytest.fixture
def owner(engine: MemoryEngine) -> App:
    return shop_of_anna(engine)


def shop_of_anna(engine: MemoryEngine) -> App:
    """Anna has two browsers there."""
    owner = builders.app(engine)
    for number in (1, 2):
        builders.subscribe(engine, owner, number, Claim(IdentityKind.EXTERNAL, "anna", None))
    return owner


def sent(engine: MemoryEngine, owner: App, **fields: Any) -> SendId:
    command = builders.send_command(owner, Chosen((NOBODY, ANNA)), charge=Charge.NONE)
    send = engine.sending.send(replace(command, **fields)).send
    assert send is not None
    return send


def figures(engine: MemoryEngine, owner: App, send: SendId) -> tuple[int, int, int]:
    found = engine.engagement.of(owner.id, send)
    return found.displayed, found.clicked, found.dismissed


def clicks(engine: MemoryEngine) -> list[Event]:
    """What the app was told of clicks."""
    return [event for event in engine.events.emitted if event.kind is EventKind.CLICKED]


def flow(engine: MemoryEngine, owner: App, trigger: Trigger, source: SendId | None = None) -> FlowId:
    """An active flow."""
    now = int(engine.clock.now())
    made = Flow(
        id=FlowId(engine.randomness.new_id()),
        app=owner.id,
        dialect=DialectName("pushary"),
        name="Flow",
        description=None,
        trigger=trigger,
        source=source,
        status=FlowStatus.ACTIVE,
        steps=(),
        steps_revision=1,
        steps_at=now,
        interval=HOUR,
        created_by="key",
        created_at=now,
        updated_at=now,
    )
    engine.flow_catalogue.put(made, None)
    return made.id


def begun(engine: MemoryEngine) -> list[StartRun]:
    return [job for job, _ in engine.run_jobs.queued if isinstance(job, StartRun)]


# --- figures ---


def test_what_is_reported_is_counted_once_for_each_recipient(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner)
    report(engine, owner.id, send, DISPLAYED, 0, 1, 1)
    assert count(engine) == [2]
    report(engine, owner.id, send, CLICKED, 0)
    report(engine, owner.id, send, DISPLAYED, 0)
    assert count(engine) == [1]
    assert figures(engine, owner, send) == (2, 1, 0)
    assert engine.engagement.of(owner.id, send).by_service.keys() == {PushService.FCM}
    assert engine.meter.by_whom[Metric.DISPLAYED, builders.DIALECT, PushService.FCM] == 2


@pytest.mark.parametrize(("by_clock", "counted"), [(-HOUR * 48, 0), (HOUR, 1), (HOUR * 24 * 400, 3)])
def test_nothing_happened_before_the_send_was_made_or_after_it_was_reported(
    engine: MemoryEngine, owner: App, by_clock: int, counted: int
) -> None:
    send, made = sent(engine, owner), int(engine.clock.now())
    engine.clock.advance(3 * HOUR)
    engine.reporting.report(owner.id, [beacon(engine, owner.id, send, DISPLAYED, 0, made + by_clock)])
    count(engine)
    assert list(engine.engagement.of(owner.id, send).by_hour) == [made // HOUR * HOUR + counted * HOUR]


def test_of_a_send_that_is_not_kept_nothing_is_counted(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner)
    report(engine, owner.id, send, DISPLAYED, 0)
    del engine.storage.sends[owner.id, send]
    assert count(engine) == [0]
    assert not engine.storage.seen


def test_where_only_clicks_are_wanted_the_rest_is_not_counted(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, replace(owner, statistics=False), traced=True)
    for act in Act:
        report(engine, owner.id, send, act, 0)
    count(engine)
    assert figures(engine, owner, send) == (0, 1, 0)


class Unsteady:
    """Whatever counting calls fails now and then, before or after it did its work; other writers come first."""

    def __init__(self, engine: MemoryEngine, chance: random.Random) -> None:
        self._chance = chance
        store = engine.engagement.put

        def put(block: Block, created_at: int) -> None:
            if chance.random() < 0.3:
                raise Stale
            store(block, created_at)

        engine.engagement.put = self._tried(put)  # type: ignore[method-assign]
        engine.inbox.mark_read = self._tried(engine.inbox.mark_read)  # type: ignore[method-assign]
        engine.events.emit = self._tried(engine.events.emit)  # type: ignore[method-assign]
        engine.run_jobs.queue = self._tried(engine.run_jobs.queue)  # type: ignore[method-assign]

    def _tried(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def tried(*args: Any) -> Any:
            if self._chance.random() < 0.2:
                raise Unavailable
            done = call(*args)
            if self._chance.random() < 0.2:
                raise Unavailable
            return done

        return tried


def worked_off(engine: MemoryEngine, chance: random.Random) -> None:
    """Count all that waits: in any order, some of it twice, a few messages at a time; what failed comes back."""
    waiting = [job for job in engine.sightings.take() for _ in range(chance.randint(1, 2))]
    while waiting:
        chance.shuffle(waiting)
        size = chance.randint(1, 4)
        some, waiting = waiting[:size], waiting[size:]
        again: set[int] = set()
        for batch in batches(enumerate(some)):
            try:
                engine.counting.count(batch)
            except Unavailable:
                again |= batch.messages
        waiting += [some[number] for number in again]


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(st.tuples(st.sampled_from(Act), st.integers(0, 1)), max_size=12),
    chance=st.randoms(use_true_random=False),
)
def test_figures_are_exact_and_nothing_that_follows_is_lost_whatever_breaks(
    acts: list[tuple[Act, int]], chance: random.Random
) -> None:
    engine = MemoryEngine()
    owner = shop_of_anna(engine)
    send, on_click = sent(engine, owner, traced=True, inbox="anna"), flow(engine, owner, Trigger.CLICKED)
    for act, index in acts:
        report(engine, owner.id, send, act, index)
    Unsteady(engine, chance)
    worked_off(engine, chance)
    of = {act: {index for each, index in acts if each is act} for act in Act}
    seen = {index for _, index in acts}
    assert figures(engine, owner, send) == (len(seen), len(of[CLICKED]), len(of[DISMISSED]))
    frozen = engine.chunks.frozen(owner.id, send, 0)
    assert frozen is not None
    clicked = {frozen.ids[index] for index in of[CLICKED]}
    assert {(event.id, event.subscription) for event in clicks(engine)} == {
        (event_id(send, 0, index, EventKind.CLICKED), frozen.ids[index]) for index in of[CLICKED]
    }
    assert {(job.flow, job.subscription) for job in begun(engine)} == {(on_click, one) for one in clicked}
    assert all(bool(note.read_at) == bool(clicked) for note in engine.storage.notes.values())


# --- what follows ---


def test_a_click_reads_the_note(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner, inbox="anna")
    engine.clock.advance(5)
    report(engine, owner.id, send, DISPLAYED, 1)
    count(engine)
    assert [note.read_at for note in engine.storage.notes.values()] == [0]
    report(engine, owner.id, send, CLICKED, 0)
    clicked_at = int(engine.clock.now())
    engine.clock.advance(5)
    count(engine)
    report(engine, owner.id, send, CLICKED, 1)
    count(engine)
    assert [note.read_at for note in engine.storage.notes.values()] == [clicked_at]
    assert not clicks(engine)


def test_a_click_is_told_once_for_each_recipient(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner, traced=True)
    for _ in range(2):
        report(engine, owner.id, send, CLICKED, 0, 1)
        count(engine)
    told = clicks(engine)
    assert [(event.person, event.place, event.send) for event in told] == [("anna", 1, send)] * 2
    assert len({event.id for event in told}) == len({event.subscription for event in told}) == 2


def test_an_act_begins_the_flows_that_wait_for_it(engine: MemoryEngine, owner: App) -> None:
    send, other = sent(engine, owner), sent(engine, owner)
    on_click, on_display = flow(engine, owner, Trigger.CLICKED), flow(engine, owner, Trigger.DISPLAYED, source=send)
    on_dismissal = flow(engine, owner, Trigger.DISMISSED)
    flow(engine, owner, Trigger.DISMISSED, source=other)
    frozen = engine.chunks.frozen(owner.id, send, 0)
    assert frozen is not None
    report(engine, owner.id, send, CLICKED, 1)
    report(engine, owner.id, send, DISMISSED, 0)
    at = int(engine.clock.now())
    count(engine)
    first, second = frozen.ids
    assert {(job.flow, job.subscription, job.trigger, job.at) for job in begun(engine)} == {
        (on_click, second, Trigger.CLICKED, at),
        (on_display, first, Trigger.DISPLAYED, at),
        (on_display, second, Trigger.DISPLAYED, at),
        (on_dismissal, first, Trigger.DISMISSED, at),
    }


@pytest.mark.row("PU-87")
def test_pu_87_what_a_flow_has_sent_begins_no_flow(engine: MemoryEngine, owner: App) -> None:
    flow(engine, owner, Trigger.CLICKED)
    send = sent(engine, owner, origin=Origin.FLOW)
    report(engine, owner.id, send, CLICKED, 0)
    count(engine)
    assert figures(engine, owner, send) == (1, 1, 0)
    assert not begun(engine)


def test_nobody_is_looked_up_where_nothing_waits_for_them(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = sent(engine, owner)
    report(engine, owner.id, send, CLICKED, 0)
    monkeypatch.setattr(type(engine.chunks), "frozen", None)
    assert count(engine) == [2]


def test_the_flows_that_wait_are_asked_for_once_for_each_act(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, asked = sent(engine, owner), list[Trigger]()
    flow(engine, owner, Trigger.CLICKED)
    triggered = engine.flow_catalogue.triggered

    def noting(app: AppId, trigger: Trigger, source: SendId | None) -> Sequence[FlowId]:
        asked.append(trigger)
        return triggered(app, trigger, source)

    monkeypatch.setattr(engine.flow_catalogue, "triggered", noting)
    report(engine, owner.id, send, CLICKED, 0, 1)
    count(engine)
    assert len(begun(engine)) == 2
    assert asked == [Trigger.DISPLAYED, Trigger.CLICKED]


# --- tokens ---


def test_what_no_token_of_the_app_and_the_send_proves_is_nothing(engine: MemoryEngine, owner: App) -> None:
    send, other, stranger = sent(engine, owner), sent(engine, owner), builders.app(engine)
    mine = token(engine, owner.id, send, 0)
    forged = [
        (owner, send, token(engine, owner.id, other, 0)),
        (owner, send, ""),
        (owner, SendId("ü"), "ü"),
        (owner, SendId("\ud800"), mine),
        (owner, send, mine[:-1]),
        (stranger, send, mine),
    ]
    for app, name, shown in forged:
        assert engine.reporting.report(app.id, [Beacon(CLICKED, name, shown, 0)]) == 0
    assert engine.sightings.bodies == []


def test_what_a_request_says_twice_travels_once_and_all_of_it_in_one_message(engine: MemoryEngine, owner: App) -> None:
    send, other = sent(engine, owner), sent(engine, owner)
    said = [beacon(engine, owner.id, name, act, 0) for name in (send, other) for act in (DISPLAYED, CLICKED)]
    assert engine.reporting.report(owner.id, [*said, *said]) == 4
    [job] = engine.sightings.take()
    assert isinstance(job, Sighted)
    assert len(job.sightings) == 4
