"""How campaigns and API sends are going: their status, and what became of their recipients.

One is measured as it is. In a list the figures of large ones may be a little old: see domain/glance.py.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tocsin.application.ports import Campaigns, Clock, Engagements, Page, Sends, SideBySide, Unavailable
from tocsin.application.settling import Progress, Settling
from tocsin.domain.campaign import Campaign, CampaignStatus, Totals, status_of
from tocsin.domain.engagement import Engagement
from tocsin.domain.glance import SUMMED_AT_ONCE, Glance
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, Send, SendState
from tocsin.domain.tenancy import DialectName

Figuring = Callable[[Send], tuple[Totals, Engagement]]
_UNSEEN = Engagement()


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign as it is now.

    engagement: its readers by hour and push service; empty in lists, and once the figures are sealed.
    """

    campaign: Campaign
    status: CampaignStatus
    totals: Totals
    engagement: Engagement = _UNSEEN


@dataclass(frozen=True, slots=True)
class SendView:
    """An API send, looked at as a campaign. engagement: as in CampaignView."""

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
        clock: Clock,
        side_by_side: SideBySide,
    ) -> None:
        self._campaigns = campaigns
        self._sends = sends
        self._settling = settling
        self._engagements = engagements
        self._clock = clock
        self._side_by_side = side_by_side

    def view(self, campaign: Campaign) -> CampaignView:
        """A campaign with its figures."""
        return self._campaign(campaign, self._figures)

    def campaigns(
        self, app: AppId, status: CampaignStatus | None, limit: int, cursor: str | None
    ) -> Page[CampaignView]:
        """A page of campaigns, newest first; of one status a page may be short, or empty, though more follow.

        Raises MalformedCursor.
        """
        page = self._campaigns.listed(app, limit, cursor)
        views = self._side_by_side(lambda one: self._campaign(one, self._glanced), page.items)
        return Page([view for view in views if status in {None, view.status}], page.cursor)

    def api_send(self, app: AppId, dialect: DialectName, name: SendId) -> SendView | None:
        """A send that came in through this API by itself; None if there is none such."""
        found = self._sends.get(app, name)
        return None if found is None or found.source != dialect else _api_send(found, self._figures)

    def api_sends(self, app: AppId, dialect: DialectName, limit: int, cursor: str | None) -> Page[SendView]:
        """A page of those, newest first. Raises MalformedCursor."""
        page = self._sends.listed(app, [dialect], limit, cursor)
        return Page(self._side_by_side(lambda one: _api_send(one, self._glanced), page.items), page.cursor)

    def send_of(self, campaign: Campaign) -> Send | None:
        """A campaign's send, while it is kept."""
        if campaign.sent_at is None or campaign.sealed is not None:
            return None
        return self._sends.get(campaign.app, SendId(campaign.id))

    def sealed(self, campaign: Campaign) -> Campaign:
        """The campaign with its status and figures for good."""
        view = self.view(campaign)
        return replace(campaign, status=view.status, sealed=view.totals, due_at=None, revision=campaign.revision + 1)

    def glances(self, sends: Sequence[Send]) -> Sequence[Totals]:
        """What became of the recipients of many sends; for large ones it may be a little old."""
        return self._side_by_side(self._glance, sends)

    def _glance(self, send: Send) -> Totals:
        over = send.state is SendState.SETTLED
        if send.reserved <= SUMMED_AT_ONCE or (over and not send.reports_events):
            return self._figures(send)[0]
        now = self._clock.now()
        known = self._engagements.glance(send.app, send.id)
        if known is None or not known.serves(send, now):
            known = Glance(self._figures(send)[0], int(now), over)
            with contextlib.suppress(Unavailable):  # then the next one adds them up again
                self._engagements.keep(send, known)
        return known.totals

    def _campaign(self, campaign: Campaign, figures: Figuring) -> CampaignView:
        send = self.send_of(campaign)
        if send is None:
            return CampaignView(campaign, campaign.status, campaign.sealed or Totals())
        return CampaignView(campaign, status_of(campaign, send), *figures(send))

    def _figures(self, send: Send) -> tuple[Totals, Engagement]:
        progress = self._settling.progress(send)
        seen = self._engagements.of(send.app, send.id) if send.reports_events else _UNSEEN
        return _totals(progress, seen), seen

    def _glanced(self, send: Send) -> tuple[Totals, Engagement]:
        return self._glance(send), _UNSEEN


def _api_send(send: Send, figures: Figuring) -> SendView:
    return SendView(send, _status(send), *figures(send))


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
