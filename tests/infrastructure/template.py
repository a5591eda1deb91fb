"""template.yaml as data."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as {"Ref": ...} and {"Fn::...": ...}."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            raise AssertionError(f"an unknown form of !{suffix}")


_Loader.add_multi_constructor("!", _short_form)


@cache
def load() -> dict[str, Any]:
    """The whole template: one for all, to be read only."""
    with TEMPLATE.open() as file:
        read: dict[str, Any] = yaml.load(file, _Loader)
        return read


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical id."""
    return {name: entry["Properties"] for name, entry in load()["Resources"].items() if entry["Type"] == kind}


def holds(condition: Any, given: Mapping[str, str]) -> bool:
    """Whether a condition or assertion holds for these parameters; the others are empty."""
    match condition:
        case {"Condition": str(name)}:
            return holds(load()["Conditions"][name], given)
        case {"Fn::Equals": [first, second]}:
            return _value(first, given) == _value(second, given)
        case {"Fn::Not": [inner]}:
            return not holds(inner, given)
        case {"Fn::And": [*inner]}:
            return all(holds(one, given) for one in inner)
        case {"Fn::Or": [*inner]}:
            return any(holds(one, given) for one in inner)
        case _:
            raise AssertionError(f"an unknown condition {condition}")


def _value(term: Any, given: Mapping[str, str]) -> str:
    return given.get(term["Ref"], "") if isinstance(term, dict) else str(term)


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a role's policies."""
    for policy in role["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def logical_id(reference: Any) -> str:
    """The resource that a Ref, GetAtt or Sub names first; else the text itself."""
    match reference:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": str(path)}:
            return path.partition(".")[0]
        case {"Fn::Sub": str(text)}:
            named = re.search(r"\$\{(\w+)[.}]", text)
            return text if named is None else named[1]
        case _:
            return str(reference)
