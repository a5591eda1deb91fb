"""Who owns a chunk, for how long, and whom a late owner may still reach."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import START
from tests.memory.transport import Reply
from tests.unit.application import queues
from tests.unit.application.scenes import posts, queued
from tocsin.application.metrics import Metric
from tocsin.domain.chunk import MAX_OWNERS, POST_SECONDS, SAVE_EVERY, Chunk, ChunkState, Result, claimed
from tocsin.domain.send import Balance, SendState, Tally

A, F, U, P = Result.ACCEPTED, Result.FAILED, Result.UNCERTAIN, Result.PENDING


def test_somebody_who_unsubscribed_before_the_worker_began_gets_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(2)))
    engine.clock.advance(46)
    queues.deliver(engine)
    assert [posts(engine, number) for number in (1, 2, 3)] == [1, 0, 1]
    assert queues.only_send(engine).counts == Tally(accepted=2, failed=1)


def test_somebody_who_unsubscribed_while_others_waited_gets_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: a worker that waited for minutes went on with the recipients it had read at first."""
    owner = queued(engine, monkeypatch, 2)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "120"}), Reply(201))
    honest = engine.clock.sleep

    def leave_meanwhile(seconds: float) -> None:
        engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(1)))
        honest(seconds)

    monkeypatch.setattr(engine.clock, "sleep", leave_meanwhile)
    queues.deliver(engine, seconds=800)
    leave_meanwhile(0)
    queues.drain(engine)
    assert posts(engine, 1) == 1
    assert queues.only_send(engine).counts == Tally(accepted=1, failed=1)


def test_a_worker_that_waits_keeps_its_chunk_and_leaves_nothing_in_doubt(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: it slept past its lease with its results unsaved, and another one sent everything again."""
    queued(engine, monkeypatch, 3)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "40"}), Reply(201))
    job, honest = engine.jobs.delayed[0].job, engine.clock.sleep

    def a_repeat_arrives_meanwhile(seconds: float) -> None:
        honest(31)
        assert engine.delivering.handle(job, engine.clock.now() + 60) is None
        honest(seconds - 31)

    monkeypatch.setattr(engine.clock, "sleep", a_repeat_arrives_meanwhile)
    queues.drain(engine)
    assert [posts(engine, number) for number in (1, 2, 3)] == [2, 1, 1]
    assert queues.only_send(engine).counts == Tally(accepted=3)


def test_a_slow_push_service_does_not_reach_who_unsubscribed_a_minute_ago(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 260)
    for number in range(1, 261):
        engine.transport.script(builders.endpoint(number), Reply(201, seconds=9))
    engine.clock.advance(40)
    (chunk,) = queues.deliver(engine)
    assert chunk is not None
    first_pass = chunk.count(A)
    assert 0 < first_pass < 260
    waiting = [number for number in range(1, 261) if not posts(engine, number)]
    engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(waiting[0])))
    queues.drain(engine)
    assert [posts(engine, number) for number in waiting[:2]] == [0, 1]
    assert queues.only_send(engine).counts == Tally(accepted=259, failed=1)


def test_a_chunk_that_kills_its_workers_is_given_up_in_the_end(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    job, lethal = engine.jobs.delayed[0].job, RuntimeError("a worker dies")
    monkeypatch.setattr(engine.delivering, "finish", lambda *_: (_ for _ in ()).throw(lethal))
    deaths = 0
    while queues.only_chunk(engine).state is ChunkState.OPEN:
        engine.clock.advance(31)
        try:
            engine.delivering.handle(job, engine.clock.now() + 60)
        except RuntimeError:
            deaths += 1
    assert deaths == MAX_OWNERS
    assert queues.only_send(engine).state is SendState.SETTLED


def test_a_fresh_message_needs_no_look_up(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 3)
    engine.clock.advance(45)
    monkeypatch.setattr(engine.subscriptions, "load", None)
    queues.deliver(engine)
    assert queues.only_send(engine).counts.accepted == 3


def test_a_leased_chunk_is_left_alone_until_the_lease_is_over(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    chunk = queues.only_chunk(engine)
    engine.chunks.claim(claimed(chunk, int(engine.clock.now()), queues.only_send(engine).repeat))
    assert queues.deliver(engine) == [None]
    assert not engine.transport.requests
    (entry,) = engine.jobs.delayed
    assert entry.delay == 31
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=2, doubted=2)


def test_a_message_for_other_people_than_the_frozen_ones_is_dropped(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    (entry,) = engine.jobs.delayed
    assert engine.delivering.handle(replace(entry.job, digest="00" * 32), START + 900) is None
    assert not engine.transport.requests
    assert queues.only_chunk(engine).epoch == 0


def test_a_message_that_comes_twice_delivers_once(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = queued(engine, monkeypatch, 2)
    engine.jobs.delayed *= 2
    queues.drain(engine)
    assert len(engine.transport.requests) == 2
    assert engine.credits.balance(owner.id) == Balance(998, 0, 2)


def test_a_worker_that_was_overtaken_stops_and_changes_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    honest = engine.transport.wait
    other: list[Chunk] = []

    def overtaken(timeout: float) -> object:
        if not other:
            stored = queues.only_chunk(engine)
            other.append(claimed(stored, int(engine.clock.now()), queues.only_send(engine).repeat))
            engine.chunks.claim(other[0])
        return honest(timeout)

    monkeypatch.setattr(engine.transport, "wait", overtaken)
    queues.deliver(engine)
    assert queues.only_chunk(engine) == other[0]
    assert engine.meter.counted[Metric.LEASE_LOST] == 1


def test_no_post_starts_that_could_outlive_the_lease(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 3)
    honest, claim = engine.transport.start, engine.chunks.claim
    left: list[float] = []

    def slow(chunk: Chunk) -> None:
        claim(chunk)
        engine.clock.advance(21)

    def start(*about: object) -> None:
        left.append(queues.only_chunk(engine).lease_until - engine.clock.now())
        honest(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.chunks, "claim", slow)
    monkeypatch.setattr(engine.transport, "start", start)
    queues.deliver(engine)
    assert len(left) == 3
    assert min(left) >= POST_SECONDS


def test_every_post_was_intended_before_it_began(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 260)
    honest, unintended = engine.transport.start, []

    def start(ticket: int, *rest: object) -> None:
        if ticket not in queues.only_chunk(engine).in_flight:
            unintended.append(ticket)
        honest(ticket, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.transport, "start", start)
    queues.deliver(engine)
    assert queues.only_send(engine).counts.accepted == 260
    assert not unintended
    assert engine.transport.most_in_flight <= 100


def test_a_chunk_is_saved_once_for_eighty_results(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 500)
    queues.deliver(engine)
    assert queues.only_chunk(engine).version <= 2 + 1 + 500 // SAVE_EVERY


def test_a_done_chunk_is_done(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 1)
    (entry,) = engine.jobs.delayed
    queues.deliver(engine)
    assert queues.only_chunk(engine).state is ChunkState.DONE
    assert engine.delivering.handle(entry.job, START + 900) is None
    assert len(engine.transport.requests) == 1
