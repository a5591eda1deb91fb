"""Sending to whom a rule means, and counting them before."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory import subscriptions as in_memory
from tests.unit.application import queues
from tocsin.domain.audit import Actor
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SegmentId, SubscriptionId
from tocsin.domain.segment import Anybody, Condition, Field, Operator
from tocsin.domain.send import Matching
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App

VIP = Condition(Field.LABELS, Operator.HAS, "vip")
KEY = Actor("key", "request")


def shop(engine: MemoryEngine, members: int, others: int) -> tuple[App, list[SubscriptionId]]:
    """An app with so many who are tagged, and so many who are not."""
    owner = builders.app(engine, credits_=1_000)

    def visit(number: int, labels: tuple[str, ...]) -> SubscriptionId:
        return engine.subscribing.subscribe(builders.subscribe_command(owner, number, labels=labels)).id

    tagged = [visit(number, ("vip",)) for number in range(members)]
    for number in range(members, members + others):
        visit(number, ("other",))
    return owner, tagged


def reached(engine: MemoryEngine) -> list[SubscriptionId]:
    """Who is in the chunks of all sends."""
    return sorted(name for frozen in engine.storage.frozen.values() for name in frozen.ids)


def relabelled(engine: MemoryEngine, one: Subscription, labels: tuple[str, ...]) -> None:
    engine.subscriptions.put(replace(one, labels=labels, revision=one.revision + 1), one)


@pytest.mark.parametrize("queued", [False, True])
def test_a_segment_is_exactly_whom_its_rule_means_and_what_is_held_for(engine: MemoryEngine, queued: bool) -> None:
    owner, members = shop(engine, members=3, others=4)
    result = engine.sending.send(builders.send_command(owner, Matching(VIP), queued=queued))
    assert (result.targets, result.queued) == (3, queued)
    queues.drain(engine)
    assert reached(engine) == sorted(members)
    assert engine.accounts.balance(owner.id).spent == 3


def test_a_segment_that_means_nobody_sends_nothing(engine: MemoryEngine) -> None:
    owner, _ = shop(engine, members=0, others=2)
    assert engine.sending.send(builders.send_command(owner, Matching(VIP))).send is None
    assert not engine.storage.sends


@pytest.mark.parametrize("looked_at", [1, 1_000])
def test_a_large_app_is_planned_for_as_many_as_were_counted(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr("tocsin.application.sending.WALKABLE", 0)
    monkeypatch.setattr(in_memory, "LOOKED_AT", looked_at)
    owner, members = shop(engine, members=3, others=4)
    uncounted = builders.send_command(owner, Matching(VIP))
    assert engine.sending.send(uncounted).targets == 7
    queues.drain(engine)
    assert reached(engine) == sorted(members)
    engine.storage.frozen.clear()
    engine.sending.send(replace(uncounted, most=2))
    queues.drain(engine)
    assert len(reached(engine)) == 2
    assert set(reached(engine)) < set(members)
    engine.storage.frozen.clear()
    engine.sending.send(replace(uncounted, most=5))
    queues.drain(engine)
    assert reached(engine) == sorted(members)
    balance = engine.accounts.balance(owner.id)
    assert (balance.spent, balance.reserved) == (3 + 2 + 3, 0)


def test_whom_a_segment_means_is_decided_when_the_send_is_planned(engine: MemoryEngine) -> None:
    owner, [member, *_] = shop(engine, members=2, others=1)
    engine.sending.send(builders.send_command(owner, Matching(VIP), queued=True))
    queues.plan(engine)
    stored = engine.subscriptions.load(owner.id, [member])[member]
    relabelled(engine, stored, ())
    engine.clock.advance(60)  # so that the recipients are read again
    queues.drain(engine)
    assert len(engine.transport.requests) == 2
    assert engine.accounts.balance(owner.id).spent == 2


def test_days_are_counted_back_from_the_send(engine: MemoryEngine) -> None:
    owner, _ = shop(engine, members=2, others=0)
    recent = Matching(Condition(Field.CREATED_AT, Operator.WITHIN_DAYS, 1))
    engine.clock.advance(86_400)
    assert engine.sending.send(builders.send_command(owner, recent)).targets == 2
    engine.clock.advance(1)
    assert engine.sending.send(builders.send_command(owner, recent)).send is None


def test_a_planner_counts_days_back_from_the_send_as_well(engine: MemoryEngine) -> None:
    owner, members = shop(engine, members=2, others=0)
    engine.clock.advance(86_401)
    longer = Matching(Condition(Field.CREATED_AT, Operator.OLDER_THAN_DAYS, 1))
    assert engine.sending.send(builders.send_command(owner, longer, queued=True)).targets == 2
    queues.drain(engine)
    assert reached(engine) == sorted(members)


def test_counting_goes_on_where_it_stopped(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory, "LOOKED_AT", 2)
    owner, members = shop(engine, members=4, others=5)
    now, matched, seen, after, stretches = engine.clock.now(), 0, 0, None, 0
    while True:
        counted = engine.segments.count(owner.id, VIP, now, until=now, after=after)
        matched, seen, stretches = matched + counted.matched, seen + counted.seen, stretches + 1
        if (after := counted.after) is None:
            break
    assert (matched, seen, stretches) == (len(members), 9, 5)
    whole = engine.segments.count(owner.id, VIP, now, until=now + 60)
    assert (whole.matched, whole.seen, whole.after) == (4, 9, None)
    assert sorted(whole.first) == sorted(members)


def test_a_size_is_estimated_from_what_was_looked_at_in_time(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_memory, "LOOKED_AT", 5)
    owner, _ = shop(engine, members=0, others=20)
    everyone = engine.segments.size(owner.id, Anybody(), until=engine.clock.now())
    assert (everyone.total, everyone.estimated, len(everyone.some)) == (20, True, 5)
    nobody = engine.segments.size(owner.id, VIP, until=engine.clock.now() + 60)
    assert (nobody.total, nobody.estimated, list(nobody.some)) == (0, False, [])


def test_a_segment_that_something_names_must_be_the_apps_own(engine: MemoryEngine) -> None:
    owner, other = builders.app(engine), builders.app(engine)
    segment = engine.segments.create(owner.id, "Customers", None, VIP, KEY)
    assert engine.segments.get(owner.id, segment.id) == segment
    unknown: Sequence[tuple[App, SegmentId]] = ((other, segment.id), (owner, SegmentId("ab" * 12)))
    for app, name in unknown:
        with pytest.raises(Refused) as refused:
            engine.segments.get(app.id, name)
        assert (refused.value.fault, refused.value.field) == (Fault.FIELD_INVALID, "segmentId")
    engine.segments.delete(owner.id, segment.id, KEY)
    with pytest.raises(Refused):
        engine.segments.get(owner.id, segment.id)
