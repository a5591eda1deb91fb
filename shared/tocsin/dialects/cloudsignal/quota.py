"""GET /v2/push/quota (CS-24)."""

from fastapi import APIRouter

from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.cloudsignal.callers import QuotaReader
from tocsin.domain.quota import QuotaWindow

router = APIRouter()


class QuotaReply(WireModel):
    """Notifications that the clock hour and the UTC day allow; null where there is no limit (CS-25)."""

    organization_id: str
    service_id: str
    hourly_limit: int | None
    daily_limit: int | None
    hourly_remaining: int | None
    daily_remaining: int | None
    reset_hourly_at: str
    reset_daily_at: str


@router.get("/v2/push/quota")
def get_quota(caller: QuotaReader, engine: EngineDependency) -> QuotaReply:
    """What may still be sent, and when that changes; unfinished sends count with all their targets."""
    app, now = caller.app, int(engine.clock.now())
    usage, limits = engine.quotas.usage(app.id, now), app.limits
    return QuotaReply(
        organization_id=render("org", app.tenant),
        service_id=render("svc", app.id),
        hourly_limit=limits.hourly,
        daily_limit=limits.daily,
        hourly_remaining=_remaining(limits.hourly, usage.hourly),
        daily_remaining=_remaining(limits.daily, usage.daily),
        reset_hourly_at=_reset(QuotaWindow.HOUR, now),
        reset_daily_at=_reset(QuotaWindow.DAY, now),
    )


def _remaining(limit: int | None, used: int) -> int | None:
    # A limit may have been lowered below what was used.
    return None if limit is None else max(0, limit - used)


def _reset(window: QuotaWindow, now: int) -> str:
    return iso(window.end(now))
