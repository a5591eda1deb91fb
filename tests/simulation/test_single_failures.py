"""Every failure that one small send can meet, one at a time, at every call that leaves the process."""

import pytest

from tests.simulation.failures import At, Failure
from tests.simulation.histories import (
    CANCELLED,
    IN_THE_REQUEST,
    IN_THE_REQUEST_WITH_TROUBLE,
    IN_TWO_PARTS,
    LEFT_IN_THE_QUEUE,
    LEFT_IN_THE_REQUEST,
    PAUSED_AND_RESUMED,
    THROUGH_THE_QUEUE,
    THROUGH_THE_QUEUE_WITH_TROUBLE,
    TRACED_IN_THE_REQUEST,
    TRACED_THROUGH_THE_QUEUE,
    Scenario,
    each_failure,
    each_pause,
    live,
)
from tests.simulation.promises import Violation
from tocsin.application.jobs import ChunkReceipts
from tocsin.domain.send import Course


@pytest.mark.row("PS-10", "PS-11", "PS-32")
@pytest.mark.parametrize(
    ("scenario", "at_least"),
    [
        pytest.param(IN_THE_REQUEST, 80, id="in the request"),
        pytest.param(IN_THE_REQUEST_WITH_TROUBLE, 150, id="in the request, with trouble"),
        pytest.param(THROUGH_THE_QUEUE, 250, id="through the queue"),
        pytest.param(THROUGH_THE_QUEUE_WITH_TROUBLE, 300, id="through the queue, with trouble"),
        pytest.param(IN_TWO_PARTS, 300, id="in parts"),
        pytest.param(PAUSED_AND_RESUMED, 300, id="paused and resumed"),
        pytest.param(CANCELLED, 200, id="cancelled"),
    ],
)
def test_any_single_failure_keeps_every_promise(scenario: Scenario, at_least: int) -> None:
    """Crashes before and after the effect, lost questions, lost answers and repeats, while each message comes twice."""
    failures = each_failure(scenario)
    for failure in failures:
        try:
            live(scenario, failure)
        except Violation as violation:
            violation.add_note(f"{scenario} with {failure}")
            raise
    assert len(failures) >= at_least


@pytest.mark.parametrize("scenario", [TRACED_IN_THE_REQUEST, TRACED_THROUGH_THE_QUEUE])
def test_whatever_fails_the_app_is_told_what_became_of_each_chunk_and_every_promise_is_kept(scenario: Scenario) -> None:
    for failure in each_failure(scenario):
        world = live(scenario, failure)
        chunks = {ChunkReceipts(*name) for name in world.storage.chunks}
        assert chunks <= set(world.events.jobs), failure


@pytest.mark.parametrize("scenario", [LEFT_IN_THE_REQUEST, LEFT_IN_THE_QUEUE])
def test_nobody_is_sent_to_long_after_unsubscribing_wherever_a_process_is_suspended(scenario: Scenario) -> None:
    for pause in each_pause(scenario):
        live(scenario, pause)


@pytest.mark.parametrize("scenario", [IN_THE_REQUEST, THROUGH_THE_QUEUE, IN_TWO_PARTS, PAUSED_AND_RESUMED])
def test_without_failures_every_acceptance_is_charged_and_nobody_is_in_doubt(scenario: Scenario) -> None:
    world = live(scenario, lambda number: None)
    (stored,) = world.storage.sends.values()
    assert stored.send.counts.accepted == world.promises.accepted.total() == scenario.browsers
    assert stored.send.counts.doubted == 0


def test_a_cancelled_send_charges_whom_it_reached() -> None:
    world = live(CANCELLED, lambda number: None)
    (stored,) = world.storage.sends.values()
    assert stored.send.course is Course.CANCELLED
    assert 0 < stored.send.counts.accepted == world.promises.accepted.total() < CANCELLED.browsers


def test_a_worker_that_dies_after_an_acceptance_leaves_a_doubt_and_no_charge() -> None:
    """The simulation reaches what it is for: accepted, unheard, sent again, counted once at most."""
    duplicates = [live(IN_THE_REQUEST, failure).promises.accepted for failure in each_failure(IN_THE_REQUEST)]
    assert any(max(accepted.values(), default=0) == 2 for accepted in duplicates)


def test_a_failure_can_be_replayed() -> None:
    failure = At(9, Failure.CRASH_AFTER)
    assert live(THROUGH_THE_QUEUE, failure).trace == live(THROUGH_THE_QUEUE, failure).trace
