"""The contract of Quotas, and of Sends for sends on quota."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.records import APP, NOW, OTHER_APP, UNLIMITED, only_chunk, send
from tests.contract.stores import Stores, memory_stores
from tocsin.application.ports import Idempotency, IdempotencyKeyTaken, InsufficientQuota
from tocsin.domain.chunk import finished
from tocsin.domain.ids import SendId
from tocsin.domain.quota import Limits, QuotaWindow, Usage
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Balance, Charge, Send, Tally, used_by

HOUR, DAY, MONTH = QuotaWindow
AN_HOUR, A_DAY = 3600, 86_400
MORNING = DAY.start(NOW) + 9 * AN_HOUR
MIDNIGHT, NEXT_MONTH = DAY.end(MORNING), MONTH.end(MORNING)
IDEMPOTENCY = Idempotency("/v2/push/send", "ab" * 32, "cd" * 32, NOW + 86_400)


def quota_send(number: int = 1, reserved: int = 3, at: int = MORNING) -> Send:
    return send(number, reserved, charge=Charge.QUOTA, created_at=at)


def reserve(stores: Stores, one: Send, limits: Limits = UNLIMITED) -> None:
    stores.sends.reserve(one, None, None, NOW, limits)


def reserved(stores: Stores, one: Send, limits: Limits) -> QuotaWindow | None:
    """The window that has no room for a send; None when it was reserved."""
    try:
        reserve(stores, one, limits)
    except InsufficientQuota as refusal:
        return refusal.window
    return None


def refused(stores: Stores, one: Send, limits: Limits) -> QuotaWindow:
    before = stores.quotas.usage(one.app, one.created_at)
    with pytest.raises(InsufficientQuota) as refusal:
        stores.sends.reserve(one, only_chunk(one), IDEMPOTENCY, NOW, limits)
    assert stores.quotas.usage(one.app, one.created_at) == before
    assert stores.sends.get(one.app, one.id) is None
    assert stores.chunks.get(one.app, one.id, 0) is None
    assert stores.sends.earlier(one.app, IDEMPOTENCY) is None
    return refusal.value.window


def test_an_app_that_never_sent_used_nothing(stores: Stores) -> None:
    assert stores.quotas.usage(APP, NOW) == Usage(0, 0, 0)


@pytest.mark.row("CS-26")
def test_a_send_counts_in_its_hour_its_day_and_its_month_and_moves_no_credits(stores: Stores) -> None:
    reserve(stores, quota_send(1, 3))
    reserve(stores, quota_send(2, 4, MORNING + 60))
    assert stores.quotas.usage(APP, MORNING + AN_HOUR - 1) == Usage(7, 7, 7)
    assert stores.quotas.usage(OTHER_APP, MORNING) == Usage(0, 0, 0)
    assert stores.credits.balance(APP) == Balance(0, 0, 0)


@pytest.mark.row("CS-24")
def test_windows_end_at_the_clock_hour_and_at_midnight_utc(stores: Stores) -> None:
    reserve(stores, quota_send(1, 3, MORNING + AN_HOUR - 1))
    assert stores.quotas.usage(APP, MORNING + AN_HOUR) == Usage(0, 3, 3)
    reserve(stores, quota_send(2, 4, MORNING + AN_HOUR))
    assert stores.quotas.usage(APP, MORNING + AN_HOUR) == Usage(4, 7, 7)
    assert stores.quotas.usage(APP, MIDNIGHT - 1) == Usage(0, 7, 7)
    assert stores.quotas.usage(APP, MIDNIGHT) == Usage(0, 0, 7)
    reserve(stores, quota_send(3, 5, MIDNIGHT))
    assert stores.quotas.usage(APP, MIDNIGHT) == Usage(5, 5, 12)


def test_a_month_ends_on_the_first_of_the_next_one_and_takes_day_and_hour_with_it(stores: Stores) -> None:
    reserve(stores, quota_send(1, 3, NEXT_MONTH - 1))
    assert stores.quotas.usage(APP, NEXT_MONTH - 1) == Usage(3, 3, 3)
    assert stores.quotas.usage(APP, NEXT_MONTH) == Usage(0, 0, 0)
    limits = Limits(None, None, 4)
    reserve(stores, quota_send(2, 4, NEXT_MONTH), limits)
    assert refused(stores, quota_send(3, 1, MONTH.end(NEXT_MONTH) - 1), limits) is MONTH
    assert stores.quotas.usage(APP, MONTH.end(NEXT_MONTH) - 1) == Usage(0, 0, 4)
    reserve(stores, quota_send(4, 4, MONTH.end(NEXT_MONTH)), limits)


def test_after_months_without_a_send_nothing_is_used(stores: Stores) -> None:
    reserve(stores, quota_send(1, 3), Limits(None, None, 3))
    later = NEXT_MONTH + 200 * A_DAY
    assert stores.quotas.usage(APP, later) == Usage(0, 0, 0)
    reserve(stores, quota_send(2, 3, later), Limits(None, None, 3))
    assert stores.quotas.usage(APP, later) == Usage(3, 3, 3)


@pytest.mark.row("CS-26")
@pytest.mark.parametrize(
    ("limits", "window"),
    [
        (Limits(6, None), HOUR),
        (Limits(None, 6), DAY),
        (Limits(None, None, 6), MONTH),
        (Limits(6, 6), DAY),
        (Limits(6, None, 6), MONTH),
        (Limits(6, 6, 6), MONTH),
    ],
)
def test_a_limit_can_be_used_up_and_not_one_more(stores: Stores, limits: Limits, window: QuotaWindow) -> None:
    reserve(stores, quota_send(1, 4), limits)
    assert refused(stores, quota_send(2, 3), limits) is window
    reserve(stores, quota_send(3, 2), limits)
    assert refused(stores, quota_send(4, 1), limits) is window
    assert stores.quotas.usage(APP, MORNING) == Usage(6, 6, 6)


def test_the_longest_window_that_has_no_room_is_told(stores: Stores) -> None:
    limits = Limits(5, 8, 11)
    reserve(stores, quota_send(1, 5), limits)
    assert refused(stores, quota_send(2, 1), limits) is HOUR
    reserve(stores, quota_send(3, 3, MORNING + AN_HOUR), limits)
    assert refused(stores, quota_send(4, 1, MORNING + AN_HOUR), limits) is DAY
    assert refused(stores, quota_send(5, 3, MORNING + AN_HOUR), limits) is DAY
    assert refused(stores, quota_send(6, 4, MORNING + AN_HOUR), limits) is MONTH
    reserve(stores, quota_send(7, 3, MIDNIGHT), limits)
    assert refused(stores, quota_send(8, 1, MIDNIGHT), limits) is MONTH


@pytest.mark.parametrize(
    ("limits", "window"),
    [
        (Limits(2, 2), DAY),
        (Limits(2, 9), HOUR),
        (Limits(0, None), HOUR),
        (Limits(None, None, 2), MONTH),
        (Limits(2, 2, 0), MONTH),
        (Limits(2, 2, 9), DAY),
    ],
)
def test_what_fits_no_window_is_refused_from_the_start(stores: Stores, limits: Limits, window: QuotaWindow) -> None:
    assert refused(stores, quota_send(1, 3), limits) is window
    reserve(stores, quota_send(2, 1, MORNING + AN_HOUR))
    assert refused(stores, quota_send(3, 3, MORNING + 2 * AN_HOUR), limits) is window


def test_what_fits_no_hour_is_told_of_the_day_when_that_is_used_up_too(stores: Stores) -> None:
    reserve(stores, quota_send(1, 8))
    assert refused(stores, quota_send(2, 3, MORNING + AN_HOUR), Limits(2, 10)) is DAY


def test_a_lowered_limit_refuses_and_takes_nothing_away(stores: Stores) -> None:
    reserve(stores, quota_send(1, 5), Limits(9, 9))
    assert refused(stores, quota_send(2, 1), Limits(2, None)) is HOUR
    assert stores.quotas.usage(APP, MORNING) == Usage(5, 5, 5)


def test_a_used_idempotency_key_is_told_before_the_lack_of_quota(stores: Stores) -> None:
    stores.sends.reserve(quota_send(1, 3), None, IDEMPOTENCY, NOW, Limits(3, 3))
    with pytest.raises(IdempotencyKeyTaken):
        stores.sends.reserve(quota_send(2, 9), None, IDEMPOTENCY, NOW, Limits(3, 3))


def test_reserving_again_after_a_lost_reply_counts_once(stores: Stores) -> None:
    for _ in range(2):
        reserve(stores, quota_send(1, 3), Limits(3, 3))
    assert stores.quotas.usage(APP, MORNING) == Usage(3, 3, 3)


@pytest.mark.row("CS-26")
def test_settling_returns_what_was_not_used(stores: Stores) -> None:
    one = quota_send(1, 9)
    reserve(stores, one)
    counts = Tally(accepted=2, failed=3, gone=2, uncertain=1)
    assert stores.sends.settle(one, counts, Report(), MORNING + 30)
    assert not stores.sends.settle(one, Tally(), Report(), MORNING + 30)
    assert stores.quotas.usage(APP, MORNING) == Usage(4, 4, 4)
    assert used_by(counts, Report()) == 4


def test_settling_returns_what_was_held_for_those_whom_no_push_service_was_asked_for(stores: Stores) -> None:
    """Whoever cancels a campaign gets back what it did not send."""
    one = quota_send(1, 9)
    reserve(stores, one)
    said = {
        Said(NOBODY, Fate.FAILED, "cancelled"): 5,
        Said(NOBODY, Fate.FAILED, "other"): 1,
        Said("fcm", Fate.FAILED, "400"): 1,
    }
    assert stores.sends.settle(one, Tally(accepted=2, failed=7), Report(said), MORNING + 30)
    assert stores.quotas.usage(APP, MORNING) == Usage(3, 3, 3)


def test_settling_with_the_only_chunk_returns_the_same(stores: Stores) -> None:
    one = quota_send(1, 3)
    record, frozen = only_chunk(one)
    stores.sends.reserve(one, (record, frozen), None, NOW, UNLIMITED)
    done = replace(finished(record), version=record.version + 1)
    assert stores.chunks.finish_only(done, one, Tally(accepted=1, failed=2, gone=2), MORNING)
    assert stores.quotas.usage(APP, MORNING) == Usage(1, 1, 1)


def test_a_send_that_used_more_than_it_held_returns_nothing(stores: Stores) -> None:
    one = quota_send(1, 3)
    reserve(stores, one)
    stores.sends.settle(one, Tally(accepted=5), Report(), MORNING)
    assert stores.quotas.usage(APP, MORNING) == Usage(3, 3, 3)


@pytest.mark.parametrize(
    ("later", "left"),
    [(MORNING + AN_HOUR, Usage(4, 4 + 1, 4 + 1)), (MORNING + A_DAY, Usage(4, 4, 4 + 1)), (NEXT_MONTH, Usage(4, 4, 4))],
    ids=["an hour later day and month", "a day later the month alone", "a month later nothing"],
)
def test_only_windows_that_are_still_the_present_ones_get_something_back(
    stores: Stores, later: int, left: Usage
) -> None:
    one = quota_send(1, 3)
    reserve(stores, one)
    reserve(stores, quota_send(2, 4, later))
    stores.sends.settle(one, Tally(accepted=1), Report(), later)
    assert stores.quotas.usage(APP, later) == left


def test_what_is_returned_follows_the_stored_record(stores: Stores) -> None:
    reserve(stores, quota_send(1, 3))
    assert stores.sends.settle(send(1, 99), Tally(accepted=1), Report(), MORNING)
    assert stores.quotas.usage(APP, MORNING) == Usage(1, 1, 1)
    assert stores.credits.balance(APP) == Balance(0, 0, 0)


def test_a_clock_that_lags_counts_in_the_windows_that_others_have_begun(stores: Stores) -> None:
    limits = Limits(5, 9)
    reserve(stores, quota_send(1, 3, MORNING + AN_HOUR), limits)
    late = quota_send(2, 2, MORNING + AN_HOUR - 1)
    reserve(stores, late, limits)
    assert stores.quotas.usage(APP, MORNING + AN_HOUR) == stores.quotas.usage(APP, MORNING) == Usage(5, 5, 5)
    assert refused(stores, quota_send(3, 1, MORNING + AN_HOUR - 1), limits) is HOUR
    # Its own hour is over: there is nothing to return to, but day and month are the same.
    stores.sends.settle(late, Tally(), Report(), MORNING + AN_HOUR)
    assert stores.quotas.usage(APP, MORNING + AN_HOUR) == Usage(5, 3, 3)


def test_a_clock_that_lags_behind_the_end_of_the_month_counts_in_the_new_one(stores: Stores) -> None:
    limits = Limits(None, None, 5)
    reserve(stores, quota_send(1, 3, NEXT_MONTH), limits)
    late = quota_send(2, 2, NEXT_MONTH - 1)
    reserve(stores, late, limits)
    assert stores.quotas.usage(APP, NEXT_MONTH - 1) == Usage(5, 5, 5)
    assert refused(stores, quota_send(3, 1, NEXT_MONTH - 1), limits) is MONTH
    stores.sends.settle(late, Tally(), Report(), NEXT_MONTH)
    assert stores.quotas.usage(APP, NEXT_MONTH) == Usage(5, 5, 5)


def test_a_send_to_nobody_holds_nothing_and_settles(stores: Stores) -> None:
    one = replace(quota_send(1, 0), chunks=0)
    reserve(stores, one, Limits(0, 0, 0))
    assert stores.sends.settle(one, Tally(), Report(), MORNING)
    found = stores.sends.get(APP, one.id)
    assert found is not None
    assert found.settled_at == MORNING
    assert stores.quotas.usage(APP, MORNING) == Usage(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: int


@dataclass(frozen=True, slots=True)
class Reserve:
    count: int


@dataclass(frozen=True, slots=True)
class Settle:
    which: int
    accepted: int
    gone: int


STEPS = st.one_of(
    st.builds(Wait, st.sampled_from([1, 1800, 3600, 50_000, 600_000])),
    st.builds(Reserve, st.integers(0, 6)),
    st.builds(Settle, st.integers(0, 20), st.integers(0, 6), st.integers(0, 3)),
)
LIMITS = st.builds(
    Limits, st.none() | st.integers(0, 12), st.none() | st.integers(0, 20), st.none() | st.integers(0, 30)
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=40), limits=LIMITS)
def test_used_is_what_settled_sends_used_and_open_ones_hold(steps: Iterable[object], limits: Limits) -> None:
    stores, now = memory_stores(), MORNING
    held: dict[SendId, tuple[Send, int]] = {}
    unsettled: list[Send] = []

    def used(window: QuotaWindow) -> int:
        return sum(part for one, part in held.values() if window.start(one.created_at) == window.start(now))

    for step in steps:
        match step:
            case Wait(seconds):
                now += seconds
            case Reserve(count):
                one = quota_send(len(held), count, now)
                over = {
                    window: limit is not None and used(window) + count > limit
                    for window, limit in ((MONTH, limits.monthly), (DAY, limits.daily), (HOUR, limits.hourly))
                }
                assert reserved(stores, one, limits) is next((window for window in over if over[window]), None)
                if not any(over.values()):
                    held[one.id] = one, count
                    unsettled.append(one)
            case Settle(which, accepted, gone) if unsettled:
                one = unsettled.pop(which % len(unsettled))
                reached = min(accepted, one.reserved)
                counts = Tally(accepted=reached, failed=one.reserved - reached, gone=min(gone, one.reserved - reached))
                assert stores.sends.settle(one, counts, Report(), now)
                held[one.id] = one, used_by(counts, Report())
        assert stores.quotas.usage(APP, now) == Usage(used(HOUR), used(DAY), used(MONTH))
        assert limits.hourly is None or used(HOUR) <= limits.hourly
        assert limits.daily is None or used(DAY) <= limits.daily
        assert limits.monthly is None or used(MONTH) <= limits.monthly
