"""Flows on DynamoDB, with what begins their runs."""

from collections.abc import Iterator, Sequence

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.catalogue import DynamoCatalogue
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Delete, Put, Write
from tocsin.adapters.dynamodb.flow_record import FLOWS, steps_in, to_text
from tocsin.application.ports import Page, Stale
from tocsin.domain.audit import AuditEntry
from tocsin.domain.flow import Flow, FlowStatus, Step, Trigger
from tocsin.domain.ids import AppId, FlowId, SendId


class DynamoFlows:
    """The FlowCatalogue port."""

    def __init__(self, database: Database, campaigns_table: str, tenants_table: str) -> None:
        self._database = database
        self._table = campaigns_table
        self._audit = AuditSteps(tenants_table)
        self._catalogue = DynamoCatalogue(database, campaigns_table, tenants_table, FLOWS)

    def get(self, app: AppId, flow: FlowId) -> Flow | None:
        """The flow, or None."""
        return self._catalogue.get(app, flow)

    def put(self, new: Flow, old: Flow | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read, with its trigger and the steps that it replaces. Raises Stale."""
        writes: list[Write] = [self._catalogue.stored(new)]
        if old is not None:
            # The same key twice in a transaction is an error: what is put again is not removed first.
            if old.status is FlowStatus.ACTIVE and not (new.status is FlowStatus.ACTIVE and _key(new) == _key(old)):
                writes.append(Delete(self._table, _key(old)))
            if new.steps_revision != old.steps_revision:
                key = keys.replaced_steps(old.app, old.id, old.steps_revision)
                writes.append(Put(self._table, {**key, "steps": to_text(old.steps)}))
        if new.status is FlowStatus.ACTIVE:
            writes.append(Put(self._table, {**_key(new), "source": new.source}))
        self._write(writes, audit)

    def remove(self, known: Flow, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read, with its trigger. Raises Stale."""
        self._write([self._catalogue.removed(known), Delete(self._table, _key(known))], audit)

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Flow]:
        """Newest first. Raises MalformedCursor."""
        return self._catalogue.listed(app, limit, cursor)

    def steps(self, app: AppId, flow: FlowId, revision: int) -> tuple[Step, ...] | None:
        """Steps that were replaced, by their revision, or None."""
        record = self._database.get(self._table, keys.replaced_steps(app, flow, revision))
        return None if record is None else steps_in(record)

    def triggered(self, app: AppId, trigger: Trigger, source: SendId | None) -> Sequence[FlowId]:
        """The active flows that wait for this."""
        return [flow for flow, narrowed in self._waiting(app, trigger) if narrowed in {None, source}]

    def waiting(self, app: AppId, trigger: Trigger) -> Sequence[FlowId]:
        """The active flows with this trigger."""
        return [flow for flow, _ in self._waiting(app, trigger)]

    def _waiting(self, app: AppId, trigger: Trigger) -> Iterator[tuple[FlowId, str | None]]:
        condition = "#pk = :owner AND begins_with(#sk, :kind)"
        values = {"owner": keys.triggers(app), "kind": f"{trigger}#"}
        for record in self._database.query(self._table, condition, values):
            yield keys.trigger_in(record.text("sk")), record.text_or_none("source")

    def _write(self, writes: list[Write], audit: AuditEntry | None) -> None:
        noted: list[Write] = [] if audit is None else [self._audit.written(audit)]
        try:
            self._database.transact([*writes, *noted])
        except ConditionsFailed as refusal:
            raise Stale from refusal


def _key(flow: Flow) -> keys.Key:
    return keys.trigger(flow.app, flow.trigger, flow.id)
