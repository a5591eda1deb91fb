"""Sends that are held against hour, day and month, and sends to named subscriptions."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application import queues
from tests.unit.application.scenes import reached
from tocsin.application.send_command import SendCommand, SendResult
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.quota import Limits, Usage
from tocsin.domain.send import Audience, Charge, Chosen, Everyone, SendState, Tally
from tocsin.domain.subscription import notified
from tocsin.domain.tenancy import App

NOBODY = SubscriptionId("0" * 24)


def shop(engine: MemoryEngine, browsers: int, limits: Limits) -> App:
    owner = builders.app(engine, limits=limits)
    for number in range(1, browsers + 1):
        builders.subscribe(engine, owner, number)
    return owner


def on_quota(owner: App, to: Audience = builders.EVERYONE, **fields: bool) -> SendCommand:
    command = builders.send_command(owner, to, charge=Charge.QUOTA)
    return replace(command, keeps_empty=True, queued=fields.get("queued", False))


def send(engine: MemoryEngine, owner: App, to: Audience = builders.EVERYONE) -> SendResult:
    return engine.sending.send(on_quota(owner, to))


def usage(engine: MemoryEngine, owner: App) -> Usage:
    return engine.quotas.usage(owner.id, int(engine.clock.now()))


@pytest.mark.row("CS-26")
def test_cs_26_each_target_counts_in_every_window(engine: MemoryEngine) -> None:
    owner = shop(engine, 3, Limits(10, 100))
    assert send(engine, owner).counts == Tally(accepted=3)
    assert usage(engine, owner) == Usage(3, 3, 3)


@pytest.mark.row("CS-26")
@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(5, None), "Notification quota exceeded for this hour"),
        (Limits(None, 5), "Notification quota exceeded for today"),
        (Limits(5, 5), "Notification quota exceeded for today"),
        (Limits(None, None, 5), "Notification quota exceeded for this month"),
        (Limits(5, 5, 5), "Notification quota exceeded for this month"),
    ],
)
def test_cs_26_a_send_beyond_what_is_left_is_refused_whole(engine: MemoryEngine, limits: Limits, text: str) -> None:
    owner = shop(engine, 3, limits)
    send(engine, owner)
    before = len(reached(engine))
    with pytest.raises(Refused) as refusal:
        send(engine, owner)
    assert (refusal.value.fault, refusal.value.message) == (Fault.QUOTA_EXCEEDED, text)
    assert (len(reached(engine)), usage(engine, owner)) == (before, Usage(3, 3, 3))


@pytest.mark.row("CS-26")
def test_cs_26_the_gone_give_their_part_back(engine: MemoryEngine) -> None:
    owner = shop(engine, 3, Limits(3, 3))
    engine.transport.script(builders.endpoint(2), Reply(410))
    assert send(engine, owner).counts.gone == 1
    assert usage(engine, owner) == Usage(2, 2, 2)


@pytest.mark.row("CS-26")
def test_cs_26_a_new_hour_begins_at_the_hour(engine: MemoryEngine) -> None:
    owner = shop(engine, 3, Limits(3, 100))
    send(engine, owner)
    with pytest.raises(Refused) as refusal:
        send(engine, owner)
    wait = refusal.value.retry_after
    assert wait is not None
    assert (int(engine.clock.now()) + wait) % 3600 == 0
    engine.clock.advance(wait)
    send(engine, owner)
    assert usage(engine, owner).hourly == 3


def test_a_new_month_begins_on_its_first_day_in_utc(engine: MemoryEngine) -> None:
    owner = shop(engine, 3, Limits(None, None, 3))
    send(engine, owner)
    with pytest.raises(Refused) as refusal:
        send(engine, owner)
    wait = refusal.value.retry_after
    assert wait is not None
    engine.clock.advance(wait - 1)
    with pytest.raises(Refused):
        send(engine, owner)
    engine.clock.advance(1)
    assert datetime.fromtimestamp(int(engine.clock.now()), UTC) == datetime(2027, 2, 1, tzinfo=UTC)
    send(engine, owner)
    assert usage(engine, owner) == Usage(3, 3, 3)


def test_a_send_on_quota_needs_no_credits_and_touches_none(engine: MemoryEngine) -> None:
    owner = shop(engine, 1, Limits(None, None))
    assert send(engine, owner).counts.accepted == 1
    assert engine.credits.balance(owner.id).spent == 0


@pytest.mark.row("CS-21")
def test_cs_21_a_send_to_nobody_is_stored_and_over(engine: MemoryEngine) -> None:
    owner = shop(engine, 0, Limits(1, 1))
    result = send(engine, owner)
    assert (result.targets, result.counts, result.queued) == (0, Tally(), False)
    assert result.send is not None
    stored = engine.sends.get(owner.id, result.send)
    assert stored is not None
    assert (stored.state, usage(engine, owner)) == (SendState.SETTLED, Usage(0, 0, 0))


@pytest.mark.row("CS-15", "CS-18")
def test_cs_18_named_subscriptions_are_reached_and_the_others_told(engine: MemoryEngine) -> None:
    owner = shop(engine, 0, Limits(None, None))
    one, two, gone, left = (builders.subscribe(engine, owner, number) for number in (1, 2, 3, 4))
    engine.transport.script(builders.endpoint(3), Reply(404))
    engine.subscribing.withdraw(owner, left.id)
    result = send(engine, owner, Chosen(subscriptions=(NOBODY, one.id, left.id, two.id, gone.id, one.id)))
    assert (result.targets, result.counts) == (3, Tally(accepted=2, failed=1, gone=1))
    assert result.unreachable == (NOBODY, left.id, gone.id)


def test_another_apps_subscriptions_are_nobody(engine: MemoryEngine) -> None:
    owner, other = shop(engine, 0, Limits(None, None)), shop(engine, 1, Limits(None, None))
    foreign = engine.subscriptions.walk(other.id, None, 1).recipients[0]
    result = send(engine, owner, Chosen(subscriptions=(foreign.id,)))
    assert (result.targets, result.unreachable, reached(engine)) == (0, (foreign.id,), [])


@pytest.mark.row("CS-17")
def test_cs_17_a_small_send_can_be_queued(engine: MemoryEngine) -> None:
    owner = shop(engine, 2, Limits(None, None))
    one = engine.subscriptions.walk(owner.id, None, 1).recipients[0]
    for audience, targets, unreachable in ((Everyone(), 2, ()), (Chosen(subscriptions=(one.id, NOBODY)), 1, (NOBODY,))):
        result = engine.sending.send(on_quota(owner, audience, queued=True))
        assert (result.queued, result.counts, result.targets) == (True, Tally(pending=targets), targets)
        assert result.unreachable == unreachable
        queues.drain(engine)
        assert result.send is not None
        stored = engine.sends.get(owner.id, result.send)
        assert stored is not None
        assert (stored.state, stored.counts.accepted) == (SendState.SETTLED, targets)


@pytest.mark.row("X-4")
def test_x_4_a_repeat_is_told_the_same_unreachable(engine: MemoryEngine) -> None:
    owner = shop(engine, 0, Limits(None, None))
    gone = builders.subscribe(engine, owner, 1)
    engine.transport.script(builders.endpoint(1), Reply(410))
    command = replace(on_quota(owner, Chosen(subscriptions=(NOBODY, gone.id))), idempotency=builders.idempotency_key())
    first, again = engine.sending.send(command), engine.sending.send(command)
    assert first.unreachable == (NOBODY, gone.id)
    assert replace(again, replayed=False) == first
    assert again.replayed


@pytest.mark.row("CS-20", "CS-29")
def test_cs_29_small_sends_are_counted_one_by_one_and_once(engine: MemoryEngine) -> None:
    owner = shop(engine, 0, Limits(None, None))
    one, gone = builders.subscribe(engine, owner, 1), builders.subscribe(engine, owner, 2)
    engine.transport.script(builders.endpoint(2), Reply(410))
    send(engine, owner, Chosen(subscriptions=(one.id, gone.id)))
    send(engine, owner, Chosen(subscriptions=(one.id,)))
    broadcasts = engine.subscriptions.broadcasts(owner.id)
    found = engine.subscriptions.load(owner.id, [one.id, gone.id])
    assert [notified(found[id_], broadcasts) for id_ in (one.id, gone.id)] == [2, 0]
    assert found[one.id].activity.accepted_at == int(engine.clock.now())
