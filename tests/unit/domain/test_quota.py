"""Hours, days, months and plans."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.quota import LIMITS_OF, Limits, Plan, QuotaWindow, Usage, plan_of, without_room
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Tally, used_by

NOON = 1_705_320_000
"""2024-01-15T12:00:00Z."""


@pytest.mark.row("CS-24")
def test_cs_24_windows_are_clock_hours_and_utc_days() -> None:
    assert QuotaWindow.HOUR.start(NOON + 3599) == NOON
    assert QuotaWindow.HOUR.start(NOON + 3600) == NOON + 3600
    assert QuotaWindow.HOUR.end(NOON) == QuotaWindow.HOUR.end(NOON + 3599) == NOON + 3600
    assert QuotaWindow.DAY.start(NOON) == NOON - 12 * 3600
    assert QuotaWindow.DAY.end(NOON) == NOON + 12 * 3600


@pytest.mark.parametrize(
    ("first", "next_first"),
    [
        ("2024-02-01", "2024-03-01"),
        ("2027-02-01", "2027-03-01"),
        ("2027-04-01", "2027-05-01"),
        ("2026-12-01", "2027-01-01"),
        ("2027-01-01", "2027-02-01"),
    ],
)
def test_a_month_is_the_calendars_in_utc(first: str, next_first: str) -> None:
    start, end = (int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) for day in (first, next_first))
    for at in (start, start + 1, end - 86_400, end - 1):
        assert (QuotaWindow.MONTH.start(at), QuotaWindow.MONTH.end(at)) == (start, end)
    assert QuotaWindow.MONTH.end(start - 1) == start


@given(at=st.integers(0, 4_102_444_800))
def test_windows_follow_one_another_without_gaps_and_lie_within_each_other(at: int) -> None:
    for window in QuotaWindow:
        assert window.start(at) <= at < window.end(at) == window.start(window.end(at))
        assert window.start(window.end(at) - 1) == window.start(at)
    hour, day, month = QuotaWindow
    assert month.start(at) <= day.start(at) <= hour.start(at)
    assert hour.end(at) <= day.end(at) <= month.end(at)


@pytest.mark.parametrize(
    ("limits", "more", "window"),
    [
        (Limits(None, None, None), 10**9, None),
        (Limits(11, 22, 33), 1, None),
        (Limits(10, 22, 33), 1, QuotaWindow.HOUR),
        (Limits(10, 20, 33), 1, QuotaWindow.DAY),
        (Limits(10, 20, 30), 1, QuotaWindow.MONTH),
        (Limits(None, None, 32), 3, QuotaWindow.MONTH),
        (Limits(0, 0, 0), 0, QuotaWindow.MONTH),
    ],
)
def test_the_longest_window_without_room_is_the_one_to_wait_for(
    limits: Limits, more: int, window: QuotaWindow | None
) -> None:
    assert without_room(limits, Usage(10, 20, 30), more) is window


@pytest.mark.row("CS-25")
@pytest.mark.parametrize(
    ("plan", "hourly", "daily"),
    [("starter", 100, 1_000), ("professional", 1_000, 10_000), ("scale", 10_000, 100_000), ("unlimited", None, None)],
)
def test_cs_25_plans_are_names_for_limits(plan: str, hourly: int | None, daily: int | None) -> None:
    assert LIMITS_OF[Plan(plan)] == Limits(hourly, daily)
    assert plan_of(Limits(hourly, daily)) is Plan(plan)


def test_limits_that_no_plan_has_have_no_name() -> None:
    assert plan_of(Limits(100, None)) is None


@pytest.mark.row("CS-26")
def test_cs_26_a_send_uses_quota_for_everyone_it_tried_but_the_gone() -> None:
    assert used_by(Tally(accepted=5, failed=3, gone=2, uncertain=1), Report()) == 7


def test_a_send_uses_no_quota_for_whom_it_never_asked_a_push_service() -> None:
    said = {Said(NOBODY, Fate.FAILED, "cancelled"): 2, Said("fcm", Fate.FAILED, "status 400"): 1}
    assert used_by(Tally(accepted=5, failed=3), Report(said)) == 6
