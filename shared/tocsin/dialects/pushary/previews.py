"""What `/send` or a campaign would do, told before: an extension; nothing is sent, stored or held."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request

from tocsin.application.previewing import Preview
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialects.pushary.callers import Sender
from tocsin.dialects.pushary.send import MAX_BODY, LimitsReply, SendRequest
from tocsin.domain import prices
from tocsin.domain.cost import Cost
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import CampaignId
from tocsin.domain.quota import QuotaWindow

router = APIRouter(prefix="/api/v1/server")

Limit = Literal["hourly", "daily", "monthly"]
_NAMES: dict[QuotaWindow, Limit] = {
    QuotaWindow.HOUR: "hourly",
    QuotaWindow.DAY: "daily",
    QuotaWindow.MONTH: "monthly",
}


class PaceReply(WireModel):
    """How fast it is reckoned to go. measured: the site's latest large sends went so; else it is the usual pace."""

    perMinute: int
    measured: bool


class LimitsPreview(WireModel):
    """needed: what it would take of each window. exceeded: the longest that it does not fit into."""

    needed: int
    hourly: LimitsReply
    daily: LimitsReply
    monthly: LimitsReply
    exceeded: Limit | None


class CreditsPreview(WireModel):
    """Sends of this API take no credits."""

    needed: int
    available: int


class CostReply(WireModel):
    """What AWS would bill, at its list prices of that day."""

    dollars: float
    pricesOf: str

    @classmethod
    def of(cls, cost: Cost) -> "CostReply":
        """The wire's form."""
        return cls(dollars=float(round(cost.total / 1_000_000, 6)), pricesOf=prices.AS_OF.isoformat())


class ReportsReply(WireModel):
    """What readers' browsers are expected to report: each display, click and dismissal is a request of its own.

    measured: as many as of the site's earlier sends; else the usual share. cost: of taking and counting them.
    """

    expected: int
    measured: bool
    cost: CostReply


class LackingReply(WireModel):
    """Of so many recipients that were looked at, so many lack a value that a placeholder names; in names, by name."""

    sampled: int
    lacking: int
    names: dict[str, int]


class SendPreviewReply(WireModel):
    """What it would do now.

    estimated: the audience is about so many, or with tags of a large site at most so many. fits: there is somebody, and
    limits and credits have room. expectedGone: whom push services will not know any more, by the latest sends; null
    without any. cost: of delivering it; reports come on top. previewCost: of finding the audience. missing: null where
    no text names values of recipients. unusedVariables: which no text names.
    """

    audience: int
    estimated: bool
    fits: bool
    minutes: float
    pace: PaceReply
    limits: LimitsPreview
    credits: CreditsPreview
    expectedGone: int | None
    cost: CostReply
    reports: ReportsReply
    previewCost: CostReply
    missing: LackingReply | None
    unusedVariables: list[str]

    @classmethod
    def of(cls, preview: Preview) -> "SendPreviewReply":
        """The wire's form."""
        found, lacking, exceeded = preview.estimate, preview.lacking, preview.without_room
        return cls(
            audience=preview.audience,
            estimated=preview.estimated,
            fits=preview.fits,
            minutes=found.minutes,
            pace=PaceReply(perMinute=found.pace, measured=found.measured),
            limits=LimitsPreview(
                needed=preview.quota,
                exceeded=None if exceeded is None else _NAMES[exceeded],
                **{name: _left(preview, window) for window, name in _NAMES.items()},
            ),
            credits=CreditsPreview(needed=preview.credits, available=preview.available),
            expectedGone=found.gone,
            cost=CostReply.of(found.cost),
            reports=ReportsReply(
                expected=found.reports.number,
                measured=found.reports.measured,
                cost=CostReply.of(found.reports.cost),
            ),
            previewCost=CostReply.of(preview.own_cost),
            missing=None if lacking is None else LackingReply(**asdict(lacking)),
            unusedVariables=sorted(preview.unused),
        )


@router.post("/send/preview")
def preview_send(
    caller: Sender,
    body: Annotated[SendRequest, json_body(SendRequest, most=MAX_BODY)],
    request: Request,
    engine: EngineDependency,
) -> SendPreviewReply:
    """Preview what a send with this body would do; nothing is sent."""
    return SendPreviewReply.of(engine.previewing.preview(body.to_command(caller, request, engine)))


@router.post("/campaigns/{campaign_id}/preview")
def preview_campaign(caller: Sender, campaign_id: str, engine: EngineDependency) -> SendPreviewReply:
    """Preview what a campaign would do if it were sent now; nothing is sent."""
    id_ = parse("camp", campaign_id)
    found = None if id_ is None else engine.campaigning.find(caller.app.id, CampaignId(id_))
    if found is None:
        raise Refused(Fault.NOT_FOUND, "Campaign not found")
    if found.segment is not None:
        engine.limiting.preview(caller.app)
    return SendPreviewReply.of(engine.previewing.campaign(caller.app, found))


def _left(preview: Preview, window: QuotaWindow) -> LimitsReply:
    limit = preview.limits.of(window)
    remaining = None if limit is None else max(0, limit - preview.usage.of(window))
    return LimitsReply(remaining=remaining, limit=limit)
