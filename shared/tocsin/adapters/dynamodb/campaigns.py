"""Campaigns on DynamoDB, and the write by which they join their send's transactions."""

import contextlib
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.campaign_record import CAMPAIGN
from tocsin.adapters.dynamodb.catalogue import DynamoCatalogue
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Put, Update
from tocsin.adapters.dynamodb.marshalling import Item
from tocsin.application.ports import CampaignChange
from tocsin.domain.campaign import Campaign
from tocsin.domain.ids import AppId, CampaignId

# Whoever has moved it meanwhile has said when it is due.
IS_DUE = "#due_at <= :now"


class DynamoCampaigns(DynamoCatalogue[Campaign]):
    """The Campaigns port."""

    def __init__(self, database: Database, campaigns_table: str, tenants_table: str) -> None:
        super().__init__(database, campaigns_table, tenants_table, CAMPAIGN)

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, CampaignId]]:
        """Campaigns whose due_at has come, the longest waiting of each partition first."""
        each = -(-limit // keys.DUE_PARTITIONS)
        found = chain.from_iterable(
            islice(
                self._database.query(
                    self._table,
                    "#due_pk = :partition AND #due_at <= :now",
                    {"partition": partition, "now": now},
                    index=keys.BY_DUE,
                    page=each,
                ),
                each,
            )
            for partition in keys.all_campaigns_due()
        )
        for record in found:
            app, name = keys.entry_in(record.text("pk"))
            yield app, CampaignId(name)

    def postpone(self, app: AppId, campaign: CampaignId, now: int, due_at: int) -> None:
        """Have one that is due now be due at due_at instead; no change if it is not due."""
        values: Item = {"due_at": due_at, "now": now}
        with contextlib.suppress(ConditionFailed):
            self._database.change(
                Update(self._table, keys.entry(app, CAMPAIGN.name, campaign), "SET #due_at = :due_at", values, IS_DUE)
            )


class CampaignSteps:
    """The writes of a changed campaign, for the transaction that changes its send."""

    def __init__(self, database: Database, campaigns_table: str, tenants_table: str) -> None:
        self._campaigns = DynamoCampaigns(database, campaigns_table, tenants_table)
        self._audit = AuditSteps(tenants_table)

    def changed(self, change: CampaignChange) -> tuple[Put, Sequence[Put]]:
        """The campaign's own, whose condition says that it is as it was read; and its audit entry's, if it has one."""
        return (
            self._campaigns.stored(change.campaign),
            [] if change.audit is None else [self._audit.written(change.audit)],
        )
