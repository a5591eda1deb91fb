"""Rules as plain JSON values and back: `all`, `any`, `not`, `everyone`, or a field, an operator and a value.

What the fields are called is the caller's: a dialect has its vendor's words, the stores have ours.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.domain.segment import (
    MAX_BYTES,
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPERATORS,
    AllOf,
    Anybody,
    AnyOf,
    Condition,
    Field,
    InvalidCondition,
    Not,
    Operator,
    Rule,
    Value,
)

Names = Mapping[str, Field]
OURS: Names = {field.value: field for field in Field}
_GROUPS: Mapping[str, Callable[[tuple[Rule, ...]], Rule]] = {"all": AllOf, "any": AnyOf}
_FORMS = ("all", "any", "not", "everyone", "field")
_MEMBERS = ("field", "operator", "value")


class MalformedRule(ValueError):
    """A value that is no rule. path: of the part that is not, such as `rules.all.1.value`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path} {message}")
        self.path = path


def rule_from(plain: object, names: Names, path: str = "rules") -> Rule:
    """The rule in a plain value. names: of the fields. path: what the whole is called. Raises MalformedRule."""
    reader = _Reader(names)
    rule = reader.whole(plain, path)
    if len(text_of(rule, OURS)) > MAX_BYTES:  # as it is kept, so that what was taken can be read back
        raise MalformedRule(path, f"must be at most {MAX_BYTES} bytes of compact JSON")
    return rule


def plain_of(rule: Rule, names: Names) -> dict[str, object]:
    """A rule as a plain value that `rule_from` reads."""
    match rule:
        case AllOf(rules):
            return {"all": [plain_of(one, names) for one in rules]}
        case AnyOf(rules):
            return {"any": [plain_of(one, names) for one in rules]}
        case Not(one):
            return {"not": plain_of(one, names)}
        case Anybody():
            return {"everyone": True}
        case Condition(field, operator, value, path):
            name = next(name for name, known in names.items() if known is field)
            told: dict[str, object] = {"field": ".".join((name, *path)), "operator": operator.value}
            if value is not None:
                told["value"] = list(value) if isinstance(value, tuple) else value
            return told


def text_of(rule: Rule, names: Names) -> bytes:
    """A rule as compact JSON in UTF-8."""
    return json.dumps(plain_of(rule, names), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class _Reader:
    names: Names
    conditions: int = 0

    def whole(self, plain: object, path: str) -> Rule:
        if isinstance(plain, dict) and "everyone" in plain:
            if plain != {"everyone": True} or plain["everyone"] is not True:
                raise MalformedRule(f"{path}.everyone", "must be true, and nothing may stand beside it")
            return Anybody()
        return self._rule(plain, path, 1)

    def _rule(self, plain: object, path: str, depth: int) -> Rule:
        if not isinstance(plain, dict):
            raise MalformedRule(path, f"must be an object with one of {', '.join(_FORMS)}")
        forms = [form for form in _FORMS if form in plain]
        if forms == ["everyone"]:
            raise MalformedRule(f"{path}.everyone", "must be the whole rule, not a part of one")
        if len(forms) != 1:
            raise MalformedRule(path, f"must have exactly one of {', '.join(_FORMS)}")
        [form] = forms
        if form == "field":
            return self._condition(plain, path)
        self._only((form,), plain, path)
        if depth > MAX_DEPTH:
            raise MalformedRule(path, f"must not be nested more than {MAX_DEPTH} deep")
        if form == "not":
            return Not(self._rule(plain["not"], f"{path}.not", depth + 1))
        inner, at = plain[form], f"{path}.{form}"
        if not isinstance(inner, list) or not inner:
            raise MalformedRule(at, 'must be a list of one rule or more; everyone is {"everyone": true}')
        return _GROUPS[form](tuple(self._rule(one, f"{at}.{place}", depth + 1) for place, one in enumerate(inner)))

    def _condition(self, plain: Mapping[str, object], path: str) -> Condition:
        self._only(_MEMBERS, plain, path)
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise MalformedRule(path, f"is one condition too many: at most {MAX_CONDITIONS}")
        field, inner = self._field(plain["field"], path)
        try:
            return Condition(field, _operator(plain.get("operator"), field, path), _value(plain, path), inner)
        except InvalidCondition as error:
            raise MalformedRule(f"{path}.{error.member}", error.message) from error

    def _field(self, plain: object, path: str) -> tuple[Field, tuple[str, ...]]:
        name, dot, inner = plain.partition(".") if isinstance(plain, str) else ("", "", "")
        field = self.names.get(name)
        if field is None:
            known = (f"{name}.<path>" if field is Field.CUSTOM else name for name, field in self.names.items())
            raise MalformedRule(f"{path}.field", f"must be one of {', '.join(known)}")
        return field, tuple(inner.split(".")) if dot else ()

    def _only(self, known: Sequence[str], plain: Mapping[str, object], path: str) -> None:
        if unknown := sorted(plain.keys() - set(known)):
            message = f"is not known here, only {', '.join(known)}"
            raise MalformedRule(f"{path}.{unknown[0][:32]}", message)


def _operator(plain: object, field: Field, path: str) -> Operator:
    known = OPERATORS[field]
    found = next((one for one in known if one.value == plain), None)
    if found is None:
        raise MalformedRule(f"{path}.operator", f"must be one of {', '.join(known)}")
    return found


def _value(plain: Mapping[str, object], path: str) -> Value:
    """Raises MalformedRule: it is neither a plain value nor a list of such."""
    match plain.get("value"):
        case None | str() | bool() | int() | float() as value:
            return value
        case list() as values if all(isinstance(one, str | bool | int | float) for one in values):
            return tuple(values)
    raise MalformedRule(f"{path}.value", "must be a text, a number, true, false, or a list of such")
