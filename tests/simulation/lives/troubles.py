"""What can go wrong at a port call."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong at a port call. MEANWHILE: others run between the question and its effect."""

    CRASH_BEFORE = "crash before the effect"
    CRASH_AFTER = "crash after the effect"
    UNAVAILABLE_BEFORE = "unavailable, nothing happened"
    UNAVAILABLE_AFTER = "unavailable, but it happened"
    MEANWHILE = "others run before the effect"


OF_STORES = {Kind.UNAVAILABLE_BEFORE, Kind.UNAVAILABLE_AFTER}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something goes wrong at a port call. calls: how many come first.

    meanwhile: what runs then, as a number that the world's `meanwhile` understands. seconds: that all goes on then.
    """

    calls: int
    kind: Kind
    meanwhile: int = 0
    seconds: int = 0
