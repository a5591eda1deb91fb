"""`make simulate`: random histories for a night, or one of them again."""

import argparse
import sys
import time

from tests.simulation.many import Run, run_many

EVERY_SECONDS = 30


class Progress:
    """A line now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told_at = self._began = time.monotonic()

    def tell(self, run: Run) -> None:
        """How far it is, if it is time to say so."""
        now = time.monotonic()
        if now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            left = (now - self._began) / run.histories * (self._total - run.histories)
            sys.stdout.write(f"{run}; about {left / 60:.0f} min left\n")
            sys.stdout.flush()


def main() -> int:
    """Exit status 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many histories (SEEDS)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (FROM)")
    chosen = parser.parse_args()
    if chosen.seeds < 1 or chosen.first < 0:
        parser.error("SEEDS is 1 or more, FROM is 0 or more")
    began = time.monotonic()
    run = run_many(range(chosen.first, chosen.first + chosen.seeds), tell=Progress(chosen.seeds).tell)
    for told in run.violations:
        sys.stdout.write(f"\n{told}\n")
    sys.stdout.write(f"{run}, seeds from {chosen.first}, {time.monotonic() - began:.0f} s\n")
    return 1 if run.violations else 0


if __name__ == "__main__":
    sys.exit(main())
