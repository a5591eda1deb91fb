"""Campaigns and flows on a virtual clock: no notification twice, none lost, and the counts add up."""

import pytest

from tests.simulation.lives.histories import live_many
from tests.simulation.lives.stories import (
    STORIES,
    Story,
    clicks,
    counting,
    each_failure,
    each_intrusion,
    held,
    live,
    reading,
    resting,
    welcome,
)
from tocsin.domain.send import Origin

HISTORIES = 300
"""For each commit; `python -m tests.simulation.lives` is for the night."""


def test_random_histories_of_campaigns_and_flows_keep_every_promise() -> None:
    live_many(HISTORIES)


@pytest.mark.parametrize("story", [one for one in STORIES if one is not clicks], ids=lambda story: story.__name__)
def test_any_single_failure_keeps_every_promise(story: Story) -> None:
    """Crashes before and after the effect, lost questions and lost answers, at every port call."""
    failures = list(each_failure(story))
    for failure in failures:
        try:
            live(story, failure)
        except Exception as error:
            error.add_note(f"{story.__name__} with {failure}")
            raise
    assert len(failures) > 100


@pytest.mark.parametrize(
    ("story", "what"),
    [
        (resting, "send"),
        (resting, "pause"),
        (resting, "cancel"),
        (resting, "delete"),
        (counting, "send"),
        (counting, "pause"),
        (counting, "somebody leaves"),
        (reading, "another message"),
        (held, "activate the flow"),
        (held, "the same message again"),
        (held, "the sweep"),
        (welcome, "change the flow's steps"),
        (welcome, "delete the flow"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_whatever_others_do_in_the_middle_of_any_call_every_promise_is_kept(story: Story, what: str) -> None:
    for intrusion in each_intrusion(story, what):
        try:
            live(story, intrusion)
        except Exception as error:
            error.add_note(f"{story.__name__} with {intrusion}")
            raise


def test_without_trouble_the_stories_reach_what_they_are_for() -> None:
    """Campaigns and flows have both sent something, and readers have clicked on it."""
    world = live(clicks)
    origins = {stored.send.origin for stored in world.home.storage.sends.values()}
    assert origins == {Origin.CAMPAIGN, Origin.FLOW}
    assert sum(block.version for block in world.home.storage.seen.values()) > 1
