"""Run Tocsin on this machine: `python -m dev`, or `make dev`."""

import argparse
import contextlib
import fcntl
import shutil
import signal
import sys
import threading
from pathlib import Path

from dev.simulators.forwarding import forward
from dev.stack import Stack, StackFailure
from dev.stack.build import AWS_BUILD, build, stage_target
from dev.stack.earlier_run import end_earlier_run

STATE = Path(__file__).resolve().parents[1] / ".tocsin"
PORT = 8787


def main() -> int:
    """Run the command; 1 with one sentence on stderr when it cannot."""
    options = argparse.ArgumentParser(prog="python -m dev", description=__doc__)
    commands = options.add_subparsers(dest="command")
    options.add_argument("--port", default=str(PORT), help=f"port of the API and the demo page ({PORT})")
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
                return run(STATE, port_of(chosen.port))
    except StackFailure as failure:
        print(failure, file=sys.stderr)
        return 1


def port_of(text: str) -> int:
    """The port that `text` names. Raises StackFailure."""
    if not (text.isascii() and text.isdigit() and len(text) <= len("65535") and 0 < int(text) <= 65535):
        raise StackFailure("PORT must be a number from 1 to 65535.")
    return int(text)


def run(state_dir: Path, port: int) -> int:
    """Serve until Ctrl-C, SIGTERM or the end of the terminal, then save the data."""
    enough, ready = threading.Event(), False
    endings = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup wants it to outlive its terminal
        endings.append(signal.SIGHUP)

    def end(*_: object) -> None:
        # From here on a second Ctrl-C must not lose what the first one saves; a terminal that closes sends two.
        for number in endings:
            signal.signal(number, signal.SIG_IGN)
        enough.set()
        if not ready:
            raise KeyboardInterrupt

    for number in endings:
        signal.signal(number, end)
    try:
        with Stack(state_dir, port, say=say, tell_request=lambda line: tell(f"  {line}"), forward=forward) as stack:
            ready = True
            tell(stack.page)
            enough.wait()
            tell("\n  Saving the data ...")
    except KeyboardInterrupt:
        tell("\n  Stopped before it was ready.")
        return 130
    tell("  Saved: `make dev` goes on from here, `make reset` begins anew.")
    return 0


def say(step: str) -> None:
    """Tell what begins, or in a whole sentence what was done."""
    tell(f"  {step}" if step.endswith(".") else f"  {step} ...")


def tell(text: str) -> None:
    """Print, unless the terminal is gone: that must not keep the data from being saved."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def reset(state_dir: Path) -> int:
    """Forget every tenant, key and message."""
    lock = state_dir / "lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StackFailure("`make dev` is running: stop it first.") from None
            end_earlier_run(state_dir, print)
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
