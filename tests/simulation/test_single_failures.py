"""Every failure that one small send can meet, one at a time, at every call that leaves the process."""

import pytest

from tests.simulation.histories import (
    IN_THE_REQUEST,
    IN_THE_REQUEST_WITH_TROUBLE,
    THROUGH_THE_QUEUE,
    THROUGH_THE_QUEUE_WITH_TROUBLE,
    Scenario,
    each_failure,
    live,
)
from tests.simulation.world import At, Failure, Violation


@pytest.mark.row("PS-10", "PS-11", "PS-32")
@pytest.mark.parametrize(
    ("scenario", "at_least"),
    [
        (IN_THE_REQUEST, 50),
        (IN_THE_REQUEST_WITH_TROUBLE, 100),
        (THROUGH_THE_QUEUE, 200),
        (THROUGH_THE_QUEUE_WITH_TROUBLE, 200),
    ],
)
def test_any_single_failure_keeps_every_promise(scenario: Scenario, at_least: int) -> None:
    failures = each_failure(scenario)
    for failure in failures:
        try:
            live(scenario, failure)
        except Violation as violation:
            pytest.fail(f"{scenario} with {failure}: {violation}")
    assert len(failures) >= at_least


@pytest.mark.parametrize("scenario", [IN_THE_REQUEST, THROUGH_THE_QUEUE])
def test_without_failures_every_acceptance_is_charged_and_nobody_is_in_doubt(scenario: Scenario) -> None:
    world = live(scenario, lambda number: None)
    (stored,) = world.storage.sends.values()
    assert stored.send.counts.accepted == world.services.accepted.total() == scenario.browsers
    assert stored.send.counts.doubted == 0


def test_a_worker_that_dies_after_an_acceptance_leaves_a_doubt_and_no_charge() -> None:
    """The simulation reaches what it is for: accepted, unheard, sent again, counted once at most."""
    duplicates = [live(IN_THE_REQUEST, failure).services.accepted for failure in each_failure(IN_THE_REQUEST)]
    assert any(max(accepted.values(), default=0) == 2 for accepted in duplicates)


def test_a_failure_can_be_replayed() -> None:
    failure = At(9, Failure.CRASH_AFTER)
    assert live(THROUGH_THE_QUEUE, failure).trace == live(THROUGH_THE_QUEUE, failure).trace
