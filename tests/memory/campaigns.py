"""Campaigns and their wake-up calls in memory."""

from collections.abc import Iterable
from dataclasses import replace

from tests.memory.catalogue import MemoryCatalogue
from tests.memory.storage import Storage
from tocsin.application.ports import CampaignChange
from tocsin.domain.campaign import Campaign
from tocsin.domain.ids import AppId, CampaignId


class MemoryCampaigns(MemoryCatalogue[Campaign]):
    """The Campaigns port."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.entries = storage.campaigns

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, CampaignId]]:
        """Campaigns whose due_at has come, the longest waiting first."""
        with self._storage.lock:
            waiting = [
                (one.due_at, one.app, one.id)
                for one in self.entries.values()
                if one.due_at is not None and one.due_at <= now
            ]
        return [(app, name) for _, app, name in sorted(waiting)[:limit]]

    def postpone(self, app: AppId, campaign: CampaignId, now: int, due_at: int) -> None:
        """Have one that is due now be due at due_at instead."""
        with self._storage.lock:
            known = self.entries.get((app, campaign))
            if known is not None and known.due_at is not None and known.due_at <= now:
                self.entries[app, campaign] = replace(known, due_at=due_at)

    def expect_read(self, change: CampaignChange | None) -> None:
        """As its send's transaction does. Raises Stale."""
        if change is not None:
            self._expect(change.campaign, change.campaign.revision - 1)

    def change(self, change: CampaignChange | None) -> None:
        """Likewise, once nothing speaks against it."""
        if change is not None:
            self.put(change.campaign, change.audit)


class MemorySchedules:
    """The Schedules port. at: when each campaign is to be fired."""

    def __init__(self) -> None:
        self.at: dict[tuple[AppId, CampaignId], int] = {}

    def put(self, app: AppId, campaign: CampaignId, at: int) -> None:
        """Have this campaign fired at a time."""
        self.at[app, campaign] = at

    def remove(self, app: AppId, campaign: CampaignId) -> None:
        """Have it not fired."""
        self.at.pop((app, campaign), None)

    def all(self) -> Iterable[tuple[AppId, CampaignId]]:
        """Every campaign that a call is waiting for."""
        return list(self.at)
