"""The simulation must notice what it is there to notice: each of these bugs breaks a promise within a few histories."""

from collections.abc import Iterable
from inspect import getmembers, isfunction

import pytest

from tests.simulation import bugs
from tests.simulation.bugs import Bug
from tests.simulation.histories import live_at_random
from tests.simulation.promises import Violation

SEEDS = range(6_000)
"""Fewer than each commit lives through."""
BUGS = [bug for name, bug in getmembers(bugs, isfunction) if bug.__module__ == bugs.__name__ and name[0] != "_"]
RARE: dict[Bug, int] = {
    bugs.resumes_a_plan_but_not_its_chunks: 2489,
    bugs.believes_an_old_pause: 1076,
    bugs.never_looks_at_a_pause: 693,
    bugs.believes_stale_recipients: 427,
}
"""Histories that showed these when they were written down here: lived through first, they save two minutes."""


def live_through(seeds: Iterable[int]) -> None:
    for seed in seeds:
        live_at_random(seed)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_the_simulation_notices(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with pytest.raises(Violation):
        live_through((RARE.get(bug, 0), *SEEDS))
