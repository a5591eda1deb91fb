"""What a send would take, by what the latest ones took."""

from dataclasses import replace

from tests.unit.domain.test_cost import CLAIMED_AND_ENDED, MILLION, SEND
from tocsin.domain.cost import cost
from tocsin.domain.estimate import USUAL_PACE, estimate
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Course, Send, SendState, Tally


def settled(reserved: int, seconds: int, *, gone: int = 0, cpu_ms: int = 0) -> Send:
    """A send of the app that is over."""
    counts = Tally(accepted=reserved - gone, failed=gone, gone=gone)
    return replace(
        SEND,
        reserved=reserved,
        counts=counts,
        settled_at=SEND.created_at + seconds,
        report=Report(cpu_ms=cpu_ms),
    )


def test_without_any_sends_the_usual_pace_holds_and_nobody_knows_who_is_gone() -> None:
    found = estimate(replace(SEND, reserved=2 * USUAL_PACE), [])
    assert (found.minutes, found.pace, found.measured, found.gone) == (2.0, USUAL_PACE, False, None)


def test_the_pace_is_the_median_of_the_large_sends() -> None:
    latest = [settled(6_000, 60), settled(12_000, 60), settled(9_000, 86_400), settled(10, 3600), settled(0, 0)]
    found = estimate(replace(SEND, reserved=60_000), latest)
    assert (found.minutes, found.pace, found.measured) == (10.0, 6_000, True)
    assert not estimate(SEND, [settled(1_000, 3600)]).measured


def test_a_few_take_a_tenth_of_a_minute_and_nobody_takes_none() -> None:
    assert estimate(SEND, []).minutes == 0.1
    assert estimate(replace(SEND, reserved=0), []).minutes == 0


def test_as_many_are_expected_gone_as_were_of_all_sends_that_are_over() -> None:
    latest = [settled(80, 1, gone=8), settled(20, 1, gone=2), replace(settled(100, 1), state=SendState.SENDING)]
    assert estimate(replace(SEND, reserved=500), latest).gone == 50
    assert estimate(replace(SEND, reserved=500), [settled(10, 1)]).gone == 0


def test_what_was_held_and_not_sent_and_what_was_cancelled_tells_nothing() -> None:
    """A send to a tag holds as many as could carry it; a cancelled one ends in a moment."""
    held = replace(settled(6_000, 60, gone=600, cpu_ms=600), reserved=1_000_000)
    over = {Said(NOBODY, Fate.FAILED, "expired"): 94_000}
    ended = replace(held, counts=Tally(accepted=5_400, failed=94_600, gone=600), report=Report(over, cpu_ms=600))
    cancelled = replace(settled(1_000_000, 1, gone=1), course=Course.CANCELLED)
    expected = estimate(replace(SEND, reserved=60_000), [settled(6_000, 60, gone=600, cpu_ms=600)])
    for latest in ([held], [ended], [held, cancelled]):
        assert estimate(replace(SEND, reserved=60_000), latest) == expected


def test_the_cost_is_that_of_a_real_send_of_its_size() -> None:
    real = Report(posts=1_000_000, writes=2_000 * 8, cpu_ms=300_000)
    planned = replace(MILLION, chunks=0, state=SendState.PLANNED)
    assert estimate(planned, []).cost == cost(planned, Tally(accepted=1_000_000), real)
    assert estimate(SEND, [settled(1, 1, cpu_ms=4)]).cost == cost(SEND, SEND.counts, CLAIMED_AND_ENDED)


def test_processor_time_and_withdrawals_follow_the_latest_sends() -> None:
    planned = replace(MILLION, chunks=0, state=SendState.PLANNED)
    cheap = estimate(planned, [settled(1_000, 1, cpu_ms=100)])
    dear = estimate(planned, [settled(1_000, 1, cpu_ms=1_000)])
    gone = estimate(planned, [settled(1_000, 1, gone=500, cpu_ms=100)])
    assert cheap.cost.total < dear.cost.total
    assert cheap.cost.total < gone.cost.total
