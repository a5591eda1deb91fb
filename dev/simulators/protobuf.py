"""As much of protobuf's wire format as Chromium's push protocol needs: no schema, fields by their numbers."""

from collections.abc import Mapping, Sequence
from enum import IntEnum

Value = int | bytes


class _Wire(IntEnum):
    """How a field's value is written; the type is three bits beside its number."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


class Malformed(ValueError):
    """Not a protobuf message."""


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def integer(field: int, number: int) -> bytes:
    """A field of type int32, int64 or bool; not negative."""
    return varint(field << 3 | _Wire.VARINT) + varint(number)


def fixed64(field: int, number: int) -> bytes:
    """A field of type fixed64."""
    return varint(field << 3 | _Wire.FIXED64) + number.to_bytes(8, "little")


def content(field: int, value: bytes | str) -> bytes:
    """A field of type string or bytes, or a message in it."""
    encoded = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | _Wire.BYTES) + varint(len(encoded)) + encoded


def parse(message: bytes) -> Mapping[int, Sequence[Value]]:
    """Values by field number, in their order. Raises Malformed."""
    fields: dict[int, list[Value]] = {}
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value: Value
        match key & 7:
            case _Wire.VARINT:
                value, position = _read_varint(message, position)
            case _Wire.FIXED64 | _Wire.FIXED32 as kind:
                width = 8 if kind == _Wire.FIXED64 else 4
                value, position = int.from_bytes(_read(message, position, width), "little"), position + width
            case _Wire.BYTES:
                length, position = _read_varint(message, position)
                value, position = _read(message, position, length), position + length
            case other:
                raise Malformed(f"wire type {other}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _read(message: bytes, position: int, length: int) -> bytes:
    if position + length > len(message):
        raise Malformed("cut short")
    return message[position : position + length]


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = _read(message, position, 1)[0]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
