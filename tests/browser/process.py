"""A browser's processes: started with a home of their own, and all of them ended."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_END_S = 10


class BrowserProcess:
    """A command that runs in its own process group, with `home` as its HOME; what it says goes to a file there."""

    def __init__(
        self, command: Sequence[str], home: Path, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        self._log = home / "browser.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(home), **environment},
                pass_fds=pass_fds,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of what it said."""
        return self._log.read_text("utf-8", "replace")[-2000:]

    def wait(self) -> None:
        """Give it time to end by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)

    def end(self) -> None:
        """End the whole group: a browser is half a dozen processes, and some outlive the first one."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(_END_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_END_S)
