"""Hours and days of notifications on DynamoDB: one item an app, and the steps of it in the transactions of sends.

The item holds the newest hour and the newest day that somebody sent in. Windows are only ever moved on, never back, so
a window that has passed cannot come again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import InsufficientQuota
from tocsin.domain.ids import AppId
from tocsin.domain.quota import Limits, QuotaWindow, Usage
from tocsin.domain.send import Send, Tally, used_by

# Counts only in the windows that the caller believes in; with the room that is left, if there is a limit.
PRESENT = "#hour = :hour AND #day = :day"
HOUR_HAS_ROOM = "#hour_used <= :hour_room"
DAY_HAS_ROOM = "#day_used <= :day_room"
# One caller moves the windows on; whoever read them before that has to look again.
FIRST_TIME = "attribute_not_exists(#pk)"
AS_READ = "#hour = :read"
# Returned is what was counted, and only where it was counted.
SAME_DAY = "#day = :day AND #day_used >= :unused"
SAME_HOUR = f"{SAME_DAY} AND #hour = :hour AND #hour_used >= :unused"


@dataclass(frozen=True, slots=True)
class Meter:
    """The stored item."""

    hour: int
    hour_used: int
    day: int
    day_used: int

    def at(self, time: int) -> "Meter":
        """The meter in the windows that hold `time`, or in those that others have begun while this clock lags."""
        hour, day = QuotaWindow.HOUR.start(time), QuotaWindow.DAY.start(time)
        if self.hour >= hour:
            return self
        return Meter(hour, 0, day, self.day_used if self.day == day else 0)

    def without_room(self, held: int, limits: Limits) -> QuotaWindow | None:
        """The window that `held` more do not fit into, the day before the hour; None if they fit."""
        if limits.daily is not None and self.day_used + held > limits.daily:
            return QuotaWindow.DAY
        if limits.hourly is not None and self.hour_used + held > limits.hourly:
            return QuotaWindow.HOUR
        return None


class DynamoQuotas:
    """The Quotas port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def usage(self, app: AppId, at: int) -> Usage:
        """What is used of the windows that hold `at` (Unix seconds)."""
        meter = _read(self._database.get(self._table, keys.meter(app)), at)
        return Usage(meter.hour_used, meter.day_used)


class QuotaSteps:
    """The writes by which a send takes and returns its part, for transactions that change the send as well."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def hold(self, send: Send, limits: Limits) -> Update:
        """Count a send in the windows that it was created in, if both are the present ones and have room."""
        return self._hold(send, limits, _read(None, send.created_at))

    def hold_again(self, send: Send, limits: Limits, stored: Record | None) -> Update:
        """The same after the stored item refused it, in what are the present windows. Raises InsufficientQuota."""
        meter = _read(stored, send.created_at)
        window = meter.without_room(send.reserved, limits)
        if window is not None:
            raise InsufficientQuota(window)
        if stored is None or stored.number("hour") != meter.hour:
            self._move_on(send.app, stored, meter)
        return self._hold(send, limits, meter)

    def give_back(self, send: Send, counts: Tally, own: Collection[QuotaWindow]) -> Update | None:
        """Return what a send did not use to those of its windows that are still the present ones; None for nothing."""
        unused = max(0, send.reserved - used_by(counts))
        if unused == 0 or not own:
            return None
        values: Item = {"day": QuotaWindow.DAY.start(send.created_at), "unused": unused}
        change, condition = "SET #day_used = #day_used - :unused", SAME_DAY
        if QuotaWindow.HOUR in own:
            values = {**values, "hour": QuotaWindow.HOUR.start(send.created_at)}
            change, condition = f"{change}, #hour_used = #hour_used - :unused", SAME_HOUR
        return Update(self._table, keys.meter(send.app), change, values, condition)

    def _hold(self, send: Send, limits: Limits, meter: Meter) -> Update:
        values: Item = {"hour": meter.hour, "day": meter.day, "held": send.reserved}
        conditions = [PRESENT]
        if limits.hourly is not None:
            conditions.append(HOUR_HAS_ROOM)
            values = {**values, "hour_room": limits.hourly - send.reserved}
        if limits.daily is not None:
            conditions.append(DAY_HAS_ROOM)
            values = {**values, "day_room": limits.daily - send.reserved}
        change = "ADD #hour_used :held, #day_used :held"
        return Update(self._table, keys.meter(send.app), change, values, " AND ".join(conditions))

    def _move_on(self, app: AppId, stored: Record | None, meter: Meter) -> None:
        values: Item = {"hour": meter.hour, "day": meter.day, "none": 0}
        change = "SET #hour = :hour, #day = :day, #hour_used = :none"
        condition = FIRST_TIME
        if stored is not None:
            values, condition = {**values, "read": stored.number("hour")}, AS_READ
        if stored is None or stored.number("day") != meter.day:
            change += ", #day_used = :none"
        try:
            self._database.update(Update(self._table, keys.meter(app), change, values, condition))
        except ConditionFailed:
            return  # somebody else did


def still_present(send: Send, stored: Record | None) -> Collection[QuotaWindow]:
    """Those of the windows that a send was created in that the stored meter still counts in."""
    present = {} if stored is None else {window: stored.number(window.name.lower()) for window in QuotaWindow}
    return [window for window, start in present.items() if start == window.start(send.created_at)]


def _read(stored: Record | None, at: int) -> Meter:
    if stored is None:
        return Meter(QuotaWindow.HOUR.start(at), 0, QuotaWindow.DAY.start(at), 0)
    used = Meter(*(stored.number(name) for name in ("hour", "hour_used", "day", "day_used")))
    return used.at(at)
