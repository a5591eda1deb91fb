"""How campaigns and API sends are going: their status, and what became of their recipients."""

from dataclasses import dataclass, replace

from tocsin.application.ports import Campaigns, Engagements, Page, Sends, SideBySide
from tocsin.application.settling import Progress, Settling
from tocsin.domain.campaign import Campaign, CampaignStatus, Totals, status_of
from tocsin.domain.engagement import Engagement
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, Send, SendState
from tocsin.domain.tenancy import DialectName

_UNSEEN = Engagement()


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as it is now. engagement: its readers by hour and push service; empty once the figures are sealed."""

    campaign: Campaign
    status: CampaignStatus
    totals: Totals
    engagement: Engagement = _UNSEEN


@dataclass(frozen=True, slots=True)
class SendView:
    """An API send, looked at as a campaign."""

    send: Send
    status: CampaignStatus
    totals: Totals
    engagement: Engagement


class Measuring:
    """Reads a campaign's send where there is one, for that says how far it is."""

    def __init__(
        self,
        campaigns: Campaigns,
        sends: Sends,
        settling: Settling,
        engagements: Engagements,
        side_by_side: SideBySide,
    ) -> None:
        self._campaigns = campaigns
        self._sends = sends
        self._settling = settling
        self._engagements = engagements
        self._side_by_side = side_by_side

    def view(self, campaign: Campaign) -> CampaignView:
        """A campaign with its figures."""
        send = self.send_of(campaign)
        if send is None:
            return CampaignView(campaign, campaign.status, campaign.sealed or Totals())
        totals, engagement = self._figures(send)
        return CampaignView(campaign, status_of(campaign, send), totals, engagement)

    def campaigns(
        self, app: AppId, status: CampaignStatus | None, limit: int, cursor: str | None
    ) -> Page[CampaignView]:
        """A page of campaigns, newest first; of one status a page may be short, or empty, though more follow.

        Raises MalformedCursor.
        """
        page = self._campaigns.listed(app, limit, cursor)
        views = self._side_by_side(self.view, page.items)
        return Page([view for view in views if status in {None, view.status}], page.cursor)

    def api_send(self, app: AppId, dialect: DialectName, name: SendId) -> SendView | None:
        """A send that came in through this API by itself; None if there is none such."""
        found = self._sends.get(app, name)
        return None if found is None or found.source != dialect else self._view(found)

    def api_sends(self, app: AppId, dialect: DialectName, limit: int, cursor: str | None) -> Page[SendView]:
        """A page of those, newest first. Raises MalformedCursor."""
        page = self._sends.listed(app, [dialect], limit, cursor)
        return Page(self._side_by_side(self._view, page.items), page.cursor)

    def send_of(self, campaign: Campaign) -> Send | None:
        """A campaign's send, while it is kept."""
        if campaign.sent_at is None or campaign.sealed is not None:
            return None
        return self._sends.get(campaign.app, SendId(campaign.id))

    def sealed(self, campaign: Campaign) -> Campaign:
        """The campaign with its status and figures for good."""
        view = self.view(campaign)
        return replace(campaign, status=view.status, sealed=view.totals, due_at=None, revision=campaign.revision + 1)

    def _view(self, send: Send) -> SendView:
        return SendView(send, _status(send), *self._figures(send))

    def _figures(self, send: Send) -> tuple[Totals, Engagement]:
        progress = self._settling.progress(send)
        seen = self._engagements.of(send.app, send.id) if send.reports_events else _UNSEEN
        return _totals(progress, seen), seen


def _status(send: Send) -> CampaignStatus:
    if send.course is Course.CANCELLED:
        return CampaignStatus.CANCELLED
    if send.state is SendState.SETTLED:
        return CampaignStatus.COMPLETED
    return CampaignStatus.PAUSED if send.course is Course.PAUSED else CampaignStatus.SENDING


def _totals(progress: Progress, seen: Engagement) -> Totals:
    """What is unsure when all is over counts as failed."""
    counts, over = progress.counts, progress.send.state is SendState.SETTLED
    return Totals(
        progress.send.reserved,
        counts.accepted,
        counts.failed + counts.uncertain * over,
        seen.displayed,
        seen.clicked,
        seen.dismissed,
        progress.report.missing,
    )
