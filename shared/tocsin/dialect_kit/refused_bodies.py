"""What a body is refused for, found by breaking an example of it: so it is said in the model's own words."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from tocsin.dialect_kit.bodies import JsonBody, refusal_of
from tocsin.domain.errors import Fault, Refused


def refusals_of(body: JsonBody[Any], example: object) -> dict[Fault, Refused]:
    """The first refusal of each fault; FIELD_MISSING is absent where nothing of the example has to be there.

    example: a body that is taken, as JSON.
    """
    found: dict[Fault, Refused] = {}
    for broken in ({}, *_without_a_member(example), *_with_a_wrong_member(example)):
        try:
            body.model.model_validate(broken)
        except ValidationError as error:
            refused = refusal_of(error)
            found.setdefault(refused.fault, refused)
    return found


def _without_a_member(value: object) -> Iterator[object]:
    """Copies that each lack one member, of the objects within as well."""
    match value:
        case dict():
            yield from ({other: value[other] for other in value if other != name} for name in value)
            for name, inner in value.items():
                yield from ({**value, name: one} for one in _without_a_member(inner))
        case [first, *others]:
            yield from ([one, *others] for one in _without_a_member(first))


def _with_a_wrong_member(value: object) -> Iterator[object]:
    """Copies that each have one member of a type that nothing has."""
    if isinstance(value, dict):
        yield from ({**value, name: object()} for name in value)
