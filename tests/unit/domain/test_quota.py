"""Hours, days and plans."""

import pytest

from tocsin.domain.quota import LIMITS_OF, Limits, Plan, QuotaWindow, plan_of
from tocsin.domain.send import Tally, used_by

NOON = 1_705_320_000
"""2024-01-15T12:00:00Z."""


@pytest.mark.row("CS-24")
def test_cs_24_windows_are_clock_hours_and_utc_days() -> None:
    assert QuotaWindow.HOUR.start(NOON + 3599) == NOON
    assert QuotaWindow.HOUR.start(NOON + 3600) == NOON + 3600
    assert QuotaWindow.DAY.start(NOON) == NOON - 12 * 3600


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
    assert used_by(Tally(accepted=5, failed=3, gone=2, uncertain=1)) == 7
