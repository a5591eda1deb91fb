"""Run Tocsin on this machine: `python -m dev`, or `make dev`."""

import argparse
import fcntl
import shutil
import signal
import sys
import threading
from pathlib import Path

from dev.simulators.forwarding import forward
from dev.stack import Stack, StackFailure
from dev.stack.build import AWS_BUILD, build, stage_target

STATE = Path(__file__).resolve().parents[1] / ".tocsin"
PORT = 8787


def main() -> int:
    """Run the command; 1 with one sentence on stderr when it cannot."""
    options = argparse.ArgumentParser(prog="python -m dev", description=__doc__)
    commands = options.add_subparsers(dest="command")
    options.add_argument("--port", type=int, default=PORT, help=f"port of the API and the demo page ({PORT})")
    commands.add_parser("reset", help="forget all data")
    building = commands.add_parser("build", help="build for AWS")
    building.add_argument("--stage", default="default", help="section of samconfig.toml (default)")
    chosen = options.parse_args()
    try:
        match chosen.command:
            case "reset":
                return reset(STATE)
            case "build":
                return build_for_aws(chosen.stage)
            case _:
                return run(STATE, chosen.port)
    except StackFailure as failure:
        print(failure, file=sys.stderr)
        return 1


def run(state_dir: Path, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM, then save the data."""
    enough = threading.Event()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stack(state_dir, port, say=lambda line: print(f"  {line} ...", flush=True), forward=forward) as stack:
            print(stack.page, flush=True)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: enough.set())
            enough.wait()
            # From here on a second Ctrl-C must not lose what the first one saves.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            print("\n  Saving the data ...", flush=True)
    except KeyboardInterrupt:
        print("\n  Stopped before it was ready.")
        return 130
    print("  Saved: `make dev` goes on from here, `make reset` begins anew.")
    return 0


def reset(state_dir: Path) -> int:
    """Forget every tenant, key and message."""
    lock = state_dir / "lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StackFailure("`make dev` is running: stop it first.") from None
    shutil.rmtree(state_dir, ignore_errors=True)
    print("Forgotten: the next `make dev` begins anew.")
    return 0


def build_for_aws(stage: str) -> int:
    """Build what `sam deploy` will upload."""
    target = stage_target(stage)
    build(target, AWS_BUILD)
    print(f"Built for Python {target.python} on {target.architecture}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
