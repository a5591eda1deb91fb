"""The rules of a chunk: who is tried, what a takeover doubts, how it ends."""

from dataclasses import replace

import pytest

from tests.memory.system import START
from tocsin.domain.chunk import (
    LEASE_SECONDS,
    POST_SECONDS,
    WINDOW,
    Chunk,
    ChunkState,
    Repeat,
    Result,
    Wait,
    claimed,
    finished,
    opened,
    untried,
)
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.report import Fate, Report, Said
from tocsin.domain.send import Tally, tally

NOW = int(START)
P, A, F, U = Result.PENDING, Result.ACCEPTED, Result.FAILED, Result.UNCERTAIN

WAIT = Wait("fcm", 2, NOW + 9, "status 429")
REPORT = Report({Said("fcm", Fate.GONE, "NotRegistered"): 1, Said("fcm", Fate.RETRIED, "status 429"): 7}, 9, 2, 5)


def chunk(*results: Result, in_flight: tuple[int, ...] = (), doubted: frozenset[int] = frozenset()) -> Chunk:
    new = opened(AppId("a0" * 12), SendId("b0" * 12), 0, len(results), "00" * 32)
    return replace(new, results=results, in_flight=in_flight, doubted=doubted)


def test_a_new_chunk_waits_for_everyone_and_is_nobodys() -> None:
    new = chunk(P, P)
    assert (new.epoch, new.version, new.lease_until, new.waits, new.report) == (0, 0, 0, (), Report())
    assert new.count_open() == 2


def test_a_claim_is_a_new_epoch_version_and_lease() -> None:
    taken = claimed(chunk(P, P), NOW, Repeat.RESEND)
    assert (taken.epoch, taken.version) == (1, 1)
    assert taken.lease_until == NOW + LEASE_SECONDS
    assert taken.in_flight == (0, 1)
    assert not taken.doubted


def test_a_lease_outlives_the_longest_post() -> None:
    assert LEASE_SECONDS > 2 * POST_SECONDS


def test_whatever_a_lost_worker_had_in_flight_is_in_doubt() -> None:
    taken = claimed(chunk(P, P, P, in_flight=(0, 2)), NOW, Repeat.SKIP)
    assert taken.results == (U, P, U)
    assert taken.doubted == {0, 2}


def test_a_result_that_was_saved_stays_but_its_repeat_is_in_doubt() -> None:
    taken = claimed(chunk(A, F, U, in_flight=(0, 1, 2)), NOW, Repeat.SKIP)
    assert taken.results == (A, F, U)
    assert taken.doubted == {0, 1, 2}


def test_a_doubt_is_never_taken_back() -> None:
    taken = claimed(chunk(A, P, doubted=frozenset({0})), NOW, Repeat.RESEND)
    assert taken.doubted == {0}


@pytest.mark.parametrize(("repeat", "tried"), [(Repeat.RESEND, (1, 3)), (Repeat.SKIP, (1,))])
def test_the_uncertain_are_tried_again_only_under_resend(repeat: Repeat, tried: tuple[int, ...]) -> None:
    assert claimed(chunk(A, P, F, U), NOW, repeat).in_flight == tried


def test_no_more_than_a_window_is_in_flight() -> None:
    taken = claimed(chunk(*[P] * (WINDOW + 50)), NOW, Repeat.RESEND)
    assert taken.in_flight == tuple(range(WINDOW))


def test_a_claim_keeps_the_waits_and_the_report() -> None:
    known = replace(chunk(P, P), waits=(WAIT,), put_off=frozenset({1}), report=REPORT)
    taken = claimed(known, NOW, Repeat.RESEND)
    assert (taken.waits, taken.put_off, taken.report) == (known.waits, known.put_off, known.report)


def test_whoever_has_to_wait_longer_is_not_in_the_first_window_and_another_is() -> None:
    skipped = range(50, 90)
    taken = claimed(chunk(*[P] * (WINDOW + 50)), NOW, Repeat.RESEND, skipped)
    assert taken.in_flight == (*range(50), *range(90, WINDOW + 40))
    assert claimed(chunk(P, P), NOW, Repeat.RESEND, range(2)).in_flight == ()


def test_who_is_skipped_but_was_in_flight_is_in_doubt_all_the_same() -> None:
    taken = claimed(chunk(P, P, in_flight=(0,)), NOW, Repeat.RESEND, range(1))
    assert (taken.results, taken.in_flight) == ((U, P), (1,))
    assert taken.doubted == {0}


@pytest.mark.parametrize(("repeat", "tried"), [(Repeat.RESEND, [0, 3]), (Repeat.SKIP, [0])])
def test_the_untried_are_named_in_order(repeat: Repeat, tried: list[int]) -> None:
    assert list(untried([P, A, F, U], repeat)) == tried
    assert list(untried([A, F], repeat)) == []


def test_at_its_end_a_chunk_leaves_nobody_waiting_and_the_uncertain_uncertain() -> None:
    done = finished(replace(chunk(P, A, U, F, in_flight=(0,)), waits=(WAIT,), report=REPORT))
    assert done.results == (F, A, U, F)
    assert (done.state, done.in_flight, done.lease_until, done.waits) == (ChunkState.DONE, (), 0, ())
    assert done.report == REPORT
    assert done.count_open() == 0


def test_counts_add_up_to_the_recipients() -> None:
    counts = tally(replace(chunk(P, A, U, F, F, doubted=frozenset({1, 2})), report=REPORT))
    assert counts == Tally(accepted=1, failed=2, gone=1, uncertain=1, pending=1, doubted=2)
    assert counts + counts == Tally(2, 4, 2, 2, 2, 4)
