"""What a container remembers for a while, so that it need not ask the tables again."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from tocsin.application.ports import Clock

SIZE = 10_000
Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, each until its time is over. At most `size`: a new one pushes out the one noted longest ago.

    Threads may share it. Two that miss the same value at the same time both read it.
    """

    def __init__(self, clock: Clock, size: int = SIZE) -> None:
        self._clock = clock
        self._size = size
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, None where there is none or its time is over."""
        entry = self._live(key)
        return None if entry is None else entry[1]

    def put(self, key: Key, value: Value, until: float) -> None:
        """Remember a value. until: Unix seconds, from which on it is forgotten."""
        with self._lock:
            self._entries[key] = until, value
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def get_or_read(self, key: Key, seconds: float, read: Callable[[], Value]) -> Value:
        """The value, or what `read` finds now, be it None: that is remembered for `seconds`."""
        entry = self._live(key)
        if entry is not None:
            return entry[1]
        until, value = self._clock.now() + seconds, read()
        self.put(key, value, until)
        return value

    def _live(self, key: Key) -> tuple[float, Value] | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry[0] > self._clock.now() else None
