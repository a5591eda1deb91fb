"""Chunks on DynamoDB."""

import contextlib
from collections.abc import Sequence

from tocsin.adapters.dynamodb import chunk_record, keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Put, Update
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.adapters.dynamodb.settlement import Settlement
from tocsin.application.ports import Frozen, LeaseLost
from tocsin.domain.chunk import Chunk, ChunkState
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send, Tally

FIRST_TIME = "attribute_not_exists(#pk)"
# Only one of those who read the same record can be its next owner. An epoch alone is not enough: the version says
# that nothing at all was written since. The digest says that both mean the same people, for who claims unread.
UNCHANGED = "#version = :read AND #state = :open AND #digest = :digest"
# The owner writes until somebody else claims. A write of its own that was delayed on the way must not undo a later one.
OWNED = "#epoch = :epoch AND #version <= :version AND #state = :open"

CHANGE = (
    "SET #results = :results, #doubted = :doubted, #in_flight = :in_flight, #epoch = :epoch, #version = :version, "
    "#lease_until = :lease_until, #waits = :waits, #put_off = :put_off, #report = :report, #state = :state"
)


class DynamoChunks:
    """The Chunks port."""

    def __init__(self, database: Database, sends_table: str, credits_table: str, subscriptions_table: str) -> None:
        self._database = database
        self._table = sends_table
        self._settlement = Settlement(database, sends_table, credits_table, subscriptions_table)

    def freeze(self, app: AppId, send: SendId, number: int, frozen: Frozen) -> Frozen:
        """Store who a chunk's recipients are, for good; those that were stored first, if somebody was faster."""
        item = chunk_record.frozen_item(app, send, number, frozen, self._expires_at())
        try:
            self._database.put(Put(self._table, item, FIRST_TIME))
        except ConditionFailed as refusal:
            if refusal.stored is not None:
                return chunk_record.frozen_from(refusal.stored)
            raise
        return frozen

    def open(self, chunk: Chunk) -> None:
        """Store the record of a chunk whose recipients are frozen; no change if it exists."""
        with contextlib.suppress(ConditionFailed):
            self._database.put(Put(self._table, chunk_record.to_item(chunk, self._expires_at()), FIRST_TIME))

    def get(self, app: AppId, send: SendId, number: int) -> Chunk | None:
        """The chunk, or None. A consistent read."""
        record = self._database.get(self._table, keys.chunk(app, send, number))
        return None if record is None else chunk_record.from_record(app, send, record)

    def frozen(self, app: AppId, send: SendId, number: int) -> Frozen | None:
        """The recipients of a chunk, or None."""
        record = self._database.get(self._table, keys.frozen(app, send, number))
        return None if record is None else chunk_record.frozen_from(record)

    def of(self, app: AppId, send: SendId) -> Sequence[Chunk]:
        """All chunks of a send, by number. A consistent read."""
        values = {"pk": keys.send_partition(app, send), "prefix": keys.CHUNKS}
        records = self._database.query(self._table, "#pk = :pk AND begins_with(#sk, :prefix)", values)
        chunks = (chunk_record.from_record(app, send, record) for record in records)
        return sorted(chunks, key=lambda chunk: chunk.number)

    def claim(self, chunk: Chunk) -> None:
        """Store the claimed record if the stored one is open and of the version before it. Raises LeaseLost."""
        values = {
            **chunk_record.fields(chunk),
            "read": chunk.version - 1,
            "open": ChunkState.OPEN,
            "digest": bytes.fromhex(chunk.digest),
        }
        self._write(Update(self._table, _key(chunk), CHANGE, values, UNCHANGED))

    def save(self, chunk: Chunk) -> None:
        """Store the record if the stored one is open and of the same epoch. Raises LeaseLost."""
        self._write(self._save(chunk))

    def finish_only(self, chunk: Chunk, send: Send, counts: Tally, at: int) -> bool:
        """Save a send's only chunk and settle the send, in one transaction. Raises LeaseLost."""
        return self._settlement.settle(send, counts, chunk.report, at, self._save(chunk))

    def _expires_at(self) -> int:
        return self._database.now() + KEPT_SECONDS

    def _save(self, chunk: Chunk) -> Update:
        values = {**chunk_record.fields(chunk), "open": ChunkState.OPEN}
        return Update(self._table, _key(chunk), CHANGE, values, OWNED)

    def _write(self, change: Update) -> None:
        try:
            self._database.change(change)
        except ConditionFailed as refusal:
            raise LeaseLost from refusal


def new_chunk(table: str, chunk: Chunk, frozen: Frozen, expires_at: int) -> list[Put]:
    """The writes that store a chunk with its recipients."""
    return [
        Put(table, chunk_record.to_item(chunk, expires_at), FIRST_TIME),
        Put(table, chunk_record.frozen_item(chunk.app, chunk.send, chunk.number, frozen, expires_at), FIRST_TIME),
    ]


def _key(chunk: Chunk) -> keys.Key:
    return keys.chunk(chunk.app, chunk.send, chunk.number)
