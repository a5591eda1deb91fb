"""How fast each push service takes messages: places grow with acceptances, shrink with trouble, and refusals stop."""

import pytest

from tocsin.application.pacing import (
    FIRST_CIRCUIT,
    FIRST_PLACES,
    LONGEST_CIRCUIT,
    LONGEST_PAUSE,
    MOST_PLACES,
    REFUSALS,
    TROUBLES,
    Pacing,
)
from tocsin.webpush.outcome import Outcome

FCM, APPLE = "https://fcm.googleapis.com", "https://web.push.apple.com"
KEY, OTHER_KEY = "key-1", "key-2"
NOW = 1_000.0


def answer(
    pacing: Pacing,
    outcome: Outcome | None,
    *,
    origin: str = FCM,
    key: str = KEY,
    now: float = NOW,
    retry_after: int | None = None,
    times: int = 1,
) -> bool:
    """So many POSTs that all ended like this; whether one of them opened the key's circuit."""
    opened = False
    for _ in range(times):
        pacing.begun(origin)
        opened |= pacing.ended(origin, key, outcome, "reason", retry_after, now)
    return opened


def held(pacing: Pacing, origin: str = FCM, key: str = KEY, now: float = NOW) -> float:
    """For how many seconds nothing may be sent there."""
    hold = pacing.hold(origin, key, now)
    return 0 if hold is None else hold.until - now


def test_each_acceptance_adds_a_place_up_to_a_bound() -> None:
    pacing = Pacing()
    assert pacing.room(FCM) == FIRST_PLACES
    answer(pacing, Outcome.ACCEPTED, times=3)
    assert pacing.room(FCM) == FIRST_PLACES + 3
    answer(pacing, Outcome.ACCEPTED, times=1_000)
    assert pacing.room(FCM) == MOST_PLACES


def test_what_is_in_flight_takes_its_place_until_it_ends_or_is_given_up() -> None:
    pacing = Pacing()
    for _ in range(FIRST_PLACES):
        pacing.begun(FCM)
    assert pacing.room(FCM) == 0
    pacing.abandoned(FCM)
    assert pacing.room(FCM) == 1
    assert pacing.room(APPLE) == FIRST_PLACES


@pytest.mark.parametrize("trouble", [Outcome.THROTTLED, Outcome.UNAVAILABLE, None])
def test_trouble_halves_the_places_once_a_second(trouble: Outcome | None) -> None:
    pacing = Pacing()
    answer(pacing, trouble, times=3)
    assert pacing.room(FCM) == FIRST_PLACES // 2
    answer(pacing, trouble, now=NOW + 1)
    assert pacing.room(FCM) == FIRST_PLACES // 4


def test_at_least_one_place_stays_or_nothing_would_ever_get_better() -> None:
    pacing = Pacing()
    for second in range(20):
        answer(pacing, Outcome.THROTTLED, now=NOW + 100 * second)
    assert pacing.room(FCM) == 1


def test_one_in_trouble_among_many_that_are_well_holds_up_nobody() -> None:
    """Apple answers 429 for one device that got too much; the others are none of its business."""
    pacing = Pacing()
    for _ in range(100):
        answer(pacing, Outcome.THROTTLED, retry_after=60)
        answer(pacing, Outcome.ACCEPTED)
    assert held(pacing) == 0


def test_an_origin_that_only_fails_is_left_alone_for_longer_each_time() -> None:
    pacing, now = Pacing(), NOW
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES - 1)
    assert held(pacing) == 0
    pauses = []
    answer(pacing, Outcome.UNAVAILABLE)
    for _ in range(8):
        pauses.append(held(pacing, now=now))
        now += pauses[-1]
        assert held(pacing, now=now) == 0
        answer(pacing, Outcome.UNAVAILABLE, now=now)
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]


