"""What a segment's rule comes to for a subscription."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tocsin.domain.identity import IdentityKind
from tocsin.domain.segment import DAY, DEVICE, AllOf, Anybody, AnyOf, Condition, Field, Not, Operator, Rule, Value
from tocsin.domain.subscription import Subscription

Known: TypeAlias = Mapping[Field, object]
"""What is known of a subscription: labels as a tuple, custom data as a mapping, times in Unix seconds, else texts."""


def matches(rule: Rule, subscription: Subscription, now: float) -> bool:
    """Whether a rule means a subscription at this time (Unix seconds); its state is not looked at."""
    return holds(rule, known_of(subscription), now)


def known_of(subscription: Subscription) -> Known:
    """All that rules can ask of a subscription."""
    external = subscription.identity(IdentityKind.EXTERNAL)
    return {
        Field.LABELS: subscription.labels,
        Field.CUSTOM: subscription.custom,
        Field.EXTERNAL_ID: None if external is None else external.value,
        Field.CREATED_AT: subscription.created_at,
        Field.SEEN_AT: subscription.seen_at,
        **{field: getattr(subscription.device, name) for field, name in DEVICE.items()},
    }


def fields_of(rule: Rule) -> frozenset[Field]:
    """What a rule asks of a subscription."""
    match rule:
        case Condition(field):
            return frozenset({field})
        case AllOf(rules) | AnyOf(rules):
            return frozenset[Field]().union(*map(fields_of, rules))
        case Not(one):
            return fields_of(one)
        case Anybody():
            return frozenset()


def holds(rule: Rule, known: Known, now: float) -> bool:
    """Whether a rule means whoever this is known of, its `fields_of` at least, at this time (Unix seconds)."""
    match rule:
        case Condition():
            return _true(rule, known.get(rule.field), now)
        case AllOf(rules):
            return all(holds(one, known, now) for one in rules)
        case AnyOf(rules):
            return any(holds(one, known, now) for one in rules)
        case Not(one):
            return not holds(one, known, now)
        case Anybody():
            return True


def _true(condition: Condition, found: object, now: float) -> bool:
    operator, asked = condition.operator, condition.value
    match condition.field:
        case Field.LABELS:
            return isinstance(found, tuple) and _labelled(operator, asked, found)
        case Field.CREATED_AT | Field.SEEN_AT:
            return isinstance(found, int) and _lies(operator, asked, found, now)
        case Field.CUSTOM:
            return _compares(operator, asked, _member(found, condition.path))
        case Field.EXTERNAL_ID:
            return _compares(operator, asked, found)
        case _:
            return _compares(operator, _folded(asked), found.casefold() if isinstance(found, str) else None)


def _labelled(operator: Operator, asked: Value, labels: tuple[object, ...]) -> bool:
    if operator is Operator.EXISTS:
        return bool(labels)
    if isinstance(asked, tuple):
        return {*asked} <= {*labels} if operator is Operator.HAS_ALL else not {*asked}.isdisjoint(labels)
    return asked in labels


def _lies(operator: Operator, days: Value, at: int, now: float) -> bool:
    recent = isinstance(days, int) and at >= now - days * DAY
    return recent if operator is Operator.WITHIN_DAYS else not recent


def _compares(operator: Operator, asked: Value, found: object) -> bool:
    return found is not None and _COMPARISONS[operator](found, asked)


def _is_in(found: object, asked: object) -> bool:
    return isinstance(asked, tuple) and any(_same(found, one) for one in asked)


def _contains(found: object, asked: object) -> bool:
    """Whether a list has this entry, or a text this part."""
    if isinstance(found, list):
        return any(_same(one, asked) for one in found)
    return isinstance(found, str) and isinstance(asked, str) and asked in found


def _starts(found: object, asked: object) -> bool:
    return isinstance(found, str) and isinstance(asked, str) and found.startswith(asked)


def _same(found: object, asked: object) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, and neither is true."""
    return isinstance(found, bool) is isinstance(asked, bool) and found == asked


def _exceeds(larger: object, smaller: object) -> bool:
    """Whether one is larger: numbers by size, texts by order, so that ISO dates go by time; else never."""
    if isinstance(larger, str) and isinstance(smaller, str):
        return larger > smaller
    return _is_number(larger) and _is_number(smaller) and larger > smaller  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COMPARISONS: Mapping[Operator, Callable[[object, object], bool]] = {
    Operator.EXISTS: lambda _found, _asked: True,
    Operator.EQUALS: _same,
    Operator.NOT_EQUALS: lambda found, asked: not _same(found, asked),
    Operator.IN: _is_in,
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: _starts,
    Operator.GREATER_THAN: _exceeds,
    Operator.LESS_THAN: lambda found, asked: _exceeds(asked, found),
}


def _member(custom: object, path: tuple[str, ...]) -> object:
    """What stands there in the owner's object; None, as for null, where nothing does."""
    for name in path:
        if not isinstance(custom, Mapping):
            return None
        custom = custom.get(name)
    return custom


def _folded(asked: Value) -> Value:
    if isinstance(asked, tuple):
        return tuple(one.casefold() if isinstance(one, str) else one for one in asked)
    return asked.casefold() if isinstance(asked, str) else asked
