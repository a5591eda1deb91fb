"""A block of what readers did as an item and back: a bitmap for each act, and six bytes for each figure.

A block of which everybody did everything takes 1 KB in the first hour and 2 KB in the first twelve: a write unit each.
"""

import struct
from collections.abc import Iterator, Mapping

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import Item, MalformedRecord, Record
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.domain.engagement import Act, Block, Cell
from tocsin.domain.ids import AppId, SendId
from tocsin.webpush.origins import PushService

# Stored numbers, so neither list may ever be put into another order.
_ACTS = (Act.DISPLAYED, Act.CLICKED, Act.DISMISSED)
_SERVICES = (PushService.MOZILLA, PushService.FCM, PushService.APPLE, PushService.WNS, PushService.FCM_V1)
_CELL = struct.Struct(">HIB")
FIGURES = "figures"


def to_item(block: Block, created_at: int) -> Item:
    """The item of a block. created_at: of its send, with which it ends."""
    bits = {act.value: _packed(number) for act, number in block.bits.items()}
    figures = b"".join(
        _CELL.pack(number, cell.hour, _SERVICES.index(cell.service) * len(_ACTS) + _ACTS.index(cell.act))
        for cell, number in sorted(block.figures.items())
    )
    return {
        **keys.seen(block.app, block.send, block.number),
        **bits,
        FIGURES: figures,
        "version": block.version,
        "expires_at": created_at + KEPT_SECONDS,
    }


def from_record(app: AppId, send: SendId, number: int, record: Record) -> Block:
    """The block in a record. Raises MalformedRecord."""
    bits = {act: int.from_bytes(record.binary(act), "little") for act in _ACTS if act in record}
    return Block(app, send, number, bits, figures_from(record), record.number("version"))


def figures_from(record: Record) -> Mapping[Cell, int]:
    """The figures in a record, which need no more of it. Raises MalformedRecord."""
    try:
        return dict(_cells(record.binary(FIGURES)))
    except (struct.error, IndexError) as error:
        raise MalformedRecord(FIGURES) from error


def _cells(packed: bytes) -> Iterator[tuple[Cell, int]]:
    for number, hour, kind in _CELL.iter_unpack(packed):
        service, act = divmod(kind, len(_ACTS))
        yield Cell(hour, _SERVICES[service], _ACTS[act]), number


def _packed(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
