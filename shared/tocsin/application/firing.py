"""What the clock does with campaigns: send those whose time has come, count for large ones, seal those that are over.

A wake-up call may come late, twice, for a time that has changed since, or never: the campaign's record decides.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

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
AGAIN_AFTER = 540
"""Seconds after which the sweep looks again at a campaign that it failed with: those behind it come first."""
_RACES = 8
Failed: TypeAlias = tuple[AppId, CampaignId, Exception]


@dataclass(frozen=True, slots=True)
class Round:
    """One way through campaigns. done: with how many there was something to do. failed: with which not, and why."""

    done: int = 0
    failed: Sequence[Failed] = ()


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

    def sweep(self, until: float) -> Round:
        """Fire all that are due; one that fails does not keep the others waiting. until: Unix seconds to be done by."""
        fired, failed = 0, list[Failed]()
        for app, name in list(self._campaigns.due(int(self._clock.now()), BATCH)):
            try:
                fired += self.fire(app, name, until)
            except Exception as error:  # noqa: BLE001 - one campaign's bug must not hold up all others
                self._meter.crash(error)
                failed.append((app, name, error))
        self._put_off(failed)
        return Round(fired, failed)

    def tidy(self, until: float) -> Round:
        """Remove wake-up calls that no campaign waits for. until: Unix seconds to stop at; the next hour begins anew.

        A call that is left over finds nothing to do, and goes with its time. Raises Unavailable: they cannot be listed.
        """
        removed, failed = 0, list[Failed]()
        for app, name in self._schedules.all():
            try:
                removed += self._tidied(app, name)
            except Exception as error:  # noqa: BLE001 - the others are left over all the same
                self._meter.crash(error)
                failed.append((app, name, error))
            if self._clock.now() >= until:
                break
        return Round(removed, failed)

    def _put_off(self, failed: Sequence[Failed]) -> None:
        """Look at them again later: some that fail for ever must not be all that is ever looked at."""
        now = int(self._clock.now())
        for app, name, error in failed:
            if not isinstance(error, Unavailable):
                with contextlib.suppress(Unavailable):  # then the next minute fails with it, and puts it off
                    self._campaigns.postpone(app, name, now, now + AGAIN_AFTER)

    def _tidied(self, app: AppId, name: CampaignId) -> bool:
        campaign = self._campaigns.get(app, name)
        if campaign is not None and campaign.status is CampaignStatus.SCHEDULED:
            return False
        self._schedules.remove(app, name)
        return True

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
