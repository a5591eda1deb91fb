"""The sweep: whatever got lost on the way, it sets going again."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable, Unreadable
from tocsin.domain.chunk import claimed
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Balance, Send, SendState, Tally
from tocsin.domain.tenancy import App


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    """Sends are queued from the first recipient on."""
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    return MemoryEngine()


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    """Three browsers, and a send to them that is accepted and no more."""
    owner, _ = builders.shop(engine, 3, credits_=10)
    engine.sending.send(builders.send_command(owner))
    return owner


def sweep_after(engine: MemoryEngine, seconds: float) -> int:
    engine.clock.advance(seconds)
    return engine.sweeping.sweep()


def all_three_got_it(engine: MemoryEngine, owner: App) -> bool:
    queues.drain(engine)
    settled = queues.only_send(engine).state is SendState.SETTLED
    return settled and engine.credits.balance(owner.id) == Balance(7, 0, 3)


def test_a_send_that_was_stored_but_never_queued_is_planned(engine: MemoryEngine, shop: App) -> None:
    engine.jobs.planned.clear()
    assert sweep_after(engine, 59) == 0
    assert sweep_after(engine, 1) == 1
    assert not engine.jobs.planned  # its planner may still be at work
    assert sweep_after(engine, 60) == 1
    assert all_three_got_it(engine, shop)


def test_a_chunk_whose_message_was_lost_is_queued_again(engine: MemoryEngine, shop: App) -> None:
    queues.plan(engine)
    engine.jobs.delayed.clear()
    sweep_after(engine, 239)
    assert not engine.jobs.delayed
    sweep_after(engine, 239)
    assert all_three_got_it(engine, shop)


def test_chunks_that_wait_in_a_long_queue_are_not_queued_over_and_over(engine: MemoryEngine, shop: App) -> None:
    queues.plan(engine)
    for _ in range(60):
        sweep_after(engine, 60)
    assert len(engine.jobs.delayed) <= 10


def test_a_chunk_whose_worker_died_is_queued_when_its_lease_is_over(engine: MemoryEngine, shop: App) -> None:
    queues.plan(engine)
    engine.jobs.delayed.clear()
    engine.clock.advance(50)
    engine.chunks.claim(claimed(queues.only_chunk(engine), int(engine.clock.now()), queues.only_send(engine).repeat))
    sweep_after(engine, 10)
    assert not engine.jobs.delayed
    sweep_after(engine, 60)
    assert all_three_got_it(engine, shop)
    assert queues.only_send(engine).counts.doubted == 3


def test_chunks_that_are_all_done_are_settled(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tocsin.application.fanning_out.CHUNK_SIZE", 2)
        patch.setattr("tocsin.application.settling.Settling.settle", lambda self, send: False)
        queues.drain(engine)
    assert queues.only_send(engine).state is SendState.SENDING
    assert engine.credits.balance(shop.id) == Balance(7, 3, 0)
    sweep_after(engine, 60)
    assert not engine.jobs.delayed
    assert all_three_got_it(engine, shop)


def test_a_send_that_nobody_worked_on_until_its_end_gives_the_credits_back(engine: MemoryEngine, shop: App) -> None:
    queues.plan(engine)
    engine.jobs.delayed.clear()
    sweep_after(engine, 4_000)
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(failed=3)
    assert engine.credits.balance(shop.id) == Balance(10, 0, 0)


def test_what_is_settled_is_not_looked_at_again(engine: MemoryEngine, shop: App) -> None:
    queues.drain(engine)
    assert sweep_after(engine, 86_400) == 0


def test_a_stuck_send_is_looked_at_after_a_minute_and_then_less_and_less_often(engine: MemoryEngine, shop: App) -> None:
    assert [sweep_after(engine, seconds) for seconds in (60, 1, 58, 1, 60, 60, 239, 1)] == [1, 0, 0, 1, 0, 1, 0, 1]
    assert engine.meter.counted[Metric.SWEPT] == 4


def test_sweeping_twice_at_once_sends_nothing_twice(engine: MemoryEngine, shop: App) -> None:
    engine.jobs.planned *= 2
    sweep_after(engine, 120)
    engine.sweeping.sweep()
    assert all_three_got_it(engine, shop)
    assert len(engine.transport.requests) == 3


def test_a_sweep_that_fails_in_between_comes_back_to_the_rest(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.jobs.planned.clear()

    def unavailable(job: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.jobs, "fan_out", unavailable)
        with pytest.raises(Unavailable):
            sweep_after(engine, 120)
    sweep_after(engine, 120)
    assert all_three_got_it(engine, shop)


def test_a_send_that_cannot_be_read_stops_no_other(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: it stood before all others, and no sweep ever came past it."""
    engine.jobs.planned.clear()
    engine.clock.advance(1)
    owner, _ = builders.shop(engine, 3, credits_=10)
    engine.sending.send(builders.send_command(owner))
    engine.jobs.planned.clear()
    spoilt, honest = next(iter(engine.storage.sends)), engine.sends.get

    def get(app: AppId, name: SendId) -> Send | None:
        if (app, name) == spoilt:
            raise Unreadable("state")
        return honest(app, name)

    with monkeypatch.context() as patch:
        patch.setattr(engine.sends, "get", get)
        assert sweep_after(engine, 120) == 1
        queues.drain(engine)
        assert engine.credits.balance(owner.id) == Balance(7, 0, 3)
        assert spoilt not in engine.sends.due(int(engine.clock.now()), 10)
