"""Repeated and troubled requests: what a client is told when it asks again, or when something of ours fails."""

from dataclasses import replace
from hashlib import sha256
from itertools import count

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application import queues
from tests.unit.application.scenes import annas_browsers, breaks, reached, to_anna
from tocsin.application.ports import LeaseLost, Unavailable
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.send import Balance, SendState


@pytest.mark.row("PS-32")
@pytest.mark.parametrize("error", [Unavailable(), LeaseLost()], ids=["unavailable", "lease lost"])
def test_ps_32_after_an_acceptance_a_lost_save_is_no_error(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    owner = annas_browsers(engine, 3, credits_=5)
    with monkeypatch.context() as patch:
        patch.setattr(engine.chunks, "finish_only", breaks(error))
        result = to_anna(engine, owner)
    assert (result.counts.accepted, result.queued) == (3, True)


@pytest.mark.row("PS-32")
def test_ps_32_after_an_acceptance_even_a_bug_is_no_error_but_it_is_reported(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, bug = annas_browsers(engine, 2, credits_=5), RuntimeError("a bug")
    monkeypatch.setattr(engine.chunks, "finish_only", breaks(bug))
    result = to_anna(engine, owner)
    assert (result.counts.accepted, result.queued) == (2, True)
    assert engine.meter.crashes == [bug]


@pytest.mark.row("PS-16")
def test_ps_16_a_balance_that_cannot_be_read_is_told_as_it_should_be(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, honest, reads = annas_browsers(engine, 2, credits_=5), engine.credits.balance, count()

    def twice(app: AppId) -> Balance:
        if next(reads) < 2:
            return honest(app)
        raise Unavailable

    monkeypatch.setattr(engine.credits, "balance", twice)
    assert to_anna(engine, owner).balance == 3


@pytest.mark.row("PS-13")
def test_ps_13_what_a_request_is_known_again_by_tells_nothing_of_its_address(engine: MemoryEngine) -> None:
    for owner in (annas_browsers(engine, 1, 5), annas_browsers(engine, 1, 5)):
        engine.sending.send(builders.send_command(owner, idempotency=builders.idempotency_key(request=b"anna")))
    stored = [answer.earlier.fingerprint for answer in engine.storage.idempotency.values()]
    assert len({*stored, sha256(b"anna").hexdigest()}) == 3


@pytest.mark.row("PS-32")
def test_ps_32_a_reservation_whose_answer_got_lost_is_delivered_and_no_error(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = annas_browsers(engine, 2, credits_=5)
    monkeypatch.setattr(engine.sends, "reserve", breaks(Unavailable(), effect=engine.sends.reserve))
    assert to_anna(engine, owner).counts.accepted == 2
    assert engine.credits.balance(owner.id) == Balance(3, 0, 2)


@pytest.mark.row("PS-32")
def test_ps_32_a_reservation_that_did_not_happen_is_an_error_and_reaches_nobody(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = annas_browsers(engine, 2, credits_=5)
    monkeypatch.setattr(engine.sends, "reserve", breaks(Unavailable()))
    with pytest.raises(Unavailable):
        to_anna(engine, owner)
    assert reached(engine) == []
    assert engine.credits.balance(owner.id) == Balance(5, 0, 0)


@pytest.mark.row("PS-32")
def test_ps_32_after_an_acceptance_a_lost_note_of_the_answer_is_no_error(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by simulation."""
    owner = annas_browsers(engine, 1, credits_=5)
    monkeypatch.setattr(engine.sends, "note_answer", breaks(Unavailable()))
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    assert engine.sending.send(command).counts.accepted == 1


@pytest.mark.row("PS-32")
def test_ps_32_the_same_key_and_body_is_told_the_same_and_reaches_nobody_again(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 2, credits_=10)
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    first = engine.sending.send(command)
    engine.accounts.grant(owner.id, 5, "more", builders.OPERATOR)
    engine.clock.advance(3600)
    again = engine.sending.send(command)
    assert again == replace(first, replayed=True)
    assert len(engine.transport.requests) == 2


def test_the_same_key_with_another_body_is_a_mismatch(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 1, credits_=10)
    engine.sending.send(builders.send_command(owner, idempotency=builders.idempotency_key()))
    with pytest.raises(Refused) as refusal:
        engine.sending.send(builders.send_command(owner, idempotency=builders.idempotency_key(request=b"another")))
    assert refusal.value.fault is Fault.IDEMPOTENCY_MISMATCH
    assert len(engine.transport.requests) == 1


def test_a_key_is_another_one_at_another_app_or_route_and_after_a_day(engine: MemoryEngine) -> None:
    owner, other = annas_browsers(engine, 1, credits_=10), annas_browsers(engine, 1, credits_=10)
    key = builders.idempotency_key()
    for command in (
        builders.send_command(owner, idempotency=key),
        builders.send_command(other, idempotency=key),
        builders.send_command(owner, idempotency=replace(key, route="/v2/push")),
    ):
        assert not engine.sending.send(command).replayed
    engine.clock.advance(24 * 3600 + 1)
    assert not engine.sending.send(builders.send_command(owner, idempotency=key)).replayed


def test_a_refused_send_leaves_its_key_free(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 1, credits_=0)
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    with pytest.raises(Refused):
        engine.sending.send(command)
    engine.accounts.grant(owner.id, 1, "topped up", builders.OPERATOR)
    assert not engine.sending.send(command).replayed


def test_a_repeat_while_the_first_still_runs_is_told_to_wait(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = annas_browsers(engine, 1, credits_=10)
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    faults = []
    honest = engine.transport.wait

    def meanwhile(timeout: float) -> object:
        with pytest.raises(Refused) as refusal:
            engine.sending.send(command)
        faults.append((refusal.value.fault, refusal.value.retry_after))
        return honest(timeout)

    monkeypatch.setattr(engine.transport, "wait", meanwhile)
    assert engine.sending.send(command).counts.accepted == 1
    assert faults == [(Fault.IDEMPOTENCY_IN_FLIGHT, 2)]
    assert len(engine.transport.requests) == 1


def test_a_repeat_of_a_queued_send_is_told_how_far_it_is(engine: MemoryEngine) -> None:
    """Found by review: a queued send of one chunk answered 409 until it was settled."""
    owner, _ = builders.shop(engine, 101)
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    first = engine.sending.send(command)
    queues.plan(engine)
    assert queues.only_send(engine).state is SendState.SENDING
    assert engine.sending.send(command) == replace(first, replayed=True)
    queues.drain(engine)
    after = engine.sending.send(command)
    assert (after.counts.accepted, after.queued, after.balance) == (101, False, first.balance)


def test_a_repeat_of_a_send_that_was_handed_to_the_queue_is_told_how_far_it_is(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 2, credits_=10)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "600"}))
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    first = engine.sending.send(command)
    assert (first.counts.accepted, first.counts.pending, first.queued) == (1, 1, True)
    assert engine.sending.send(command) == replace(first, replayed=True)
