"""Quotas: how many notifications an app may send in a clock hour, in a day and in a calendar month, all in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

_SECONDS_OF_HOUR, _SECONDS_OF_DAY = 3600, 86_400


class QuotaWindow(StrEnum):
    """The windows, the shorter ones first; each lies within the next one (CS-24, PU-12)."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def start(self, at: int) -> int:
        """When the window that holds `at` started; Unix seconds, as `at`."""
        match self:
            case QuotaWindow.HOUR:
                return at // _SECONDS_OF_HOUR * _SECONDS_OF_HOUR
            case QuotaWindow.DAY:
                return at // _SECONDS_OF_DAY * _SECONDS_OF_DAY
            case QuotaWindow.MONTH:
                return _first_of_month(at, later=0)

    def end(self, at: int) -> int:
        """When the window that holds `at` is over and the next one starts."""
        match self:
            case QuotaWindow.HOUR:
                return self.start(at) + _SECONDS_OF_HOUR
            case QuotaWindow.DAY:
                return self.start(at) + _SECONDS_OF_DAY
            case QuotaWindow.MONTH:
                return _first_of_month(at, later=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most notifications in an hour, a day and a month; None: as many as one likes."""

    hourly: int | None
    daily: int | None
    monthly: int | None = None

    def of(self, window: QuotaWindow) -> int | None:
        """The most in a window; None: as many as one likes."""
        limits = {QuotaWindow.HOUR: self.hourly, QuotaWindow.DAY: self.daily, QuotaWindow.MONTH: self.monthly}
        return limits[window]


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
    """What is used of the windows that hold an instant, notifications held by unfinished sends included."""

    hourly: int
    daily: int
    monthly: int

    def of(self, window: QuotaWindow) -> int:
        """What is used of a window."""
        return {QuotaWindow.HOUR: self.hourly, QuotaWindow.DAY: self.daily, QuotaWindow.MONTH: self.monthly}[window]


def without_room(limits: Limits, usage: Usage, more: int) -> QuotaWindow | None:
    """The longest window that `more` do not fit into, None if they fit: before its end, waiting is in vain."""
    for window in reversed(QuotaWindow):
        limit = limits.of(window)
        if limit is not None and usage.of(window) + more > limit:
            return window
    return None


def _first_of_month(at: int, *, later: int) -> int:
    """When a month started: the one that holds `at`, or so many later."""
    day = datetime.fromtimestamp(at, UTC)
    years, month = divmod(day.month - 1 + later, 12)
    return int(datetime(day.year + years, month + 1, 1, tzinfo=UTC).timestamp())
