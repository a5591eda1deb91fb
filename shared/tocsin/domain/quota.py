"""Quotas: how many notifications an app may send in a clock hour and in a UTC day."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class QuotaWindow(IntEnum):
    """The windows, by their length in seconds; each starts at a multiple of it (CS-24)."""

    HOUR = 3600
    DAY = 86_400

    def start(self, at: int) -> int:
        """When the window that holds `at` started; Unix seconds, as `at`."""
        return at // self * self


@dataclass(frozen=True, slots=True)
class Limits:
    """The most notifications in an hour and in a day; None: as many as one likes."""

    hourly: int | None
    daily: int | None


class Plan(StrEnum):
    """Names for limits, as CloudSignal sells them (CS-25)."""

    STARTER = "starter"
    PROFESSIONAL = "professional"
    SCALE = "scale"
    UNLIMITED = "unlimited"


LIMITS_OF = {
    Plan.STARTER: Limits(100, 1_000),
    Plan.PROFESSIONAL: Limits(1_000, 10_000),
    Plan.SCALE: Limits(10_000, 100_000),
    Plan.UNLIMITED: Limits(None, None),
}


def plan_of(limits: Limits) -> Plan | None:
    """The plan with these limits, None when they were chosen one by one."""
    return next((plan for plan, known in LIMITS_OF.items() if known == limits), None)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of the two windows that hold an instant, notifications held by unfinished sends included."""

    hourly: int
    daily: int
