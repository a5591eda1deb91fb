"""The simulation must notice what it is there to notice: each of these bugs breaks a promise in a few histories."""

from collections.abc import Iterable
from inspect import getmembers, isfunction

import pytest

from tests.simulation.lives import bugs
from tests.simulation.lives.bugs import Bug
from tests.simulation.lives.histories import live_many
from tests.simulation.lives.stories import (
    STORIES,
    Story,
    coming,
    counting,
    each_failure,
    each_intrusion,
    held,
    live,
    reading,
    resting,
    welcome,
)
from tests.simulation.lives.troubles import Trouble
from tests.simulation.promises import Violation

BUGS = {name: bug for name, bug in getmembers(bugs, isfunction) if bug.__module__ == bugs.__name__ and name[0] != "_"}
SHOWN: dict[Bug, tuple[Story, str | None]] = {
    bugs.never_looks_for_a_lost_message: (welcome, None),
    bugs.tells_flows_nothing_of_who_is_subscribed_already: (coming, None),
    bugs.gives_a_step_up_that_meets_a_silent_store: (coming, None),
    bugs.notes_what_is_known_before_it_begins_runs: (reading, None),
    bugs.changes_a_campaign_whoever_was_faster: (counting, "send"),
    bugs.sends_a_campaign_that_has_changed_since_it_was_read: (resting, "pause"),
    bugs.does_not_look_again_once_a_run_is_held: (held, "activate the flow"),
    bugs.stores_a_run_whoever_was_faster: (held, "delete the flow"),
    bugs.stores_figures_whoever_was_faster: (reading, "another message"),
}
"""What shows these: something fails in a story, or somebody else does this in the middle of it. All others show so."""
DRAWN = (bugs.goes_on_before_the_send_is_reserved, bugs.begins_runs_without_a_rest, bugs.counts_what_is_reported_twice)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_the_told_histories_notice(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    histories: list[tuple[Story, tuple[Trouble, ...]]] = [(story, ()) for story in STORIES]
    if bug in SHOWN:
        story, what = SHOWN[bug]
        troubles = each_failure(story) if what is None else each_intrusion(story, what)
        histories = [(story, (trouble,)) for trouble in troubles]
    bug(monkeypatch)
    with pytest.raises(Violation):
        live_all(histories)


def live_all(histories: Iterable[tuple[Story, tuple[Trouble, ...]]]) -> None:
    for story, troubles in histories:
        live(story, *troubles)


@pytest.mark.parametrize("bug", DRAWN, ids=lambda bug: bug.__name__)
def test_the_drawn_histories_notice(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with pytest.raises(Violation):
        live_many(300, explain=False)
