"""Plain values to DynamoDB's attribute values and back, and typed reading of records.

Written by hand: boto3's own serializer makes Decimals of numbers and checks far more than these records need.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from tocsin.application.ports import Unreadable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Value: TypeAlias = "str | int | bytes | bool | frozenset[int] | Sequence[Value] | Mapping[str, Value] | None"
Item: TypeAlias = Mapping[str, Value]


class MalformedRecord(Unreadable):
    """An attribute that is missing, or of another type or form than ours."""


def to_attributes(item: Item) -> "dict[str, AttributeValueTypeDef]":
    """An item as the client wants it. An attribute that is None is left out, so that conditions can ask for it."""
    return {name: to_attribute(value) for name, value in item.items() if value is not None}


def to_attribute(value: Value) -> "AttributeValueTypeDef":  # noqa: PLR0911 - a table of types
    """One value as the client wants it."""
    match value:
        case str():
            return {"S": value}
        case bool():  # before int: a bool is one
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case None:
            return {"NULL": True}
        case frozenset():
            return {"NS": [str(number) for number in value]}
        case Mapping():
            return {"M": {name: to_attribute(member) for name, member in value.items()}}
        case Sequence():
            return {"L": [to_attribute(member) for member in value]}
    raise TypeError(f"no attribute type for {type(value).__name__}")


def from_attributes(attributes: "Mapping[str, AttributeValueTypeDef]") -> Item:
    """An item as the client gave it."""
    return {name: from_attribute(attribute) for name, attribute in attributes.items()}


def from_attribute(attribute: "AttributeValueTypeDef") -> Value:  # noqa: PLR0911 - a table of types
    """One value as the client gave it."""
    match attribute:
        case {"S": text}:
            return str(text)
        case {"N": number}:
            return int(number)
        case {"B": binary}:
            return bytes(binary)
        case {"NS": numbers}:
            return frozenset(map(int, numbers))
        case {"BOOL": flag}:
            return bool(flag)
        case {"NULL": _}:
            return None
        case {"M": members}:
            return {name: from_attribute(member) for name, member in members.items()}
        case {"L": members}:
            return [from_attribute(member) for member in members]
    raise MalformedRecord("an attribute of an unknown type")


class Record:
    """Typed access to an item. Every reader raises MalformedRecord when the attribute is of another type."""

    __slots__ = ("_item",)

    def __init__(self, item: Item) -> None:
        self._item = item

    def __contains__(self, name: str) -> bool:
        return self._item.get(name) is not None

    def size(self) -> int:
        """About how many bytes its values are."""
        return _size(self._item)

    def names(self) -> Collection[str]:
        """What the record has."""
        return self._item.keys()

    def text(self, name: str) -> str:
        """A string."""
        value = self._item.get(name)
        if not isinstance(value, str):
            raise MalformedRecord(name)
        return value

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._item.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise MalformedRecord(name)
        return value

    def binary(self, name: str) -> bytes:
        """Bytes."""
        value = self._item.get(name)
        if not isinstance(value, bytes):
            raise MalformedRecord(name)
        return value

    def flag(self, name: str) -> bool:
        """A truth value."""
        value = self._item.get(name)
        if not isinstance(value, bool):
            raise MalformedRecord(name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._item.get(name)
        if not isinstance(value, list) or not all(isinstance(member, str) for member in value):
            raise MalformedRecord(name)
        return tuple(map(str, value))

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list or a set of whole numbers."""
        value = self._item.get(name)
        if not isinstance(value, list | frozenset) or not all(type(member) is int for member in value):
            raise MalformedRecord(name)
        return tuple(member for member in value if isinstance(member, int))

    def records(self, name: str) -> list["Record"]:
        """A list of maps."""
        value = self._item.get(name)
        if not isinstance(value, list):
            raise MalformedRecord(name)
        return [_record(member, name) for member in value]

    def record(self, name: str) -> "Record":
        """A map."""
        return _record(self._item.get(name), name)

    def details(self, name: str) -> dict[str, str | int]:
        """A map of strings and whole numbers."""
        members = self.record(name)
        return {
            member: members.text(member) if isinstance(value, str) else members.number(member)
            for member, value in members._item.items()
        }

    def text_or_none(self, name: str) -> str | None:
        """A string, or None where there is none."""
        return self.text(name) if name in self else None

    def binary_or_none(self, name: str) -> bytes | None:
        """Bytes, or None where there are none."""
        return self.binary(name) if name in self else None

    def flag_or_none(self, name: str) -> bool | None:
        """A truth value, or None where there is none."""
        return self.flag(name) if name in self else None

    def number_or_none(self, name: str) -> int | None:
        """A whole number, or None where there is none."""
        return self.number(name) if name in self else None


def _record(value: Value, name: str) -> Record:
    if not isinstance(value, dict):
        raise MalformedRecord(name)
    return Record(value)


def _size(value: Value) -> int:
    match value:
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case Mapping():
            return sum(len(name) + _size(member) for name, member in value.items())
        case frozenset() | Sequence():
            return sum(map(_size, value))
    return 8
