"""The sweep of runs: each minute, those whose next step comes due until the next one go into the queue."""

from tocsin.application.ports import Clock, DueRun, RunJobs, Runs, SideBySide
from tocsin.application.run_jobs import ContinueRun
from tocsin.application.running import AGAIN_AFTER

SECONDS = 30
"""How long one sweep may take; the next one goes on."""
AHEAD = 70
"""Seconds: until the next sweep, and some more, as that may begin late."""
MOST, BATCH = 20_000, 1_000


class Continuing:
    """Queues each run for the second that it is due; doing so twice changes nothing."""

    def __init__(self, runs: Runs, jobs: RunJobs, side_by_side: SideBySide, clock: Clock) -> None:
        self._runs = runs
        self._jobs = jobs
        self._side_by_side = side_by_side
        self._clock = clock

    def sweep(self) -> int:
        """How many there were."""
        began = int(self._clock.now())
        due, seen = list(self._runs.due(began + AHEAD, MOST)), 0
        while seen < len(due) and self._clock.now() < began + SECONDS:
            batch = due[seen : seen + BATCH]
            now = int(self._clock.now())
            self._jobs.queue([(_job(run), max(0, run.look_at - now)) for run in batch])
            # Afterwards: who dies before it queues them once more, and who is slow is found changed.
            self._side_by_side(lambda run: self._runs.postpone(run, began + AHEAD + AGAIN_AFTER), batch)
            seen += len(batch)
        return seen


def _job(run: DueRun) -> ContinueRun:
    return ContinueRun(run.app, run.flow, run.subscription)
