"""What a send would take, by what the latest ones took."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.unit.domain.test_cost import CLAIMED_AND_ENDED, MILLION, SEND
from tocsin.domain.campaign import Totals
from tocsin.domain.cost import cost
from tocsin.domain.estimate import ENOUGH, READ_SECONDS, USUAL_PACE, USUAL_REPORTS, Estimate, Reports, estimate, told_by
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Course, Send, SendState, Tally


def expected(send: Send, latest: Sequence[Send]) -> Estimate:
    """Where nothing is known of readers."""
    return estimate(send, latest, [])


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
    found = expected(replace(SEND, reserved=2 * USUAL_PACE), [])
    assert (found.minutes, found.pace, found.measured, found.gone) == (2.0, USUAL_PACE, False, None)


def test_the_pace_is_the_median_of_the_large_sends() -> None:
    latest = [settled(6_000, 60), settled(12_000, 60), settled(9_000, 86_400), settled(10, 3600), settled(0, 0)]
    found = expected(replace(SEND, reserved=60_000), latest)
    assert (found.minutes, found.pace, found.measured) == (10.0, 6_000, True)
    assert not expected(SEND, [settled(1_000, 3600)]).measured


def test_a_few_take_a_tenth_of_a_minute_and_nobody_takes_none() -> None:
    assert expected(SEND, []).minutes == 0.1
    assert expected(replace(SEND, reserved=0), []).minutes == 0


def test_as_many_are_expected_gone_as_were_of_all_sends_that_are_over() -> None:
    latest = [settled(80, 1, gone=8), settled(20, 1, gone=2), replace(settled(100, 1), state=SendState.SENDING)]
    assert expected(replace(SEND, reserved=500), latest).gone == 50
    assert expected(replace(SEND, reserved=500), [settled(10, 1)]).gone == 0


def test_what_was_held_and_not_sent_and_what_was_cancelled_tells_nothing() -> None:
    """A send to a tag holds as many as could carry it; a cancelled one ends in a moment."""
    held = replace(settled(6_000, 60, gone=600, cpu_ms=600), reserved=1_000_000)
    over = {Said(NOBODY, Fate.FAILED, "expired"): 94_000}
    ended = replace(held, counts=Tally(accepted=5_400, failed=94_600, gone=600), report=Report(over, cpu_ms=600))
    cancelled = replace(settled(1_000_000, 1, gone=1), course=Course.CANCELLED)
    other = expected(replace(SEND, reserved=60_000), [settled(6_000, 60, gone=600, cpu_ms=600)])
    for latest in ([held], [ended], [held, cancelled]):
        assert expected(replace(SEND, reserved=60_000), latest) == other


def test_the_cost_is_that_of_a_real_send_of_its_size() -> None:
    real = Report(posts=1_000_000, writes=2_000 * 8, cpu_ms=300_000)
    planned = replace(MILLION, chunks=0, state=SendState.PLANNED)
    assert expected(planned, []).cost == cost(planned, Tally(accepted=1_000_000), real)
    assert expected(SEND, [settled(1, 1, cpu_ms=4)]).cost == cost(SEND, SEND.counts, CLAIMED_AND_ENDED)


def test_processor_time_and_withdrawals_follow_the_latest_sends() -> None:
    planned = replace(MILLION, chunks=0, state=SendState.PLANNED)
    cheap = expected(planned, [settled(1_000, 1, cpu_ms=100)])
    dear = expected(planned, [settled(1_000, 1, cpu_ms=1_000)])
    gone = expected(planned, [settled(1_000, 1, gone=500, cpu_ms=100)])
    assert cheap.cost.total < dear.cost.total
    assert cheap.cost.total < gone.cost.total


READ = replace(SEND, statistics=True, reserved=1_000)
OVER = replace(READ, settled_at=SEND.created_at)


def test_without_any_that_were_read_the_usual_share_is_expected_to_report() -> None:
    found = estimate(READ, [settled(100, 1, gone=10)], [])
    assert found.reports == Reports(round(900 * USUAL_REPORTS), measured=False)


def test_as_many_reports_are_expected_as_earlier_messages_brought() -> None:
    read = [Totals(accepted=900, displayed=90, clicked=9, dismissed=1), Totals(accepted=100)]
    assert estimate(READ, [], read).reports == Reports(100, measured=True)
    few = [Totals(accepted=ENOUGH - 1, displayed=0)]  # such as tests to one's own browser
    assert estimate(READ, [], few).reports == estimate(READ, [], []).reports


def test_who_is_not_asked_for_reports_sends_none() -> None:
    found = estimate(replace(READ, statistics=False), [], [Totals(accepted=1, displayed=1)])
    assert found.reports == Reports(0, measured=False)
    assert found.reports.cost.total == 0


def test_reports_cost_beside_the_delivery() -> None:
    with_reports, without = (estimate(replace(READ, statistics=asked), [], []) for asked in (True, False))
    assert with_reports.cost == without.cost
    assert with_reports.reports.cost.total > with_reports.cost.total


@pytest.mark.parametrize(
    ("send", "told"),
    [
        (OVER, True),
        (replace(OVER, statistics=False), False),
        (replace(OVER, settled_at=None), False),
        (replace(OVER, settled_at=SEND.created_at + 1), False),
    ],
)
def test_a_send_tells_of_readers_when_it_is_over_and_a_day_old(send: Send, told: bool) -> None:
    assert told_by(send, SEND.created_at + READ_SECONDS) is told
