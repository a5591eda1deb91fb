"""Campaigns, and the clock that wakes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.ports.catalogue import Catalogue
from tocsin.domain.audit import AuditEntry
from tocsin.domain.campaign import Campaign
from tocsin.domain.ids import AppId, CampaignId


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """A changed campaign with its audit entry, stored together with its send or not at all."""

    campaign: Campaign
    audit: AuditEntry | None


class Campaigns(Catalogue[Campaign], Protocol):
    """Campaigns."""

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, CampaignId]]:
        """Campaigns whose due_at has come, the longest waiting of each partition first; may lag a moment."""

    def postpone(self, app: AppId, campaign: CampaignId, now: int, due_at: int) -> None:
        """Have one that is due now be due at due_at instead, be it readable or not; no change if it is not due."""


class Schedules(Protocol):
    """One wake-up call for each scheduled campaign. It may come late, twice or never: the sweep looks as well."""

    def put(self, app: AppId, campaign: CampaignId, at: int) -> None:
        """Have this campaign fired at a time (Unix seconds), and not at the one that was said before.

        Raises Unavailable.
        """

    def remove(self, app: AppId, campaign: CampaignId) -> None:
        """Have it not fired; no change if it would not be. Raises Unavailable."""

    def all(self) -> Iterable[tuple[AppId, CampaignId]]:
        """Every campaign that a call is waiting for. Raises Unavailable."""
