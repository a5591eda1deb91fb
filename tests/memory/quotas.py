"""Hours, days and months of notifications in memory."""

from dataclasses import replace

from tests.memory.storage import Meter, Storage
from tocsin.application.ports import InsufficientQuota
from tocsin.domain.ids import AppId
from tocsin.domain.quota import Limits, QuotaWindow, Usage
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Send, Tally, unused_by


class MemoryQuotas:
    """The Quotas port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def usage(self, app: AppId, at: int) -> Usage:
        """What is used of the windows that hold `at`."""
        with self._storage.lock:
            meter = _rolled(self._storage, app, at)
            return Usage(meter.hour_used, meter.day_used, meter.month_used)


def hold(storage: Storage, send: Send, limits: Limits) -> None:
    """Count a send on quota as it is stored. Raises InsufficientQuota."""
    if send.charge is not Charge.QUOTA or send.metered == 0:
        return
    meter = _rolled(storage, send.app, send.created_at)
    hour_used, day_used = meter.hour_used + send.metered, meter.day_used + send.metered
    month_used = meter.month_used + send.metered
    if limits.monthly is not None and month_used > limits.monthly:
        raise InsufficientQuota(QuotaWindow.MONTH)
    if limits.daily is not None and day_used > limits.daily:
        raise InsufficientQuota(QuotaWindow.DAY)
    if limits.hourly is not None and hour_used > limits.hourly:
        raise InsufficientQuota(QuotaWindow.HOUR)
    storage.meters[send.app] = replace(meter, hour_used=hour_used, day_used=day_used, month_used=month_used)


def give_back(storage: Storage, send: Send, counts: Tally, report: Report) -> None:
    """Return what a send did not use to those of its windows that are still the present ones."""
    meter = storage.meters.get(send.app)
    if send.charge is not Charge.QUOTA or meter is None:
        return
    unused = unused_by(send, counts, report)
    if meter.hour == QuotaWindow.HOUR.start(send.created_at):
        meter = replace(meter, hour_used=meter.hour_used - unused)
    if meter.day == QuotaWindow.DAY.start(send.created_at):
        meter = replace(meter, day_used=meter.day_used - unused)
    if meter.month == QuotaWindow.MONTH.start(send.created_at):
        meter = replace(meter, month_used=meter.month_used - unused)
    storage.meters[send.app] = meter


def _rolled(storage: Storage, app: AppId, at: int) -> Meter:
    """The meter in the windows that hold `at`, or in those that others have begun while this clock lags."""
    hour, day, month = (window.start(at) for window in QuotaWindow)
    meter = storage.meters.get(app, Meter(hour, 0, day, 0, month, 0))
    if meter.hour < hour:
        meter = replace(meter, hour=hour, hour_used=0)
    if meter.day < day:
        meter = replace(meter, day=day, day_used=0)
    return replace(meter, month=month, month_used=0) if meter.month < month else meter
