"""Webhooks on DynamoDB, and the events that they did not take."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.account_records import app_item
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.database import (
    ConditionFailed,
    ConditionsFailed,
    Database,
    Delete,
    Put,
    Update,
    Write,
)
from tocsin.adapters.dynamodb.marshalling import Item, MalformedRecord, Record
from tocsin.application.jobs import TryAgain, event_from
from tocsin.application.ports import MalformedCursor, Page, Stale
from tocsin.domain.audit import AuditEntry
from tocsin.domain.event import Event
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import EventState, PendingEvent, Webhook

FIRST_TIME = "attribute_not_exists(#pk)"
UNCHANGED = "#revision = :read"
FAILING = "attribute_exists(#due_pk)"
IN_STATE = {EventState.FAILING: FAILING, EventState.DEAD: "attribute_not_exists(#due_pk)"}
_CURSOR = re.compile(r"[0-9a-f]{24}")


class DynamoHooks:
    """The Hooks port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table
        self._audit = AuditSteps(table)

    def get(self, app: AppId, dialect: DialectName) -> Webhook | None:
        """The webhook, or None."""
        record = self._database.get(self._table, keys.webhook(app, dialect))
        return None if record is None else _hook_from(record)

    def put(self, new: Webhook, app: App | None = None, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read, with the changed app and the entry. Raises Stale."""
        writes: list[Write] = [_where_unchanged(self._table, _hook_item(new), new.revision)]
        if app is not None:
            writes.append(Put(self._table, app_item(app), UNCHANGED, {"read": app.revision - 1}))
        if audit is not None:
            writes.append(self._audit.written(audit))
        try:
            self._database.transact(writes)
        except ConditionsFailed as refusal:
            raise Stale from refusal


class DynamoPendingEvents:
    """The PendingEvents port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, app: AppId, dialect: DialectName, event: str) -> PendingEvent | None:
        """The event, or None."""
        record = self._database.get(self._table, keys.pending_event(app, dialect, event))
        return None if record is None else _pending_from(record)

    def put(self, new: PendingEvent) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        try:
            self._database.put(_where_unchanged(self._table, _pending_item(new), new.revision))
        except ConditionFailed as refusal:
            raise Stale from refusal

    def remove(self, pending: PendingEvent) -> None:
        """Forget an event that arrived."""
        key = keys.pending_event(pending.event.app, pending.dialect, pending.event.id)
        self._database.transact([Delete(self._table, key)])

    def listed(
        self, app: AppId, dialect: DialectName, state: EventState, limit: int, cursor: str | None
    ) -> Page[PendingEvent]:
        """Those in a state, by id from the highest. Raises MalformedCursor."""
        condition: str = "#pk = :owner"
        values: dict[str, str] = {"owner": keys.pending_events(app, dialect)}
        if cursor is not None:
            if not _CURSOR.fullmatch(cursor):
                raise MalformedCursor
            condition, values = f"{condition} AND #sk < :after", {**values, "after": cursor}
        records = self._database.query(self._table, condition, values, only=IN_STATE[state], newest_first=True)
        # One more than shown tells whether there is a next page.
        found = [_pending_from(record) for record in islice(records, limit + 1)]
        shown = found[:limit]
        return Page(shown, shown[-1].event.id if len(found) > limit else None)

    def due(self, now: int, limit: int) -> Iterable[TryAgain]:
        """Failing events that are due by now, the longest waiting first."""
        waiting: list[tuple[int, str, str]] = []
        for partition in keys.all_events_due():
            records = self._database.query(
                self._table,
                "#due_pk = :due AND #due_at <= :now",
                {"due": partition, "now": now},
                index=keys.BY_DUE,
                page=limit,
            )
            waiting += [(one.number("due_at"), one.text("pk"), one.text("sk")) for one in islice(records, limit)]
        return [_named(pk, event) for _, pk, event in sorted(waiting)[:limit]]

    def postpone(self, event: TryAgain, due_at: int) -> None:
        """Have the sweep look again at due_at; no change unless it is failing."""
        key = keys.pending_event(event.app, event.dialect, event.event)
        try:
            self._database.change(Update(self._table, key, "SET #due_at = :due_at", {"due_at": due_at}, FAILING))
        except ConditionFailed:
            return


def _where_unchanged(table: str, item: Item, revision: int) -> Put:
    return Put(table, item, UNCHANGED, {"read": revision - 1}) if revision else Put(table, item, FIRST_TIME)


def _named(pk: str, event: str) -> TryAgain:
    app, dialect = keys.pending_event_in(pk)
    return TryAgain(app, DialectName(dialect), event)


def _hook_item(hook: Webhook) -> Item:
    return {
        **keys.webhook(hook.app, hook.dialect),
        "app": hook.app,
        "dialect": hook.dialect,
        "url": hook.url,
        "version": hook.version,
        "rotated_at": hook.rotated_at,
        "auth": hook.auth,
        "failing_since": hook.failing_since,
        "disabled_at": hook.disabled_at,
        "revision": hook.revision,
    }


def _hook_from(record: Record) -> Webhook:
    return Webhook(
        AppId(record.text("app")),
        DialectName(record.text("dialect")),
        record.text_or_none("url"),
        record.number("version"),
        record.number("rotated_at"),
        record.binary_or_none("auth"),
        record.number_or_none("failing_since"),
        record.number_or_none("disabled_at"),
        record.number("revision"),
    )


def _pending_item(pending: PendingEvent) -> Item:
    told = {name: value for name, value in asdict(pending.event).items() if value is not None}
    return {
        **keys.pending_event(pending.event.app, pending.dialect, pending.event.id),
        "dialect": pending.dialect,
        # As text: nothing asks for a part of it.
        "event": json.dumps(told, ensure_ascii=False, separators=(",", ":")),
        "tries": pending.tries,
        "status": pending.status,
        "milliseconds": pending.milliseconds,
        "tried_at": pending.tried_at,
        "revision": pending.revision,
        "due_pk": None if pending.due_at is None else keys.event_due(pending.event.id),
        "due_at": pending.due_at,
        "expires_at": pending.expires_at,
    }


def _pending_from(record: Record) -> PendingEvent:
    return PendingEvent(
        _event_in(record),
        DialectName(record.text("dialect")),
        record.number("tries"),
        record.number_or_none("due_at"),
        record.number("expires_at"),
        record.number_or_none("status"),
        record.number_or_none("milliseconds"),
        record.number_or_none("tried_at"),
        record.number("revision"),
    )


def _event_in(record: Record) -> Event:
    try:
        return event_from(json.loads(record.text("event")))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRecord("event") from error
