"""DynamoDB's expressions, as far as the adapters use them; `#name` always stands for the attribute `name`."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

Attributes = dict[str, Any]
Values = Mapping[str, dict[str, Any]]
Condition = Callable[[Attributes, Values], bool]
Change = Callable[[Attributes, Values], Attributes]
_Operand = Callable[[Attributes, Values], "dict[str, Any] | None"]

_TOKEN = re.compile(r"[#:]?\w+|<>|<=|>=|[=<>(),+-]")
_CLAUSES = ("SET", "ADD", "REMOVE")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "begins_with": lambda text, prefix: text.startswith(prefix),
    "contains": lambda members, one: one in members,
}


@cache
def condition(text: str) -> Condition:
    """Whether an item ({} when there is none) fulfils a condition, a filter or a key condition."""
    tokens = _Tokens(text)
    parsed = _either(tokens)
    tokens.end()
    return parsed


@cache
def change(text: str) -> Change:
    """The item after an update expression."""
    tokens, steps = _Tokens(text), []
    while not tokens.at_end():
        clause = tokens.take()
        if clause not in _CLAUSES:
            raise NotImplementedError(f"{clause} in {text}")
        while True:
            steps.append(_step(clause, tokens))
            if not tokens.took(","):
                break

    def changed(item: Attributes, values: Values) -> Attributes:
        new = dict(item)
        for name, make in steps:
            value = make(item, values)
            if value is None:
                new.pop(name, None)
            else:
                new[name] = value
        return new

    return changed


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._place = 0
        if "".join(self._tokens) != text.replace(" ", ""):
            raise NotImplementedError(text)

    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def take(self) -> str:
        self._place += 1
        return str(self._tokens[self._place - 1])

    def took(self, token: str) -> bool:
        if self.at_end() or self._tokens[self._place] != token:
            return False
        self._place += 1
        return True

    def must(self, token: str) -> None:
        if not self.took(token):
            raise NotImplementedError(f"{token} is missing in {self._text}")

    def end(self) -> None:
        if not self.at_end():
            raise NotImplementedError(self._text)


def _either(tokens: _Tokens) -> Condition:
    parts = [_all(tokens)]
    while tokens.took("OR"):
        parts.append(_all(tokens))
    return parts[0] if len(parts) == 1 else lambda item, values: any(part(item, values) for part in parts)


def _all(tokens: _Tokens) -> Condition:
    parts = [_one(tokens)]
    while tokens.took("AND"):
        parts.append(_one(tokens))
    return parts[0] if len(parts) == 1 else lambda item, values: all(part(item, values) for part in parts)


def _one(tokens: _Tokens) -> Condition:
    if tokens.took("("):
        inner = _either(tokens)
        tokens.must(")")
        return inner
    if tokens.took("NOT"):
        refused = _one(tokens)
        return lambda item, values: not refused(item, values)
    for function in ("attribute_exists", "attribute_not_exists", "begins_with", "contains"):
        if tokens.took(function):
            return _function(function, tokens)
    left, sign = _operand(tokens.take()), tokens.take()
    if sign == "BETWEEN":
        low = _operand(tokens.take())
        tokens.must("AND")
        return _both(_compared(left, ">=", low), _compared(left, "<=", _operand(tokens.take())))
    return _compared(left, sign, _operand(tokens.take()))


def _function(name: str, tokens: _Tokens) -> Condition:
    tokens.must("(")
    first = _operand(tokens.take())
    if name in _TESTS:
        tokens.must(",")
        second, test = _operand(tokens.take()), _TESTS[name]
        tokens.must(")")
        return lambda item, values: (
            (stored := first(item, values)) is not None and test(_plain(stored), _plain(second(item, values)))
        )
    tokens.must(")")
    there = name == "attribute_exists"
    return lambda item, values: (first(item, values) is not None) is there


def _both(first: Condition, second: Condition) -> Condition:
    return lambda item, values: first(item, values) and second(item, values)


def _compared(left: _Operand, sign: str, right: _Operand) -> Condition:
    compare = _COMPARISONS[sign]

    def holds(item: Attributes, values: Values) -> bool:
        one, other = left(item, values), right(item, values)
        if one is None or other is None:
            return sign == "<>"
        return compare(_plain(one), _plain(other))

    return holds


def _operand(token: str) -> _Operand:
    if token[0] == ":":
        return lambda _item, values: values[token]
    name = token.removeprefix("#")
    return lambda item, _values: item.get(name)


def _step(clause: str, tokens: _Tokens) -> tuple[str, _Operand]:
    name = tokens.take().removeprefix("#")
    if clause == "REMOVE":
        return name, lambda _item, _values: None
    if clause == "ADD":
        return name, _sum(_operand(f"#{name}"), "+", _operand(tokens.take()))
    tokens.must("=")
    value = _assigned(tokens)
    for sign in "+-":
        if tokens.took(sign):
            return name, _sum(value, sign, _assigned(tokens))
    return name, value


def _assigned(tokens: _Tokens) -> _Operand:
    if not tokens.took("if_not_exists"):
        return _operand(tokens.take())
    tokens.must("(")
    stored = _operand(tokens.take())
    tokens.must(",")
    otherwise = _operand(tokens.take())
    tokens.must(")")
    return lambda item, values: stored(item, values) or otherwise(item, values)


def _sum(first: _Operand, sign: str, second: _Operand) -> _Operand:
    def total(item: Attributes, values: Values) -> dict[str, Any]:
        one, other = first(item, values) or {"N": "0"}, second(item, values) or {"N": "0"}
        if "NS" in other:
            return {"NS": sorted({*one.get("NS", ()), *other["NS"]})}
        return {"N": str(int(one["N"]) + (int(other["N"]) if sign == "+" else -int(other["N"])))}

    return total


def _plain(value: "dict[str, Any] | None") -> Any:
    match value:
        case None:
            return None
        case {"N": number}:
            return int(number)
        case {"NS": numbers}:
            return set(map(int, numbers))
    return next(iter(value.values()))


def size_of(item: Attributes) -> int:
    """Bytes of an item, as DynamoDB counts them for its units."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:  # noqa: PLR0911 - a table of types
    kind, inner = next(iter(value.items()))
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return len(inner) // 2 + 1
        case "B":
            return len(inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(member) for name, member in inner.items())
        case "L":
            return 3 + _total(inner)
        case "NS":
            return sum(len(number) // 2 + 1 for number in inner)
    return 1


def _total(members: Iterable[Mapping[str, Any]]) -> int:
    return sum(1 + _size(member) for member in members)
