"""What can go wrong at a port call, and when it does."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Crash(BaseException):
    """The process is gone. Nothing catches this."""


class Failure(StrEnum):
    """What can go wrong at a port call."""

    CRASH_BEFORE = "crash before the effect"
    CRASH_AFTER = "crash after the effect"
    UNAVAILABLE_BEFORE = "unavailable, nothing happened"
    UNAVAILABLE_AFTER = "unavailable, but it happened"
    TWICE = "done twice, as a client library does that heard no answer"
    PAUSE = "a pause before the effect"


FAILURES = tuple(Failure)
OF_STORES = {Failure.UNAVAILABLE_BEFORE, Failure.UNAVAILABLE_AFTER, Failure.TWICE}


@dataclass(frozen=True, slots=True)
class At:
    """One failure, at the n-th port call of the whole history (from 1)."""

    call: int
    failure: Failure

    def __call__(self, number: int) -> Failure | None:
        """What happens at this call."""
        return self.failure if number == self.call else None


@dataclass(slots=True)
class Often:
    """Failures of every kind, each call with this probability."""

    chance: random.Random
    rate: float

    def __call__(self, number: int) -> Failure | None:
        """What happens at this call."""
        return self.chance.choice(FAILURES) if self.chance.random() < self.rate else None
