"""API sends as campaigns: one by its id, its statistics, and the list of them (PU-13)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tocsin.application.engine import Engine
from tocsin.application.settling import Progress
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.callers import NAME, Sender
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, SendState

router = APIRouter(prefix="/api/v1/server/campaigns")


class CampaignReply(WireModel):
    """An API send. name: its title, as it has none of its own. totalDelivered: push services accepted it."""

    id: str
    siteId: str
    name: str
    title: str
    body: str
    iconUrl: str | None
    imageUrl: str | None
    actionUrl: str | None
    segmentId: str | None
    scheduledAt: str | None
    status: str
    totalTargeted: int
    totalSent: int
    totalDelivered: int
    totalClicked: int
    createdAt: str
    updatedAt: str

    @classmethod
    def of(cls, progress: Progress) -> "CampaignReply":
        """The document's form."""
        send, stats = progress.send, StatsReply.of(progress)
        return cls(
            id=render("camp", send.id),
            siteId=render("site", send.app),
            name=send.notification.title,
            title=send.notification.title,
            body=send.notification.body,
            iconUrl=send.notification.icon,
            imageUrl=send.notification.image,
            actionUrl=send.notification.url,
            segmentId=None,
            scheduledAt=None,
            status=_status(progress),
            totalTargeted=send.reserved,
            totalSent=stats.totalSent,
            totalDelivered=stats.totalDelivered,
            totalClicked=stats.totalClicked,
            createdAt=iso(send.created_at),
            updatedAt=iso(send.settled_at or send.created_at),
        )


class StatsReply(WireModel):
    """Sent is delivered and failed together; who is still tried is in neither. Rates in percent, to two decimals."""

    totalSent: int
    totalDelivered: int
    totalClicked: int
    totalFailed: int
    deliveryRate: float
    clickRate: float

    @classmethod
    def of(cls, progress: Progress) -> "StatsReply":
        """The document's form; what is unsure when all is over counts as failed. Clicks are not counted yet."""
        counts, settled = progress.counts, progress.send.state is SendState.SETTLED
        delivered, failed, clicked = counts.accepted, counts.failed + counts.uncertain * settled, 0
        return cls(
            totalSent=delivered + failed,
            totalDelivered=delivered,
            totalClicked=clicked,
            totalFailed=failed,
            deliveryRate=_rate(delivered, delivered + failed),
            clickRate=_rate(clicked, delivered),
        )


@router.get("")
def list_campaigns(
    caller: Sender,
    engine: EngineDependency,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    source: Annotated[Literal["api"] | None, Query(description="api: what /send has sent.")] = None,
) -> ListReply[CampaignReply]:
    """Campaigns, newest first; API sends are hidden among them unless they are asked for."""
    app, name = caller.app.id, listing("campaigns", source=source)
    after = None if cursor is None else engine.cursors.open(app, name, cursor)
    if source is None:
        return ListReply[CampaignReply].of([], None)
    found, following = engine.reviewing.sends(app, NAME, min(limit, MAX_LIMIT), after)
    sealed = None if following is None else engine.cursors.seal(app, name, following)
    return ListReply[CampaignReply].of([CampaignReply.of(one) for one in found], sealed)


@router.get("/{campaign_id}")
def get_campaign(caller: Sender, campaign_id: str, engine: EngineDependency) -> CampaignReply:
    """One API send."""
    return CampaignReply.of(_found(engine, caller.app.id, campaign_id))


@router.get("/{campaign_id}/stats")
def get_stats(caller: Sender, campaign_id: str, engine: EngineDependency) -> StatsReply:
    """What became of one."""
    return StatsReply.of(_found(engine, caller.app.id, campaign_id))


def _found(engine: Engine, app: AppId, name: str) -> Progress:
    id_ = parse("camp", name)
    found = None if id_ is None else engine.reviewing.send(app, NAME, SendId(id_))
    if found is None:
        raise Refused(Fault.NOT_FOUND, "Campaign not found")
    return found


def _status(progress: Progress) -> str:
    if progress.send.course is Course.CANCELLED:
        return "cancelled"
    if progress.send.state is SendState.SETTLED:
        return "completed"
    return "paused" if progress.send.course is Course.PAUSED else "sending"


def _rate(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
