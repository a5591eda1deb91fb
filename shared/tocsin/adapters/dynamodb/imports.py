"""How far imports of subscriptions are, on DynamoDB."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Put
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import Stale
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId
from tocsin.domain.importing import Import, ImportId, RefusedLine, Tally

# Ids are random: whoever finds one taken is repeating its own write.
FIRST_TIME = "attribute_not_exists(#pk)"
# Nobody took lines since the caller read how far it is; or this very write was there already, and its answer got lost.
UNCHANGED = "#revision = :read"


class DynamoImports:
    """The Imports port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table
        self._audit = AuditSteps(table)

    def add(self, new: Import, audit: AuditEntry) -> None:
        """Store a new import."""
        try:
            self._database.transact([Put(self._table, _item(new), FIRST_TIME), self._audit.written(audit)])
        except ConditionsFailed:
            if self.get(new.app, new.id) != new:
                raise

    def get(self, app: AppId, name: ImportId) -> Import | None:
        """The import, or None."""
        record = self._database.get(self._table, keys.import_(app, name))
        return None if record is None else _import(record)

    def put(self, new: Import, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        stored = Put(self._table, _item(new), UNCHANGED, {"read": new.revision - 1})
        try:
            if audit is None:
                self._database.put(stored)
            else:
                self._database.transact([stored, self._audit.written(audit)])
        except (ConditionFailed, ConditionsFailed) as refusal:
            if self.get(new.app, new.id) != new:
                raise Stale from refusal


def _item(import_: Import) -> Item:
    tally = import_.tally
    return {
        **keys.import_(import_.app, import_.id),
        "id": import_.id,
        "app": import_.app,
        "vapid_key": import_.vapid_key,
        "keeps_addresses": import_.keeps_addresses,
        "total": import_.total,
        "started_at": import_.started_at,
        "updated_at": import_.updated_at,
        "next": import_.next,
        "imported": tally.imported,
        "updated": tally.updated,
        "unchanged": tally.unchanged,
        "refused": tally.refused,
        "refused_lines": [{"number": line.number, "rule": line.rule} for line in import_.refused],
        "finished_at": import_.finished_at,
        "revision": import_.revision,
    }


def _import(record: Record) -> Import:
    """The import in a record. Raises MalformedRecord."""
    return Import(
        ImportId(record.text("id")),
        AppId(record.text("app")),
        record.text("vapid_key"),
        record.flag("keeps_addresses"),
        record.number_or_none("total"),
        record.number("started_at"),
        record.number("updated_at"),
        record.number("next"),
        Tally(*(record.number(name) for name in ("imported", "updated", "unchanged", "refused"))),
        tuple(RefusedLine(line.number("number"), line.text("rule")) for line in record.records("refused_lines")),
        record.number_or_none("finished_at"),
        record.number("revision"),
    )
