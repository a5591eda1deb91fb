"""Quotas of notifications on DynamoDB: one item an app, and the steps of it in the transactions of sends.

The item holds the newest hour that somebody sent in, and what is used of it, of its day and of its month: the hour says
which ones these are. It is only ever moved on, never back, so a window that has passed cannot come again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import InsufficientQuota
from tocsin.domain.ids import AppId
from tocsin.domain.quota import Limits, QuotaWindow, Usage, without_room
from tocsin.domain.report import Report
from tocsin.domain.send import Send, Tally, unused_by

# Counts only in the windows that the caller believes in; with the room that is left, if there is a limit.
PRESENT = "#hour = :hour"
HAS_ROOM = {window: f"#{window}_used <= :{window}_room" for window in QuotaWindow}
HOLD = "ADD " + ", ".join(f"#{window}_used :held" for window in QuotaWindow)
# One caller moves the windows on; whoever read them before that has to look again.
FIRST_TIME = "attribute_not_exists(#pk)"
AS_READ = "#hour = :read"
# Returned is what was counted, and only where it was counted: the stored hour is the send's own or a later one.
SAME_WINDOW = "#hour < :end"
WAS_COUNTED = {window: f"#{window}_used >= :unused" for window in QuotaWindow}
GIVE_BACK = {window: f"#{window}_used = #{window}_used - :unused" for window in QuotaWindow}


@dataclass(frozen=True, slots=True)
class Meter:
    """What is used of an hour, of its day and of its month. hour: when it started, Unix seconds."""

    hour: int
    used: Usage

    def at(self, time: int) -> "Meter":
        """The meter in the windows that hold `time`, or in those that others have begun while this clock lags."""
        hour = QuotaWindow.HOUR.start(time)
        if self.hour >= hour:
            return self
        over = _over(self.hour, hour)
        return Meter(hour, Usage(*(0 if window in over else self.used.of(window) for window in QuotaWindow)))


class DynamoQuotas:
    """The Quotas port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def usage(self, app: AppId, at: int) -> Usage:
        """What is used of the windows that hold `at` (Unix seconds)."""
        return _read(self._database.get(self._table, keys.meter(app)), at).used


class QuotaSteps:
    """The writes by which a send takes and returns its part, for transactions that change the send as well."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def hold(self, send: Send, limits: Limits) -> Update:
        """Count a send in the windows that it was created in, if they are the present ones and have room."""
        return self._hold(send, limits, _read(None, send.created_at))

    def hold_again(self, send: Send, limits: Limits, stored: Record | None) -> Update:
        """The same after the stored item refused it, in what are the present windows. Raises InsufficientQuota."""
        meter = _read(stored, send.created_at)
        window = without_room(limits, meter.used, send.metered)
        if window is not None:
            raise InsufficientQuota(window)
        if stored is None or stored.number("hour") != meter.hour:
            self._move_on(send.app, stored, meter)
        return self._hold(send, limits, meter)

    def give_back(self, send: Send, counts: Tally, report: Report, own: Collection[QuotaWindow]) -> Update | None:
        """Return what a send did not use to those of its windows that are still the present ones; None for nothing."""
        unused = unused_by(send, counts, report)
        if unused == 0 or not own:
            return None
        # While the shortest one is the present one, so are the others: they hold it.
        shortest = next(window for window in QuotaWindow if window in own)
        change = "SET " + ", ".join(GIVE_BACK[window] for window in QuotaWindow if window in own)
        condition = " AND ".join([SAME_WINDOW, *(WAS_COUNTED[window] for window in QuotaWindow if window in own)])
        values: Item = {"end": shortest.end(send.created_at), "unused": unused}
        return Update(self._table, keys.meter(send.app), change, values, condition)

    def _hold(self, send: Send, limits: Limits, meter: Meter) -> Update:
        room = {window: limit - send.metered for window in QuotaWindow if (limit := limits.of(window)) is not None}
        condition = " AND ".join([PRESENT, *(HAS_ROOM[window] for window in room)])
        left = {f"{window}_room": limit for window, limit in room.items()}
        values: Item = {"hour": meter.hour, "held": send.metered, **left}
        return Update(self._table, keys.meter(send.app), HOLD, values, condition)

    def _move_on(self, app: AppId, stored: Record | None, meter: Meter) -> None:
        values: Item = {"hour": meter.hour, "none": 0}
        over, condition = list(QuotaWindow), FIRST_TIME
        if stored is not None:
            read = stored.number("hour")
            values, over, condition = {**values, "read": read}, _over(read, meter.hour), AS_READ
        change = ", ".join(["SET #hour = :hour", *(f"#{window}_used = :none" for window in over)])
        try:
            self._database.update(Update(self._table, keys.meter(app), change, values, condition))
        except ConditionFailed:
            return  # somebody else did


def still_present(send: Send, stored: Record | None) -> Collection[QuotaWindow]:
    """Those of the windows that a send was created in that the stored meter still counts in."""
    if stored is None:
        return []
    over = _over(send.created_at, stored.number("hour"))
    return [window for window in QuotaWindow if window not in over]


def _over(earlier: int, later: int) -> list[QuotaWindow]:
    """The windows of one instant that are not those of another."""
    return [window for window in QuotaWindow if window.start(earlier) != window.start(later)]


def _read(stored: Record | None, at: int) -> Meter:
    if stored is None:
        return Meter(QuotaWindow.HOUR.start(at), Usage(0, 0, 0))
    used = Usage(*(stored.number(f"{window}_used") for window in QuotaWindow))
    return Meter(stored.number("hour"), used).at(at)
