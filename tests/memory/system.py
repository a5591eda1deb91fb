"""Time and chance under the test's control."""

import random
import threading

from tocsin.domain.api_key import BASE62
from tocsin.domain.ids import ID_BYTES

START = 1_800_000_000.0
"""When a virtual clock starts: January 2027."""


class VirtualClock:
    """A clock that moves only when somebody sleeps or the test says so."""

    def __init__(self, start: float = START) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(seconds)

    def cpu(self) -> float:
        """Work takes no time here."""
        return 0.0

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Time never goes back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._now += seconds


class SeededRandomness:
    """The same names in every run; a different seed gives different ones."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def chance(self) -> float:
        """A number from 0 to below 1."""
        return self._random.random()

    def new_id(self) -> str:
        """A new 96-bit id: 24 hex digits."""
        return self._random.randbytes(ID_BYTES).hex()

    def base62(self, length: int) -> str:
        """Letters and digits."""
        return "".join(self._random.choices(BASE62, k=length))
