"""The real clock and real chance: nothing else in the product asks for either."""

import secrets
import time

from tocsin.domain.api_key import BASE62
from tocsin.domain.ids import ID_BYTES


class SystemClock:
    """The Clock port."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def cpu(self) -> float:
        """Processor seconds that this thread has used so far."""
        return time.thread_time()


class SystemRandomness:
    """The Randomness port."""

    def chance(self) -> float:
        """A number from 0 to below 1."""
        return secrets.randbelow(1 << 32) / (1 << 32)

    def new_id(self) -> str:
        """A new 96-bit id: 24 hex digits."""
        return secrets.token_hex(ID_BYTES)

    def base62(self, length: int) -> str:
        """Letters and digits, every position uniform."""
        return "".join(secrets.choice(BASE62) for _ in range(length))
