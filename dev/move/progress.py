"""A line that tells how far a move is: rewritten in a terminal, and now and then a new one in a log."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

LOG_SECONDS = 10.0


class Progress:
    """total: None while nobody knows. The rate is that of this run, from its first line on."""

    def __init__(
        self,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total: int | None = None
        self._out = out or sys.stderr
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._told_at: float | None = None
        self._width = 0

    def tell(self, done: int, more: str = "") -> None:
        """So many are done by now."""
        now = self._clock()
        self._began = self._began or (now, done)
        if self._out.isatty():
            text = self._line(done, now, more)
            self._out.write(f"\r{text:<{self._width}}")
            self._width = len(text)
        elif self._told_at is None or now - self._told_at >= LOG_SECONDS:
            self._told_at = now
            self._out.write(f"{self._line(done, now, more)}\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """A sentence of its own."""
        if self._width:
            self._out.write("\n")
            self._width = 0
        self._out.write(f"{text}\n")
        self._out.flush()

    def _line(self, done: int, now: float, more: str) -> str:
        began, before = self._began or (now, done)
        parts = [f"{done:,}" if self.total is None else f"{done:,} of {self.total:,}"]
        if self.total:
            parts.append(f"{100 * done // self.total} %")
        parts += [more] if more else []
        if done > before and now > began:
            rate = (done - before) / (now - began)
            parts.append(f"{rate:,.0f}/s")
            if self.total and done < self.total:
                parts.append(f"{duration((self.total - done) / rate)} left")
        return "  ".join(parts)


def duration(seconds: float) -> str:
    """In the unit that says enough."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
