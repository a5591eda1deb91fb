"""An emulator that outlived the run that started it, told from strangers by a lock that only it can hold.

The lock is handed down to the emulator when it starts (flock belongs to the open file, not to a process), so it is held
for as long as that emulator lives, whatever became of its parent. A process id alone would prove nothing: the system
gives it to others later.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from dev.stack.failure import StackFailure

END_SECONDS = 180.0
"""How long an emulator may take to end: it writes its data in a second, but waits for functions at work."""
DEAD_SECONDS = 10.0
"""How long one may take that was killed."""


@contextlib.contextmanager
def lock_to_hand_down(state_dir: Path) -> Iterator[IO[str]]:
    """The lock, taken; the emulator inherits its descriptor, and its process id is to be written into it.

    Raises StackFailure when another emulator holds it.
    """
    with _file(state_dir).open("a+") as lock:
        if not _taken_by_us(lock):
            raise StackFailure("A local AWS already runs on this data.")
        lock.truncate(0)
        yield lock


def end_earlier_run(state_dir: Path, say: Callable[[str], None] = lambda _: None) -> bool:
    """End the emulator that an earlier run left behind, which saves its data; False when there is none.

    say: gets a line before that, as it may take a while. Raises StackFailure when it does not end.
    """
    if not _file(state_dir).exists():
        return False
    with _file(state_dir).open("a+") as lock:
        if _taken_by_us(lock):
            return False
        lock.seek(0)
        written = lock.read()
        if not written:
            raise StackFailure("A local AWS of an earlier run is still there, and it is not known as which process.")
        process = int(written)
        # While a member of the emulator's process group lives, nobody else gets this number.
        say("A local AWS of an earlier run is still there: stopping it, which saves its data.")
        for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, DEAD_SECONDS)):
            _signal_group(process, number, all_members=number == signal.SIGKILL)
            if _released(lock, seconds):
                _signal_group(process, signal.SIGKILL, all_members=True)  # function workers that outlived it
                return True
    raise StackFailure(f"A local AWS of an earlier run is still there, as process {process}, and does not end.")


def _file(state_dir: Path) -> Path:
    return state_dir / "emulator.lock"


def _taken_by_us(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _released(lock: IO[str], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if _taken_by_us(lock):
            return True
        time.sleep(0.05)
    return False


def _signal_group(leader: int, number: signal.Signals, *, all_members: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if all_members else os.kill)(leader, number)
