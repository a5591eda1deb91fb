"""Histories with many failures, workers that overlap, pauses, repeated messages, and people who come and go."""

import pytest

from tests.simulation.histories import live_at_random
from tests.simulation.many import run_many

HISTORIES, SECONDS = 20_000, 60
"""For each commit, whichever is first; `make simulate SEEDS=1000000` is for the night."""


@pytest.mark.row("PS-10", "PS-32")
def test_random_histories_keep_every_promise() -> None:
    run = run_many(range(HISTORIES), seconds=SECONDS)
    assert not run.violations, "\n\n".join(run.violations)
    assert run.failures > run.histories


def test_a_seed_is_one_history() -> None:
    for seed in range(40):
        assert live_at_random(seed).trace == live_at_random(seed).trace
