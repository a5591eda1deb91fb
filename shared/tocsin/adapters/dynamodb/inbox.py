"""Inboxes on DynamoDB: what a person was sent by a dialect that keeps a note of it (BN-18, BN-19)."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Delete, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.note import Note

KEPT_SECONDS = 90 * 86_400
"""As long as the send itself."""
UNREAD = "#read_at = :unread"
CLEARED_AT_ONCE = 100
"""As many as a transaction takes."""


def note_item(note: Note) -> Item:
    """The item of a note, stored with its send."""
    return {
        **keys.note(note.app, note.person, note.created_at, note.send),
        **asdict(note),
        "expires_at": note.created_at + KEPT_SECONDS,
    }


class DynamoInbox:
    """The Inbox port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def notes(self, app: AppId, person: str, limit: int) -> Sequence[Note]:
        """The newest notes of a person, newest first."""
        now = self._database.now()
        found = self._database.query(
            self._table, "#pk = :pk", {"pk": keys.inbox(app, person)}, page=limit, newest_first=True
        )
        # DynamoDB removes what has expired when it gets to it: until then it counts as absent.
        kept = (record for record in found if record.number("expires_at") > now)
        return [_note(record) for record in islice(kept, limit)]

    def mark_read(self, app: AppId, person: str, created_at: int, send: SendId, at: int) -> bool:
        """Note when it was read; False, and no change, if it was read before or is not there."""
        name = keys.note(app, person, created_at, send)
        try:
            self._database.change(Update(self._table, name, "SET #read_at = :at", {"at": at, "unread": 0}, UNREAD))
        except ConditionFailed:
            return False
        return True

    def clear(self, app: AppId, person: str) -> None:
        """Remove all notes of a person."""
        partition = keys.inbox(app, person)
        found = self._database.query(self._table, "#pk = :pk", {"pk": partition}, attributes="#sk")
        removals = [Delete(self._table, keys.key(partition, record.text("sk"))) for record in found]
        for start in range(0, len(removals), CLEARED_AT_ONCE):
            self._database.transact(removals[start : start + CLEARED_AT_ONCE])


def _note(record: Record) -> Note:
    """Raises MalformedRecord."""
    return Note(
        AppId(record.text("app")),
        record.text("person"),
        SendId(record.text("send")),
        record.text("title"),
        record.text("body"),
        record.number("created_at"),
        record.number("read_at"),
    )
