"""Histories with many failures, workers that overlap, pauses, repeated messages, and people who come and go."""

import pytest

from tests.simulation.histories import live_at_random
from tests.simulation.world import Violation

SEEDS = range(400)


@pytest.mark.row("PS-10", "PS-32")
def test_random_histories_keep_every_promise() -> None:
    failed = 0
    for seed in SEEDS:
        try:
            failed += live_at_random(seed).failed
        except Violation as violation:
            pytest.fail(f"seed {seed}: {violation}")
    assert failed > len(SEEDS)


def test_a_seed_is_one_history() -> None:
    assert live_at_random(19).trace == live_at_random(19).trace
