"""Catalogues on DynamoDB: an item a thing, listed by an index that holds whole items."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Delete, Put, Write
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.pages import Listing
from tocsin.application.ports import Page, Stale
from tocsin.application.ports.catalogue import Entry
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId

FIRST_TIME = "attribute_not_exists(#pk)"
UNCHANGED = "#revision = :read"


@dataclass(frozen=True, slots=True)
class Kind(Generic[Entry]):
    """One kind of thing. name: in keys. to_item: its own attributes. from_record: raises MalformedRecord."""

    name: str
    to_item: Callable[[Entry], Item]
    from_record: Callable[[Record], Entry]


class DynamoCatalogue(Generic[Entry]):
    """The Catalogue port."""

    def __init__(self, database: Database, campaigns_table: str, tenants_table: str, kind: Kind[Entry]) -> None:
        self._database = database
        self._table = campaigns_table
        self._audit = AuditSteps(tenants_table)
        self._kind = kind
        self._listed = Listing(campaigns_table, "listed", "listed_at", keys.BY_CREATED)

    def get(self, app: AppId, name: str) -> Entry | None:
        """The one with this id, or None."""
        record = self._database.get(self._table, keys.entry(app, self._kind.name, name))
        return None if record is None else self._kind.from_record(record)

    def put(self, new: Entry, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        self._write([self.stored(new)], audit)

    def remove(self, known: Entry, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read. Raises Stale."""
        self._write([self.removed(known)], audit)

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Entry]:
        """Newest first. Raises MalformedCursor."""
        return self._listed.page(
            self._database, keys.catalogue(app, self._kind.name), self._kind.from_record, limit, cursor
        )

    def stored(self, new: Entry) -> Put:
        """The write that stores it, for the transaction of whoever changes more with it."""
        kind = self._kind.name
        item: Item = {
            **self._kind.to_item(new),
            **keys.entry(new.app, kind, new.id),
            "revision": new.revision,
            "listed": keys.catalogue(new.app, kind),
            "listed_at": keys.place(new.created_at, new.id),
        }
        if new.revision == 0:
            return Put(self._table, item, FIRST_TIME)
        return Put(self._table, item, UNCHANGED, {"read": new.revision - 1})

    def removed(self, known: Entry) -> Delete:
        """The write that removes it, likewise."""
        key = keys.entry(known.app, self._kind.name, known.id)
        return Delete(self._table, key, UNCHANGED, {"read": known.revision})

    def _write(self, writes: Sequence[Write], audit: AuditEntry | None) -> None:
        noted: list[Write] = [] if audit is None else [self._audit.written(audit)]
        try:
            self._database.transact([*writes, *noted])
        except ConditionsFailed as refusal:
            raise Stale from refusal
