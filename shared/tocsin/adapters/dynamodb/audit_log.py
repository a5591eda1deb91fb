"""Audit entries as items and back, and the write by which they join other stores' transactions."""

import json

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import Put
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.ids import AppId


class AuditSteps:
    """The write of an audit entry, for the transaction that makes the change."""

    def __init__(self, table: str) -> None:
        self._table = table

    def written(self, entry: AuditEntry) -> Put:
        """The entry. Its id is random: written again, it is the same."""
        item: Item = {
            **keys.audit_entry(entry.app, entry.at, entry.id),
            "id": entry.id,
            "app": entry.app,
            "at": entry.at,
            "actor": entry.actor.name,
            "request_id": entry.actor.request_id,
            "action": entry.action,
            "details": json.dumps(dict(entry.details), ensure_ascii=False, separators=(",", ":")),
        }
        return Put(self._table, item)


def entry_from(record: Record) -> AuditEntry:
    """The entry in a record. Raises MalformedRecord."""
    return AuditEntry(
        record.text("id"),
        AppId(record.text("app")),
        record.number("at"),
        Actor(record.text("actor"), record.text("request_id")),
        Action(record.text("action")),
        json.loads(record.text("details")),
    )
