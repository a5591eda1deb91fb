"""What a segment's rules can be, as JSON Schema and in words: made of the tables that they are checked by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.domain.segment import (
    LISTS,
    MAX_BYTES,
    MAX_CONDITIONS,
    MAX_DAYS,
    MAX_DEPTH,
    MAX_VALUE,
    MAX_VALUES,
    OPERATORS,
    Field,
    Operator,
    Takes,
    takes,
)

_TEXT = {"type": "string", "minLength": 1, "maxLength": MAX_VALUE}
_VALUES: Mapping[Takes, Mapping[str, Any]] = {
    Takes.NOTHING: {"type": "null"},
    Takes.DAYS: {"type": "integer", "minimum": 1, "maximum": MAX_DAYS},
    Takes.COUNTRY: {"type": "string", "pattern": "^[A-Za-z]{2}$"},
    Takes.TEXT: _TEXT,
    Takes.ORDERED: {"anyOf": [_TEXT, {"type": "number"}]},
    Takes.ANYTHING: {"anyOf": [_TEXT, {"type": "number"}, {"type": "boolean"}]},
}
_ABOUT = (
    "One of `all` or `any` (a list of rules), `not` (a rule), `everyone` (true, as the whole rule), or a condition: "
    f"`field`, `operator` and `value`. At most {MAX_CONDITIONS} conditions, {MAX_DEPTH} groups within each other, and "
    f"{MAX_BYTES} bytes of compact JSON. Of whoever lacks a field every condition about it is false, and its `not` "
    "true. What a browser tells of itself is compared without regard to case. lastSeenAt is the last visit."
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Fields that can be asked the same. asked: by what an operator takes, and whether that is a list."""

    names: tuple[str, ...]
    asked: Mapping[tuple[Takes, bool], tuple[Operator, ...]]


def schema_of_rules(names: Mapping[str, Field], itself: Mapping[str, Any]) -> dict[str, Any]:
    """The schema. names: of the fields. itself: a reference to it, for the rules within a rule."""
    kinds = [*_kinds(names)]
    inner = {"type": "array", "minItems": 1, "items": itself}
    forms = [_object(all=inner), _object(any=inner), _object(everyone={"const": True}), _object({"not": itself})]
    return {
        "type": "object",
        "description": "\n".join((_ABOUT, "", *(f"- {_told(kind)}" for kind in kinds))),
        "oneOf": [*forms, *(condition for kind in kinds for condition in _conditions(kind))],
    }


def _kinds(names: Mapping[str, Field]) -> Iterator[_Kind]:
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, field in names.items():
        what = tuple((operator, takes(field, operator)) for operator in OPERATORS[field])
        alike.setdefault(what, []).append(f"{name}.<path>" if field is Field.CUSTOM else name)
    for of in alike.values():
        field = names[of[0].partition(".")[0]]
        asked: dict[tuple[Takes, bool], tuple[Operator, ...]] = {}
        for operator in OPERATORS[field]:
            key = takes(field, operator), operator in LISTS
            asked[key] = (*asked.get(key, ()), operator)
        yield _Kind(tuple(of), asked)


def _conditions(kind: _Kind) -> Iterator[dict[str, Any]]:
    first = kind.names[0]
    path = first.partition(".")[0] + r"(\.[^.]+)+"
    field = {"type": "string", "pattern": f"^{path}$"} if "<path>" in first else {"enum": [*kind.names]}
    for (what, several), operators in kind.asked.items():
        value = _VALUES[what]
        if several:
            value = {"type": "array", "minItems": 1, "maxItems": MAX_VALUES, "items": value}
        condition = _object(field=field, operator={"enum": [*map(str, operators)]}, value=value)
        if what is Takes.NOTHING:
            condition["required"].remove("value")
        yield condition


def _told(kind: _Kind) -> str:
    asked = (f"{_code(operators)} {_with(what, several=several)}" for (what, several), operators in kind.asked.items())
    return f"{_code(kind.names)}: {'; '.join(asked)}"


def _with(what: Takes, *, several: bool) -> str:
    if what is Takes.NOTHING:
        return "without a value"
    return f"with a list of 1 to {MAX_VALUES}, each {what}" if several else f"with {what}"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _object(members: Mapping[str, Any] = {}, /, **further: Any) -> dict[str, Any]:
    known = {**members, **further}
    return {"type": "object", "required": [*known], "properties": known, "additionalProperties": False}
