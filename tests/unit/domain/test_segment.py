"""Rules of segments: what each condition means, what holds for all of them, and how they are written."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.records import BERT, NOW, subscription
from tocsin.domain.matching import matches
from tocsin.domain.rule_form import OURS, MalformedRule, plain_of, rule_from
from tocsin.domain.segment import (
    DAY,
    MAX_CONDITIONS,
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
from tocsin.domain.subscription import Device, Subscription

CUSTOM = {
    "plan": "pro",
    "score": 7.5,
    "vip": True,
    "one": 1,
    "since": "2026-03-01",
    "tags": ["a", 2],
    "address": {"city": "Basel"},
    "nothing": None,
}
ANNA = replace(
    subscription(1, BERT, created_at=NOW - 10 * DAY, seen_at=NOW - 2 * DAY),
    labels=("vip", "news"),
    device=Device("de-CH", "Europe/Zurich", False, "Chrome", "130", "Windows", "desktop", "CH"),
    custom=CUSTOM,
)
NOBODY_KNOWN = replace(subscription(2, created_at=NOW, seen_at=NOW), device=Device())
"""One of whom nothing is known but its times."""


def holds(rule: Rule, one: Subscription = ANNA) -> bool:
    return matches(rule, one, NOW)


def custom(path: str, operator: Operator, value: Value = None) -> Condition:
    return Condition(Field.CUSTOM, operator, value, tuple(path.split(".")))


TRUE: tuple[Condition, ...] = (
    Condition(Field.LABELS, Operator.HAS, "vip"),
    Condition(Field.LABELS, Operator.HAS_ANY, ("sport", "news")),
    Condition(Field.LABELS, Operator.HAS_ALL, ("news", "vip")),
    Condition(Field.LABELS, Operator.EXISTS),
    Condition(Field.BROWSER, Operator.EQUALS, "chrome"),
    Condition(Field.OS, Operator.NOT_EQUALS, "macOS"),
    Condition(Field.KIND, Operator.IN, ("mobile", "Desktop")),
    Condition(Field.COUNTRY, Operator.EQUALS, "ch"),
    Condition(Field.LANGUAGE, Operator.STARTS_WITH, "DE"),
    Condition(Field.TIMEZONE, Operator.CONTAINS, "zurich"),
    Condition(Field.EXTERNAL_ID, Operator.EXISTS),
    Condition(Field.EXTERNAL_ID, Operator.EQUALS, BERT.value),
    Condition(Field.CREATED_AT, Operator.WITHIN_DAYS, 10),
    Condition(Field.CREATED_AT, Operator.OLDER_THAN_DAYS, 9),
    Condition(Field.SEEN_AT, Operator.WITHIN_DAYS, 2),
    custom("plan", Operator.EQUALS, "pro"),
    custom("plan", Operator.NOT_EQUALS, "Pro"),
    custom("plan", Operator.NOT_EQUALS, 1),
    custom("plan", Operator.CONTAINS, "r"),
    custom("tags", Operator.CONTAINS, 2),
    custom("one", Operator.EQUALS, 1.0),
    custom("one", Operator.IN, (True, 1)),
    custom("score", Operator.GREATER_THAN, 7),
    custom("score", Operator.LESS_THAN, 8),
    custom("since", Operator.GREATER_THAN, "2026-02-28"),
    custom("vip", Operator.EQUALS, True),
    custom("address.city", Operator.STARTS_WITH, "Ba"),
    custom("address", Operator.EXISTS),
)
FALSE: tuple[Condition, ...] = (
    Condition(Field.LABELS, Operator.HAS, "VIP"),
    Condition(Field.LABELS, Operator.HAS_ALL, ("vip", "sport")),
    Condition(Field.EXTERNAL_ID, Operator.EQUALS, BERT.value.upper()),
    Condition(Field.CREATED_AT, Operator.WITHIN_DAYS, 9),
    Condition(Field.CREATED_AT, Operator.OLDER_THAN_DAYS, 10),
    custom("vip", Operator.EQUALS, 1),
    custom("one", Operator.EQUALS, True),
    custom("one", Operator.EQUALS, "1"),
    custom("score", Operator.GREATER_THAN, "7"),
    custom("vip", Operator.LESS_THAN, 5),
    custom("score", Operator.CONTAINS, 7),
    custom("address.city.x", Operator.EXISTS),
    custom("tags.0", Operator.EXISTS),
    custom("nothing", Operator.EXISTS),
)


@pytest.mark.parametrize("condition", TRUE, ids=str)
def test_a_condition_holds(condition: Condition) -> None:
    assert holds(condition)


@pytest.mark.parametrize("condition", FALSE, ids=str)
def test_a_condition_does_not_hold(condition: Condition) -> None:
    assert not holds(condition)


def test_these_conditions_use_every_operator_of_every_field_or_one_like_it() -> None:
    used = {(one.field, one.operator) for one in (*TRUE, *FALSE)}
    assert {field for field, _ in used} == set(Field)
    assert {operator for _, operator in used} == set(Operator)


@pytest.mark.parametrize("condition", [one for one in TRUE if one.operator not in OPERATORS[Field.SEEN_AT]], ids=str)
def test_about_what_is_absent_a_condition_is_false_and_its_opposite_true(condition: Condition) -> None:
    assert not holds(condition, NOBODY_KNOWN)
    assert holds(Not(condition), NOBODY_KNOWN)


def test_anybody_is_everybody_and_a_group_of_none_cannot_be() -> None:
    assert holds(Anybody(), ANNA)
    assert holds(Anybody(), NOBODY_KNOWN)
    for group in (AllOf, AnyOf):
        with pytest.raises(ValueError, match="no rules"):
            group(())


@pytest.mark.parametrize(
    ("field", "operator", "value", "member"),
    [
        (Field.LABELS, Operator.EQUALS, "vip", "operator"),
        (Field.LABELS, Operator.HAS, ("vip",), "value"),
        (Field.LABELS, Operator.HAS_ANY, (), "value"),
        (Field.LABELS, Operator.HAS_ANY, "vip", "value"),
        (Field.BROWSER, Operator.EQUALS, 1, "value"),
        (Field.BROWSER, Operator.EQUALS, None, "value"),
        (Field.BROWSER, Operator.EXISTS, "x", "value"),
        (Field.BROWSER, Operator.IN, ("x",) * 101, "value"),
        (Field.BROWSER, Operator.EQUALS, "x" * 257, "value"),
        (Field.SEEN_AT, Operator.WITHIN_DAYS, 1.5, "value"),
        (Field.SEEN_AT, Operator.WITHIN_DAYS, True, "value"),
        (Field.SEEN_AT, Operator.WITHIN_DAYS, 3_651, "value"),
        (Field.CUSTOM, Operator.EXISTS, None, "field"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(field: Field, operator: Operator, value: Value, member: str) -> None:
    with pytest.raises(InvalidCondition) as refused:
        Condition(field, operator, value)
    assert refused.value.member == member


conditions = st.sampled_from((*TRUE, *FALSE))
rules: st.SearchStrategy[Rule] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: AllOf(tuple(some))),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: AnyOf(tuple(some))),
    ),
    max_leaves=8,
)
customers = st.builds(
    lambda labels, browser, plan, days: replace(
        ANNA,
        labels=labels,
        device=Device(browser=browser),
        custom=plan,
        seen_at=NOW - days * DAY,
    ),
    st.sampled_from([(), ("vip",), ("news", "vip"), ("sport",)]),
    st.sampled_from([None, "Chrome", "Firefox"]),
    st.sampled_from([None, {}, {"plan": "pro"}, {"plan": None, "one": 1}, CUSTOM]),
    st.integers(0, 5),
)


@given(rules, customers)
def test_a_double_opposite_is_the_rule_itself(rule: Rule, one: Subscription) -> None:
    assert holds(Not(Not(rule)), one) is holds(rule, one)
    assert holds(Not(rule), one) is not holds(rule, one)


@given(st.lists(rules, min_size=1, max_size=4), customers)
def test_the_opposite_of_all_is_any_of_the_opposites(some: list[Rule], one: Subscription) -> None:
    opposites = tuple(map(Not, some))
    assert holds(Not(AllOf(tuple(some))), one) is holds(AnyOf(opposites), one)
    assert holds(Not(AnyOf(tuple(some))), one) is holds(AllOf(opposites), one)


@given(st.lists(rules, min_size=1, max_size=4).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_order_does_not_matter(both: tuple[list[Rule], list[Rule]]) -> None:
    first, second = both
    assert holds(AllOf(tuple(first))) is holds(AllOf(tuple(second)))
    assert holds(AnyOf(tuple(first))) is holds(AnyOf(tuple(second)))


@given(rules.filter(lambda rule: depth(rule) <= 5))
def test_what_is_written_is_read_as_it_was(rule: Rule) -> None:
    assert rule_from(plain_of(rule, OURS), OURS) == rule


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "everyone", "field", "operator", "value", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


def read(plain: object) -> Rule | str:
    """The rule, or the path of what is wrong."""
    try:
        return rule_from(plain, OURS)
    except MalformedRule as error:
        return error.path


@given(json_values)
def test_whatever_is_sent_is_a_rule_or_refused_with_the_path_of_what_is_wrong(plain: Any) -> None:
    found = read(plain)
    assert found.startswith("rules") if isinstance(found, str) else holds(found) in (True, False)


@pytest.mark.parametrize(
    ("plain", "path"),
    [
        ({"any": [{"all": [{"field": "os", "operator": "in", "value": ["x", None]}]}]}, "rules.any.0.all.0.value"),
        ({"not": {"field": "os", "operator": "exists", "values": 1}}, "rules.not.values"),
        ({"any": [{"field": "os", "operator": "exists"}] * (MAX_CONDITIONS + 1)}, f"rules.any.{MAX_CONDITIONS}"),
        ({"field": "os", "operator": "in", "value": ["y" * 200] * 60}, "rules"),
        ({"all": [], "any": []}, "rules"),
        ({"field": "custom.a..b", "operator": "exists"}, "rules.field"),
        ({"field": "os.version", "operator": "exists"}, "rules.field"),
    ],
)
def test_the_path_of_what_is_wrong_is_told(plain: Mapping[str, object], path: str) -> None:
    with pytest.raises(MalformedRule) as refused:
        rule_from(plain, OURS)
    assert refused.value.path == path


def test_groups_are_nested_five_deep_at_most() -> None:
    rule: dict[str, object] = {"field": "os", "operator": "exists"}
    for _ in range(5):
        rule = {"not": rule}
    assert depth(rule_from(rule, OURS)) == 5
    with pytest.raises(MalformedRule) as refused:
        rule_from({"all": [rule]}, OURS)
    assert refused.value.path == "rules.all.0.not.not.not.not"


def depth(rule: Rule) -> int:
    """How many groups stand in each other."""
    match rule:
        case AllOf(inner) | AnyOf(inner):
            return 1 + max(map(depth, inner))
        case Not(one):
            return 1 + depth(one)
        case _:
            return 0
