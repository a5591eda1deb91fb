"""Many random histories, on every core; and what is said of them."""

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from tests.simulation.histories import live_at_random

BATCH = 200


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the histories of some seeds. violations: the first few, each told whole."""

    histories: int = 0
    calls: int = 0
    failures: int = 0
    violations: tuple[str, ...] = ()

    def __add__(self, other: "Run") -> "Run":
        return Run(
            self.histories + other.histories,
            self.calls + other.calls,
            self.failures + other.failures,
            (*self.violations, *other.violations),
        )

    def __str__(self) -> str:
        return (
            f"{self.histories:,} histories, {len(self.violations):,} violations, "
            f"{self.calls:,} port calls, {self.failures:,} failures among them"
        )


def run_batch(seeds: range) -> Run:
    """Live through these histories."""
    run = Run()
    for seed in seeds:
        try:
            world = live_at_random(seed)
        except Exception as error:  # noqa: BLE001 - whatever a history ends with is what was looked for
            told = "".join(traceback.format_exception(error))
            run += Run(1, violations=(f"seed {seed}\n{told}replay: make simulate SEEDS=1 FROM={seed}",))
        else:
            run += Run(1, world.calls, world.failed)
    return run


def run_many(seeds: range, *, seconds: float | None = None, tell: Callable[[Run], None] = lambda run: None) -> Run:
    """Live through these histories, in order, until one violates a promise or the seconds are over.

    tell: called with the result so far, batch by batch.
    """
    until = None if seconds is None else time.monotonic() + seconds
    batches: Iterator[range] = (seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH))
    run, cores = Run(), os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(cores, -(-len(seeds) // BATCH)), context) as pool:
        waiting: set[Future[Run]] = {pool.submit(run_batch, batch) for batch in islice(batches, 2 * cores)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                run += future.result()
                tell(run)
            if run.violations or (until is not None and time.monotonic() > until):
                for future in waiting:
                    future.cancel()
                waiting = {future for future in waiting if not future.cancelled()}
            else:
                waiting |= {pool.submit(run_batch, batch) for batch in islice(batches, len(done))}
    return run
