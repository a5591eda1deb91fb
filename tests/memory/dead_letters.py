"""Dead-letter queues as lists."""

from collections.abc import Sequence
from dataclasses import replace

from tests.memory.system import VirtualClock
from tocsin.application.ports import Letter, Queue

AT_ONCE = 10


class MemoryDeadLetters:
    """What was given up, oldest first, and what went back. A message that was taken is hidden as long as was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._letters: dict[Queue, list[Letter]] = {queue: [] for queue in Queue}
        self._hidden: dict[str, float] = {}
        self.requeued: dict[Queue, list[Letter]] = {queue: [] for queue in Queue}

    def add(self, queue: Queue, body: str, group: str | None = None) -> None:
        """A message is given up now, after three tries."""
        number = sum(map(len, self._letters.values())) + sum(map(len, self.requeued.values()))
        self._letters[queue].append(Letter(f"message-{number}", "", body, group, int(self._clock.now()), 3))

    def waiting(self, queue: Queue) -> int:
        """How many messages there are."""
        return len(self._letters[queue])

    def take(self, queue: Queue, seconds: int) -> Sequence[Letter]:
        """Up to ten messages, which nobody else is handed meanwhile."""
        now = self._clock.now()
        taken = [one for one in self._letters[queue] if self._hidden.get(one.id, 0) <= now][:AT_ONCE]
        for one in taken:
            self._hidden[one.id] = now + seconds
        again = {one.id: replace(one, received=one.received + 1, handle=f"{one.id} at {now}") for one in taken}
        self._letters[queue] = [again.get(one.id, one) for one in self._letters[queue]]
        return list(again.values())

    def release(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Let others have them again."""
        for letter in letters:
            self._hidden.pop(letter.id, None)

    def requeue(self, queue: Queue, letter: Letter) -> None:
        """Put it back into its queue, then remove it here."""
        self.requeued[queue].append(letter)
        self._letters[queue] = [one for one in self._letters[queue] if one.id != letter.id]
