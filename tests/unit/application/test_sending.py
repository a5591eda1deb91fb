"""Accepting a send: who is reached, what it costs, and what a repeat is told."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tests.unit.application.scenes import annas_browsers, breaks, reached, to_anna
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import Shortage
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.send import Balance, Charge, SendState, Tally


@pytest.mark.row("PS-9", "PS-10")
def test_ps_9_every_active_browser_of_the_person_is_reached_and_charged(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 3, credits_=10)
    builders.subscribe(engine, owner, 7, builders.email(builders.BERT))
    result = to_anna(engine, owner)
    assert (result.targets, result.counts.accepted, result.queued, result.balance) == (3, 3, False, 7)
    assert sorted(reached(engine)) == [builders.endpoint(number) for number in (1, 2, 3)]
    assert engine.credits.balance(owner.id) == Balance(7, 0, 3)


@pytest.mark.row("PS-11", "PS-17")
def test_ps_11_what_is_gone_is_not_charged_and_not_tried_again(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 2, credits_=10)
    engine.transport.script(builders.endpoint(1), Reply(410))
    result = to_anna(engine, owner)
    assert (result.counts.accepted, result.counts.failed, result.counts.gone) == (1, 1, 1)
    assert engine.credits.balance(owner.id) == Balance(9, 0, 1)
    assert to_anna(engine, owner).targets == 1


@pytest.mark.row("PS-30")
def test_ps_30_all_found_gone_is_an_answer_and_then_there_is_nobody(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 1, credits_=1)
    engine.transport.script(builders.endpoint(1), Reply(404))
    assert to_anna(engine, owner).counts == Tally(failed=1, gone=1)
    nobody = to_anna(engine, owner)
    assert (nobody.send, nobody.targets, nobody.balance) == (None, 0, 1)


@pytest.mark.row("PS-18")
def test_ps_18_a_short_balance_reaches_the_most_recently_seen_first(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 3, credits_=2)
    result = to_anna(engine, owner)
    assert reached(engine) == [builders.endpoint(3), builders.endpoint(2)]
    assert (result.targets, result.counts.failed, result.balance) == (2, 0, 0)
    assert engine.credits.balance(owner.id) == Balance(0, 0, 2)


def test_a_short_balance_is_refused_where_a_part_is_no_use(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 3, credits_=2)
    with pytest.raises(Refused) as refusal:
        to_anna(engine, owner, Shortage.REFUSE)
    assert refusal.value.fault is Fault.CREDITS_EXHAUSTED
    assert (reached(engine), engine.storage.sends) == ([], {})
    assert engine.credits.balance(owner.id) == Balance(2, 0, 0)


@pytest.mark.row("PS-29")
def test_ps_29_an_empty_balance_is_refused_before_anybody_is_looked_up(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    with pytest.raises(Refused) as refusal:
        to_anna(engine, owner)
    assert refusal.value.fault is Fault.CREDITS_EXHAUSTED


@pytest.mark.row("PS-8")
def test_ps_8_a_trusted_caller_sends_without_credits_and_without_a_debit(engine: MemoryEngine) -> None:
    for credits_ in (0, 5):
        owner = annas_browsers(engine, 2, credits_=credits_)
        people = builders.audience(engine, owner, builders.ANNA)
        result = engine.sending.send(builders.send_command(owner, people, charge=Charge.NONE))
        assert (result.counts.accepted, result.balance) == (2, credits_)
        assert engine.credits.balance(owner.id) == Balance(credits_, 0, 0)


def test_no_more_than_asked_for_are_considered(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 4, credits_=10)
    assert to_anna(engine, owner, most=2).targets == 2
    assert reached(engine) == [builders.endpoint(4), builders.endpoint(3)]


@pytest.mark.row("PS-4")
def test_ps_4_a_send_reaches_nobody_of_another_app(engine: MemoryEngine) -> None:
    owner, other = annas_browsers(engine, 1, credits_=5), builders.app(engine, credits_=5)
    builders.subscribe(engine, other, 2, builders.email())
    theirs = builders.audience(engine, other, builders.ANNA)
    assert engine.sending.send(builders.send_command(owner, theirs)).targets == 0
    assert engine.sending.send(builders.send_command(owner)).targets == 1
    assert reached(engine) == [builders.endpoint(1)]


def test_a_hundred_are_delivered_in_the_request(engine: MemoryEngine) -> None:
    owner, _ = builders.shop(engine, 100)
    result = engine.sending.send(builders.send_command(owner))
    assert (result.counts.accepted, result.queued) == (100, False)
    assert queues.only_send(engine).state is SendState.SETTLED


def test_a_hundred_and_one_are_queued_and_then_delivered(engine: MemoryEngine) -> None:
    owner, _ = builders.shop(engine, 101)
    result = engine.sending.send(builders.send_command(owner))
    assert (result.counts, result.queued, result.balance) == (Tally(pending=101), True, 899)
    assert not engine.transport.requests
    queues.drain(engine)
    assert queues.only_send(engine).counts.accepted == 101
    assert engine.credits.balance(owner.id) == Balance(899, 0, 101)


def test_a_queue_that_does_not_answer_is_no_error_the_sweep_sends(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = builders.shop(engine, 101)
    with monkeypatch.context() as patch:
        patch.setattr(engine.jobs, "fan_out", breaks(Unavailable()))
        assert engine.sending.send(builders.send_command(owner)).queued
    engine.clock.advance(120)
    engine.sweeping.sweep()
    queues.drain(engine)
    assert queues.only_send(engine).counts.accepted == 101


def test_somebody_who_spends_the_credits_first_makes_the_send_smaller(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = annas_browsers(engine, 3, credits_=3)
    honest = engine.sends.reserve
    others: list[int] = []

    def overtaken(*args: object) -> None:
        if not others:
            others.append(1)
            engine.storage.balances[owner.id] = Balance(1, 0, 2)
        honest(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.sends, "reserve", overtaken)
    assert to_anna(engine, owner).targets == 1
    assert engine.credits.balance(owner.id) == Balance(0, 0, 3)


def test_a_notification_too_long_for_one_message_is_sent_as_a_preview(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 1, credits_=5)
    notification = replace(builders.NOTIFICATION, body="é" * 4096)
    assert engine.sending.send(builders.send_command(owner, notification=notification)).counts.accepted == 1
    assert len(engine.transport.requests[0].body) <= 4096


def test_every_length_around_the_limit_fits_with_the_apps_icon(engine: MemoryEngine) -> None:
    """Found by review: a send that passed a check and then fitted no message could never be delivered."""
    owner = builders.app(engine, credits_=5, icon="https://shop.example/" + "i" * 500)
    builders.subscribe(engine, owner, 1)
    for size in range(3_000, 4_000, 50):
        notification = replace(builders.NOTIFICATION, body="x" * size)
        sent = engine.sending.send(builders.send_command(owner, notification=notification, charge=Charge.NONE))
        assert sent.counts.accepted == 1
    assert all(stored.send.state is SendState.SETTLED for stored in engine.storage.sends.values())


def test_progress_is_told_to_the_sends_own_app_only(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 1, credits_=10)
    result = to_anna(engine, owner)
    assert result.send is not None
    progress = engine.sending.progress(owner.id, result.send)
    assert progress is not None
    assert progress.counts == result.counts
    assert engine.sending.progress(builders.app(engine).id, result.send) is None


def test_an_answer_comes_before_the_gateway_gives_up(engine: MemoryEngine) -> None:
    owner = annas_browsers(engine, 3, credits_=10)
    engine.transport.script(builders.endpoint(1), Silence(sent=True, seconds=60))
    engine.transport.script(builders.endpoint(2), Reply(503, seconds=9))
    before = engine.clock.now()
    result = to_anna(engine, owner)
    assert engine.clock.now() - before < 29
    assert result.counts.accepted == 1
    assert result.queued