def test_it_is_left_alone_as_long_as_it_asked_for_within_a_minute() -> None:
    """Five devices that are throttled for an hour must not keep all others waiting for it, of whatever tenant."""
    for asked, held_for in ((7, 7), (3600, LONGEST_PAUSE)):
        pacing = Pacing()
        answer(pacing, Outcome.THROTTLED, retry_after=asked, times=TROUBLES)
        assert held(pacing) == held_for


@pytest.mark.parametrize("good", [Outcome.ACCEPTED, Outcome.GONE, Outcome.REJECTED])
def test_whatever_is_answered_without_trouble_adds_a_place(good: Outcome) -> None:
    pacing = Pacing()
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES)
    answer(pacing, good, now=NOW + 2, times=9)
    assert pacing.room(FCM) == 10


def test_late_answers_from_before_a_pause_do_not_make_it_longer() -> None:
    pacing = Pacing()
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES)
    answer(pacing, Outcome.UNAVAILABLE, times=100)
    assert held(pacing) == 1


def test_one_good_answer_ends_it() -> None:
    pacing = Pacing()
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES)
    answer(pacing, Outcome.GONE)
    assert held(pacing) == 0


def test_another_origin_is_not_held() -> None:
    pacing = Pacing()
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES)
    assert held(pacing, APPLE) == 0


def test_a_key_that_is_only_refused_opens_its_circuit_and_no_other() -> None:
    pacing = Pacing()
    assert not answer(pacing, Outcome.FORBIDDEN, times=REFUSALS - 1)
    assert answer(pacing, Outcome.FORBIDDEN)
    assert held(pacing) == FIRST_CIRCUIT
    assert held(pacing, key=OTHER_KEY) == 0
    assert held(pacing, APPLE) == 0


def test_a_few_browsers_under_another_key_do_not_open_the_circuit_of_those_that_are_well() -> None:
    pacing = Pacing()
    for _ in range(20):
        assert not answer(pacing, Outcome.FORBIDDEN)
        answer(pacing, Outcome.ACCEPTED)
    assert held(pacing) == 0


def test_a_circuit_that_is_refused_again_stays_open_longer_and_an_acceptance_closes_it() -> None:
    pacing, now = Pacing(), NOW
    answer(pacing, Outcome.FORBIDDEN, times=REFUSALS)
    for _ in range(10):
        now += held(pacing, now=now)
        assert answer(pacing, Outcome.FORBIDDEN, now=now)
    assert held(pacing, now=now) == LONGEST_CIRCUIT
    now += LONGEST_CIRCUIT
    answer(pacing, Outcome.ACCEPTED, now=now)
    assert not answer(pacing, Outcome.FORBIDDEN, now=now)
    assert held(pacing, now=now) == 0


def test_after_a_pause_an_origin_is_tried_with_one() -> None:
    pacing = Pacing()
    answer(pacing, Outcome.UNAVAILABLE, times=TROUBLES)
    assert pacing.room(FCM) == 1
    answer(pacing, Outcome.ACCEPTED, now=NOW + 2, times=9)
    assert pacing.room(FCM) == 10


def test_a_key_on_probation_is_tried_with_one_until_something_is_accepted() -> None:
    pacing = Pacing()
    answer(pacing, Outcome.FORBIDDEN, times=REFUSALS)
    after = pacing.admission(NOW + FIRST_CIRCUIT)
    assert after.hold(FCM, KEY) is None
    assert [after.takes(FCM, KEY) for _ in range(3)] == [True, False, False]
    assert after.takes(FCM, OTHER_KEY)
    answer(pacing, Outcome.ACCEPTED, now=NOW + FIRST_CIRCUIT)
    better = pacing.admission(NOW + FIRST_CIRCUIT)
    assert better.hold(FCM, KEY) is None
    assert [better.takes(FCM, KEY) for _ in range(3)] == [True, True, True]


def test_an_admission_gives_each_place_once() -> None:
    admission = Pacing().admission(NOW)
    assert [admission.takes(FCM, KEY) for _ in range(FIRST_PLACES + 2)] == [True] * FIRST_PLACES + [False] * 2
    assert admission.takes(APPLE, KEY)
