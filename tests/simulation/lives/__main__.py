"""`python -m tests.simulation.lives`: random lives for a night, others each time; the shortest bad one is shown."""

import argparse
import sys
import time

from tests.simulation.lives.histories import live_many


def main() -> int:
    """Raises what a history ends with that broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.lives", description=__doc__)
    parser.add_argument("--histories", type=int, default=5_000)
    histories, began = parser.parse_args().histories, time.monotonic()
    live_many(histories, again=False)
    sys.stdout.write(f"{histories:,} histories, {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
