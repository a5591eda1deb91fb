"""A chunk as an item and back: two bits a recipient for results, bitmaps for doubts and intents.

500 recipients stay below 1 KB, so that a save costs one write unit.
"""

from collections.abc import Collection, Sequence

from tocsin.adapters.dynamodb import keys, report_record
from tocsin.adapters.dynamodb.marshalling import Item, MalformedRecord, Record
from tocsin.application.ports import Frozen
from tocsin.domain.chunk import Chunk, ChunkState, Result, Wait
from tocsin.domain.ids import ID_BYTES, AppId, SendId, SubscriptionId

RESULTS_PER_BYTE = 4


def fields(chunk: Chunk) -> Item:
    """What every claim and save writes anew."""
    size = len(chunk.results)
    return {
        "results": _pack_results(chunk.results),
        "doubted": _pack_bits(chunk.doubted, size),
        "in_flight": _pack_bits(chunk.in_flight, size),
        "put_off": _pack_bits(chunk.put_off, size),
        "epoch": chunk.epoch,
        "version": chunk.version,
        "lease_until": chunk.lease_until,
        "waits": "\n".join(f"{wait.place} {wait.tries} {wait.until} {wait.reason}" for wait in chunk.waits),
        "report": report_record.to_text(chunk.report),
        "state": chunk.state,
    }


def to_item(chunk: Chunk, expires_at: int) -> Item:
    """The item of a new chunk."""
    return {
        **keys.chunk(chunk.app, chunk.send, chunk.number),
        "size": len(chunk.results),
        "digest": bytes.fromhex(chunk.digest),
        **fields(chunk),
        "expires_at": expires_at,
    }


def from_record(app: AppId, send: SendId, record: Record) -> Chunk:
    """The chunk in a record. Raises MalformedRecord."""
    size = record.number("size")
    return Chunk(
        app,
        send,
        keys.chunk_number(record.text("sk")),
        record.binary("digest").hex(),
        _unpack_results(record.binary("results"), size),
        frozenset(_unpack_bits(record.binary("doubted"))),
        tuple(_unpack_bits(record.binary("in_flight"))),
        record.number("epoch"),
        record.number("version"),
        record.number("lease_until"),
        tuple(map(_wait, filter(None, record.text("waits").split("\n")))),
        frozenset(_unpack_bits(record.binary("put_off"))),
        report_record.from_record(record, "report"),
        ChunkState(record.text("state")),
    )


def frozen_item(app: AppId, send: SendId, number: int, frozen: Frozen, expires_at: int) -> Item:
    """The item of a chunk's recipients: 12 bytes each."""
    return {
        **keys.frozen(app, send, number),
        "ids": packed_ids(frozen.ids),
        "after": frozen.after,
        "expires_at": expires_at,
    }


def frozen_from(record: Record) -> Frozen:
    """The recipients in a record. Raises MalformedRecord."""
    return Frozen(ids_from(record, "ids"), record.text_or_none("after"))


def packed_ids(ids: Sequence[SubscriptionId]) -> bytes:
    """Ids as binary: 12 bytes each."""
    return b"".join(map(bytes.fromhex, ids))


def ids_from(record: Record, name: str) -> tuple[SubscriptionId, ...]:
    """The ids in a binary attribute. Raises MalformedRecord."""
    ids = record.binary(name)
    if len(ids) % ID_BYTES:
        raise MalformedRecord(name)
    return tuple(SubscriptionId(ids[start : start + ID_BYTES].hex()) for start in range(0, len(ids), ID_BYTES))


def _wait(line: str) -> Wait:
    try:
        service, tries, until, reason = line.split(" ", 3)
        return Wait(service, int(tries), int(until), reason)
    except ValueError as error:
        raise MalformedRecord("waits") from error


def _pack_results(results: Sequence[Result]) -> bytes:
    packed = bytearray(-(-len(results) // RESULTS_PER_BYTE))
    for index, result in enumerate(results):
        packed[index // RESULTS_PER_BYTE] |= result << 2 * (index % RESULTS_PER_BYTE)
    return bytes(packed)


def _unpack_results(packed: bytes, size: int) -> tuple[Result, ...]:
    if len(packed) != -(-size // RESULTS_PER_BYTE):
        raise MalformedRecord("results")
    return tuple(
        Result(packed[index // RESULTS_PER_BYTE] >> 2 * (index % RESULTS_PER_BYTE) & 0b11) for index in range(size)
    )


def _pack_bits(indexes: Collection[int], size: int) -> bytes:
    number = 0
    for index in indexes:
        number |= 1 << index
    return number.to_bytes(-(-size // 8), "little")


def _unpack_bits(packed: bytes) -> list[int]:
    number = int.from_bytes(packed, "little")
    return [index for index in range(number.bit_length()) if number >> index & 1]
