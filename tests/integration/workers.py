"""The processes in which the emulator runs a function, found among those of this machine and killed as Lambda may."""

import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dev.stack import Stack
from dev.stack.deploy import LOCAL_WORKERS, STACK
from tests.integration.queues import invoked

TRIES = 10


class Workers:
    """Of one function of this stack; each works on one batch of messages at a time."""

    def __init__(self, stack: Stack, function: str) -> None:
        self._stack = stack
        self._function = function
        # The emulator unpacks each worker's code into a folder that has the function's name.
        folder = f"ministack-lambda-{STACK}-{function.capitalize()}Function-"
        self._mark = re.compile(rf"{re.escape(str(stack.state_dir))}/tmp-\w+/{folder}")

    def running(self) -> list[int]:
        """Their process ids."""
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        return [int(line.split(None, 1)[0]) for line in listed.stdout.splitlines() if self._mark.search(line)]

    def kill(self, process: int) -> None:
        """End one at once: it can neither finish nor tidy up anything."""
        os.kill(process, signal.SIGKILL)

    def renew(self, event: dict[str, Any]) -> list[int]:
        """Replace idle ones by as many as a queue may occupy, awake. event: one that they have nothing to do for."""
        for process in self.running():
            self.kill(process)
        # At the same time, so that none of them takes two; on a busy machine one may be done before the other begins.
        for _ in range(TRIES):
            with ThreadPoolExecutor(LOCAL_WORKERS) as threads:
                list(threads.map(lambda _: invoked(self._stack, self._function, event), range(LOCAL_WORKERS)))
            if len(self.running()) >= LOCAL_WORKERS:
                break
        running = self.running()
        assert len(running) == LOCAL_WORKERS
        return running
