"""Segments: rules that say whom a campaign means, looked at when it is sent (PU-24)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tocsin.domain.ids import AppId, SegmentId

MAX_DEPTH, MAX_CONDITIONS, MAX_BYTES = 5, 50, 8_192
"""Of a rule: groups within groups, conditions in all, and compact JSON, so that a page of segments is an answer."""
MAX_VALUE, MAX_VALUES, MAX_PATH, MAX_DAYS = 256, 100, 256, 3_650
DAY = 86_400

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None


class Field(StrEnum):
    """What of a subscription a condition looks at.

    CUSTOM: a member of its owner's own object. LANGUAGE: as its browser tells it ("de-CH"). SEEN_AT: when its browser
    last reported, as it does at a visit of the site; messages do not count.
    """

    LABELS = "labels"
    CUSTOM = "custom"
    BROWSER = "browser"
    OS = "os"
    KIND = "kind"
    COUNTRY = "country"
    LANGUAGE = "language"
    TIMEZONE = "timezone"
    EXTERNAL_ID = "external_id"
    CREATED_AT = "created_at"
    SEEN_AT = "seen_at"


class Operator(StrEnum):
    """How a condition compares. EXISTS has no value; WITHIN_DAYS and OLDER_THAN_DAYS count back from now."""

    HAS = "has"
    HAS_ANY = "has_any"
    HAS_ALL = "has_all"
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    EXISTS = "exists"
    WITHIN_DAYS = "within_days"
    OLDER_THAN_DAYS = "older_than_days"


_OF_LABELS = (Operator.HAS, Operator.HAS_ANY, Operator.HAS_ALL, Operator.EXISTS)
_OF_TEXTS = (
    Operator.EQUALS,
    Operator.NOT_EQUALS,
    Operator.IN,
    Operator.CONTAINS,
    Operator.STARTS_WITH,
    Operator.EXISTS,
)
_OF_CUSTOM = (*_OF_TEXTS, Operator.GREATER_THAN, Operator.LESS_THAN)
_OF_TIMES = (Operator.WITHIN_DAYS, Operator.OLDER_THAN_DAYS)
DEVICE = {
    Field.BROWSER: "browser",
    Field.OS: "os",
    Field.KIND: "kind",
    Field.COUNTRY: "country",
    Field.LANGUAGE: "lang",
    Field.TIMEZONE: "timezone",
}
"""Compared without regard to case; everything else is the customer's own text, and compared as it stands."""
OPERATORS: Mapping[Field, Sequence[Operator]] = {
    Field.LABELS: _OF_LABELS,
    Field.CUSTOM: _OF_CUSTOM,
    **dict.fromkeys(DEVICE, _OF_TEXTS),
    Field.EXTERNAL_ID: _OF_TEXTS,
    Field.CREATED_AT: _OF_TIMES,
    Field.SEEN_AT: _OF_TIMES,
}
"""What each field can be asked."""
LISTS = frozenset({Operator.HAS_ANY, Operator.HAS_ALL, Operator.IN})
"""Their value is a list of 1 to MAX_VALUES of what they take."""
_COUNTRY = re.compile("[A-Za-z]{2}")


class Takes(StrEnum):
    """What a condition compares with; the words complete "must be"."""

    NOTHING = 'left out: exists has none, and its opposite is {"not": ...}'
    DAYS = f"a whole number of days from 1 to {MAX_DAYS}"
    COUNTRY = "the two letters of a country in ISO 3166-1, such as CH"
    TEXT = f"a text of 1 to {MAX_VALUE} characters"
    ORDERED = f"a number or a text of 1 to {MAX_VALUE} characters"
    ANYTHING = f"a text of 1 to {MAX_VALUE} characters, a number, true or false"


def takes(field: Field, operator: Operator) -> Takes:
    """What an operator compares a field with; one of LISTS: what each entry is."""
    if operator is Operator.EXISTS:
        return Takes.NOTHING
    if operator in _OF_TIMES:
        return Takes.DAYS
    if field is Field.COUNTRY and operator in (Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN):
        return Takes.COUNTRY
    if operator in (Operator.GREATER_THAN, Operator.LESS_THAN):
        return Takes.ORDERED
    return Takes.ANYTHING if field is Field.CUSTOM and operator is not Operator.STARTS_WITH else Takes.TEXT


class InvalidCondition(ValueError):
    """A condition that cannot be. member: which part of it; the message says what that must be."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member
        self.message = message


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field must be. path: where in the owner's object, for CUSTOM.

    About something that is absent it is false, whatever it asks, so its Not is true. Raises InvalidCondition.
    """

    field: Field
    operator: Operator
    value: Value = None
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.field is Field.CUSTOM:
            if not (self.path and all(self.path)) or sum(map(len, self.path)) > MAX_PATH:
                message = f"must name a member by a path of 1 to {MAX_PATH} characters, with dots between its parts"
                raise InvalidCondition("field", message)
        elif self.path:
            raise InvalidCondition("field", "has no members")
        if self.operator not in OPERATORS[self.field]:
            raise InvalidCondition("operator", f"must be one of {', '.join(OPERATORS[self.field])}")
        if (problem := _problem(self.field, self.operator, self.value)) is not None:
            raise InvalidCondition("value", problem)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of these rules; never none, so that nothing widens a segment to everyone by mistake."""

    rules: tuple["Rule", ...]

    def __post_init__(self) -> None:
        _not_empty(self.rules)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these rules; never none."""

    rules: tuple["Rule", ...]

    def __post_init__(self) -> None:
        _not_empty(self.rules)


@dataclass(frozen=True, slots=True)
class Not:
    """Whoever this rule does not match."""

    rule: "Rule"


@dataclass(frozen=True, slots=True)
class Anybody:
    """Whoever can be sent to: said in so many words."""


Rule: TypeAlias = AllOf | AnyOf | Not | Condition | Anybody


@dataclass(frozen=True, slots=True)
class Segment:
    """A rule with a name. revision: counts changes; a write names the revision that it read. Times: Unix seconds."""

    app: AppId
    id: SegmentId
    name: str
    description: str | None
    rule: Rule
    created_at: int
    updated_at: int
    revision: int = 0


def _problem(field: Field, operator: Operator, value: Value) -> str | None:
    """What is wrong with a value; None when nothing is."""
    what = takes(field, operator)
    if operator not in LISTS:
        return None if _is(value, what) else f"must be {what}"
    if not isinstance(value, tuple) or not 1 <= len(value) <= MAX_VALUES:
        return f"must be a list of 1 to {MAX_VALUES} values"
    return None if all(_is(one, what) for one in value) else f"must be a list whose every entry is {what}"


def _is(value: Value, what: Takes) -> bool:
    text = isinstance(value, str) and 1 <= len(value) <= MAX_VALUE
    match what:
        case Takes.NOTHING:
            return value is None
        case Takes.DAYS:
            return type(value) is int and 1 <= value <= MAX_DAYS
        case Takes.COUNTRY:
            return isinstance(value, str) and _COUNTRY.fullmatch(value) is not None
        case Takes.TEXT:
            return text
        case Takes.ORDERED:
            return text or (isinstance(value, int | float) and not isinstance(value, bool))
        case Takes.ANYTHING:
            return text or isinstance(value, bool | int | float)


def _not_empty(rules: tuple[Rule, ...]) -> None:
    if not rules:
        raise ValueError("a group of no rules")
