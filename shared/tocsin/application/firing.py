"""What the clock does with campaigns: send those whose time has come, count for large ones, seal those that are over.

A wake-up call may come late, twice, for a time that has changed since, or never: the campaign's record decides.
"""

from dataclasses import replace

from tocsin.application.launching import Launching
from tocsin.application.measuring import Measuring
from tocsin.application.ports import Campaigns, Clock, Meter, Registry, Schedules, Stale, Unavailable
from tocsin.domain.audit import Actor
from tocsin.domain.campaign import Campaign, CampaignStatus, Step, counting
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, CampaignId

CLOCK = Actor("schedule", "schedule")
"""Who sends what is scheduled."""
BATCH = 200
_RACES = 8


class Firing:
    """Looks at campaigns that are due; doing so twice changes nothing."""

    def __init__(
        self,
        campaigns: Campaigns,
        launching: Launching,
        measuring: Measuring,
        schedules: Schedules,
        registry: Registry,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._campaigns = campaigns
        self._launching = launching
        self._measuring = measuring
        self._schedules = schedules
        self._registry = registry
        self._clock = clock
        self._meter = meter

    def fire(self, app: AppId, name: CampaignId, until: float) -> bool:
        """Do what a campaign is due for, if anything; whether there was something. until: Unix seconds to be done by.

        What refuses its sending pauses it, with the reason. Raises Unavailable, Unreadable.
        """
        for _ in range(_RACES):
            campaign = self._campaigns.get(app, name)
            if campaign is None or campaign.due_at is None or campaign.due_at > self._clock.now():
                return False
            try:
                self._do(campaign, until)
            except Stale:
                continue
            return True
        raise Unavailable

    def sweep(self, until: float) -> int:
        """Fire all that are due; how many there were. One that fails does not keep the others waiting."""
        fired = 0
        for app, name in list(self._campaigns.due(int(self._clock.now()), BATCH)):
            try:
                fired += self.fire(app, name, until)
            except Exception as error:  # noqa: BLE001 - one campaign's bug must not hold up all others
                self._meter.crash(error)
        return fired

    def tidy(self) -> int:
        """Remove wake-up calls that no campaign waits for; how many there were. Raises Unavailable, Unreadable."""
        removed = 0
        for app, name in self._schedules.all():
            campaign = self._campaigns.get(app, name)
            if campaign is None or campaign.status is not CampaignStatus.SCHEDULED:
                self._schedules.remove(app, name)
                removed += 1
        return removed

    def _do(self, campaign: Campaign, until: float) -> None:
        if campaign.sent_at is not None:
            self._campaigns.put(self._measuring.sealed(campaign))
            return
        app = self._registry.app(campaign.app)
        if app is None:
            self._campaigns.put(replace(campaign, due_at=None, revision=campaign.revision + 1))
            return
        try:
            if counting(campaign):
                self._launching.count(campaign, app, until)
            else:
                self._launching.launch(campaign, app, Step.SEND, CLOCK)
        except Refused as refused:
            if refused.fault is Fault.UNAVAILABLE:
                raise Unavailable from refused
            self._refused(campaign, refused.message)

    def _refused(self, tried: Campaign, reason: str) -> None:
        """Pause it, unless its owner was faster. Counting has changed the record since it was read. Raises Stale."""
        campaign = self._campaigns.get(tried.app, tried.id)
        if campaign is not None and campaign.sent_at is None and campaign.status is tried.status:
            self._launching.rest(campaign, reason, CLOCK)
