"""Pausing, resuming and cancelling: what goes on, what stops, and where the credits are then."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application import queues
from tests.unit.application.scenes import queued
from tocsin.domain.chunk import ChunkState
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Balance, Course, Send, SendState, Tally


def steer(engine: MemoryEngine, course: Course) -> Send:
    send = queues.only_send(engine)
    return engine.steering.steer(send.app, send.id, course, builders.OPERATOR)


def pause_after(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, course: Course, seconds: float) -> list[float]:
    """Each answer takes a second, and after so many somebody steers; when each POST began, from then on."""
    posts, honest, until = [], engine.transport.start, engine.clock.now() + seconds
    engine.transport._otherwise = Reply(seconds=1)

    def start(*about: object) -> None:
        posts.append(engine.clock.now() - until)
        honest(*about)  # type: ignore[arg-type]

    def wait(timeout: float, answers: object = engine.transport.wait) -> object:
        if engine.clock.now() >= until and queues.only_send(engine).course is Course.RUNNING:
            steer(engine, course)
        return answers(timeout)  # type: ignore[operator]

    monkeypatch.setattr(engine.transport, "start", start)
    monkeypatch.setattr(engine.transport, "wait", wait)
    return posts


def test_a_paused_send_sends_no_more_within_twelve_seconds_and_goes_on_when_resumed(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 400)
    with monkeypatch.context() as patch:
        posts = pause_after(engine, patch, Course.PAUSED, 1)
        queues.drain(engine)
    assert max(posts) <= 12
    assert 0 < len(posts) < 400
    assert queues.only_chunk(engine).state is ChunkState.OPEN
    assert not queues.only_chunk(engine).in_flight
    assert engine.credits.balance(owner.id).reserved == 400
    steer(engine, Course.RUNNING)
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=400)
    assert len({request.url for request in engine.transport.requests}) == len(engine.transport.requests) == 400
    assert engine.credits.balance(owner.id) == Balance(600, 0, 400)


def test_a_cancelled_send_ends_with_whom_it_reached(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = queued(engine, monkeypatch, 400)
    posts = pause_after(engine, monkeypatch, Course.CANCELLED, 1)
    queues.drain(engine)
    counts = queues.only_send(engine).counts
    assert counts == Tally(accepted=len(posts), failed=400 - len(posts))
    assert 0 < len(posts) < 400
    assert engine.credits.balance(owner.id) == Balance(1000 - len(posts), 0, len(posts))


def test_a_paused_send_is_left_alone_by_the_sweep_until_its_ttl_ends(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    steer(engine, Course.PAUSED)
    queues.drain(engine)
    for _ in range(50):
        engine.clock.advance(60)
        engine.sweeping.sweep()
    assert not engine.jobs.delayed
    engine.clock.advance(3600)
    engine.sweeping.sweep()
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(failed=3)
    assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)


def test_a_send_that_is_cancelled_while_it_waits_for_a_push_service_ends_at_once(engine: MemoryEngine) -> None:
    owner, _ = builders.shop(engine, 2)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "1800"}))
    engine.sending.send(builders.send_command(owner))
    before = engine.clock.now()
    steer(engine, Course.CANCELLED)
    engine.jobs.delayed = engine.jobs.delayed[-1:]
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=1, failed=1)
    assert engine.clock.now() == before


@pytest.mark.parametrize("course", [Course.PAUSED, Course.CANCELLED])
def test_a_send_can_be_stopped_before_it_is_planned(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, course: Course
) -> None:
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    owner, _ = builders.shop(engine, 3)
    engine.sending.send(builders.send_command(owner))
    steer(engine, course)
    queues.drain(engine)
    assert not engine.transport.requests
    if course is Course.PAUSED:
        steer(engine, Course.RUNNING)
        queues.drain(engine)
        assert queues.only_send(engine).counts == Tally(accepted=3)
    else:
        assert queues.only_send(engine).state is SendState.SETTLED
        assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)


def test_asking_twice_changes_nothing_and_what_is_over_stays_over(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    assert steer(engine, Course.PAUSED) == steer(engine, Course.PAUSED)
    assert steer(engine, Course.CANCELLED).course is Course.CANCELLED
    assert steer(engine, Course.CANCELLED).course is Course.CANCELLED
    for course in (Course.RUNNING, Course.PAUSED):
        with pytest.raises(Refused) as refused:
            steer(engine, course)
        assert refused.value.fault is Fault.CONFLICT


def test_a_settled_send_cannot_be_paused(engine: MemoryEngine) -> None:
    owner, _ = builders.shop(engine, 1)
    engine.sending.send(builders.send_command(owner))
    with pytest.raises(Refused) as refused:
        steer(engine, Course.PAUSED)
    assert refused.value.fault is Fault.CONFLICT


def test_a_send_of_another_app_is_not_found(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 1)
    send = queues.only_send(engine)
    for app, name in ((AppId("00" * 12), send.id), (send.app, SendId("00" * 12))):
        with pytest.raises(Refused) as refused:
            engine.steering.steer(app, name, Course.PAUSED, builders.OPERATOR)
        assert refused.value.fault is Fault.NOT_FOUND
    assert queues.only_send(engine).course is Course.RUNNING
