"""When those who were put off are tried again, and when they are given up."""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from tocsin.application.targets import Target, wait_of
from tocsin.domain.chunk import MAX_TRIES, Wait

LONGEST = 22
"""Characters of a reason that a wait keeps, so that the chunk's record stays below 1 KB: all but a few are shorter."""
LONGEST_BACKOFF = 900


class Waits:
    """The waits of a chunk, by place: those stored with it, and those of the round that is under way."""

    def __init__(self, stored: Iterable[Wait], expires_at: int) -> None:
        """expires_at: Unix seconds; nobody waits longer than the message lives."""
        self._known = {wait.place: wait for wait in stored}
        self._expires_at = expires_at
        self._new: dict[str, Wait] = {}

    def put_off(self, place: str, until: int, reason: str) -> None:
        """Not in this round, and not before `until` (Unix seconds)."""
        known, earlier = self._known.get(place), self._new.get(place)
        tries = (known.tries if known else 0) + 1
        self._new[place] = Wait(place, tries, max(until, earlier.until if earlier else 0), reason[:LONGEST])

    def end_round(self, now: float, chunk: int) -> None:
        """Each place that put somebody off waits at least 1, 4, 16, 64, 256 and then 900 s, by how often it did.

        chunk: its number, which keeps the chunks of a send a little apart, so that they do not come back together.
        """
        for place, wait in self._new.items():
            backoff = min(LONGEST_BACKOFF, 4.0 ** (wait.tries - 1)) * (1 + (chunk % 8) / 16)
            self._known[place] = replace(wait, until=max(wait.until, ceil(now + backoff)))
        self._new.clear()

    def of(self, target: Target) -> Wait | None:
        """What this recipient waits for, if it was put off."""
        return wait_of(target, self._known)

    def spent(self, wait: Wait) -> bool:
        """Whether there is no use in waiting: it was too often, or is for too long."""
        return wait.tries >= MAX_TRIES or wait.until >= self._expires_at

    def stored(self) -> tuple[Wait, ...]:
        """For the chunk's record."""
        return tuple(self._known.values())
