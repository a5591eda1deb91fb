"""Who of a chunk was put off, when they are tried again, and when they are given up."""

from dataclasses import replace
from math import ceil

from tocsin.application.targets import Targets
from tocsin.domain.chunk import MAX_TRIES, Chunk, Wait

LONGEST = 22
"""Characters of a reason that a wait keeps, so that the chunk's record stays below 1 KB: all but a few are shorter."""
LONGEST_BACKOFF = 900


class Waits:
    """The waits of a chunk, by place, and who waits: as stored with it, and as the round under way changes them."""

    def __init__(self, chunk: Chunk, targets: Targets, expires_at: int) -> None:
        """expires_at: Unix seconds; nobody waits longer than the message lives."""
        self._known = {wait.place: wait for wait in chunk.waits}
        self._new: dict[str, Wait] = {}
        self._waiting = set(chunk.put_off)
        self._targets = targets
        self._expires_at = expires_at

    def put_off(self, index: int, place: str, until: int, reason: str) -> None:
        """Not in this round, and not before `until` (Unix seconds)."""
        self._waiting.add(index)
        known, earlier = self._known.get(place), self._new.get(place)
        tries = (known.tries if known else 0) + 1
        self._new[place] = Wait(place, tries, max(until, earlier.until if earlier else 0), reason[:LONGEST])

    def tried(self, index: int) -> None:
        """It was this recipient's turn."""
        self._waiting.discard(index)

    def end_round(self, now: float, chunk: int) -> None:
        """Each place that put somebody off waits at least 1, 4, 16, 64, 256 and then 900 s, by how often it did.

        chunk: its number, which keeps the chunks of a send a little apart, so that they do not come back together.
        """
        for place, wait in self._new.items():
            backoff = min(LONGEST_BACKOFF, 4.0 ** (wait.tries - 1)) * (1 + (chunk % 8) / 16)
            self._known[place] = replace(wait, until=max(wait.until, ceil(now + backoff)))
        self._new.clear()

    def of(self, index: int) -> Wait | None:
        """What this recipient waits for, if it was put off: its push service or its key there, the later of both."""
        target = self._targets[index]
        if target is None or index not in self._waiting:
            return None
        known = (self._known.get(target.endpoint.service), self._known.get(target.key_place))
        return max((wait for wait in known if wait is not None), key=lambda wait: wait.until, default=None)

    def spent(self, wait: Wait) -> bool:
        """Whether there is no use in waiting: it was too often, or is for too long."""
        return wait.tries >= MAX_TRIES or wait.until >= self._expires_at

    def held(self, now: float) -> set[int]:
        """Whose time has not come, or does not come any more, by index."""
        waits = ((index, self.of(index)) for index in self._waiting)
        return {index for index, wait in waits if wait is not None and (wait.until > now or self.spent(wait))}

    def stored(self) -> tuple[Wait, ...]:
        """For the chunk's record."""
        return tuple(self._known.values())

    def waiting(self) -> frozenset[int]:
        """Who waits, by index; for the chunk's record."""
        return frozenset(self._waiting)
