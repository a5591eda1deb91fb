"""JSON Schema in words: what a member is called and what it has to be, for tables that people read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
_KINDS = {"uri": "URL", "email": "e-mail address"}


@dataclass(frozen=True, slots=True)
class Member:
    """name: with those around it, `subscription.keys.auth`; `[]` after a list's. about: its description, "" without."""

    name: str
    rule: str
    about: str = ""


def members(schema: Schema, schemas: Schema, around: str = "") -> Iterator[Member]:
    """The members of an object, those of objects in it after it; nothing for what is no object."""
    whole = _plain(schema, schemas)
    if whole.get("type") == "array":
        yield from members(whole["items"], schemas, f"{around}[].")
        return
    needed = whole.get("required", ())
    for name, member in whole.get("properties", {}).items():
        inner = _plain(member, schemas)
        about = member.get("description") or inner.get("description", "")
        yield Member(f"{around}{name}", member_rule(member, schemas, needed=name in needed), about)
        if inner.get("type") == "array":
            yield from members(inner["items"], schemas, f"{around}{name}[].")
        elif "properties" in inner:
            yield from members(inner, schemas, f"{around}{name}.")


def member_rule(schema: Schema, schemas: Schema, *, needed: bool) -> str:
    """What a member has to be, and whether it may be left out."""
    words, default = rule(schema, schemas), schema.get("default")
    if default is not None:
        return f"{words}; {_value(default)} if left out"
    return words if needed else f"{words}; optional"


def rule(schema: Schema, schemas: Schema) -> str:
    """What a value has to be, in a few words."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(rule(choice, schemas) for choice in choices)
    return _of_one_type(_plain(schema, schemas), schemas)


def _of_one_type(schema: Schema, schemas: Schema) -> str:
    match schema:
        case {"const": value}:
            return _value(value)
        case {"enum": values}:
            return " or ".join(map(_value, values))
        case {"type": "array", "items": items}:
            return f"list{_bounds(schema.get('minItems'), schema.get('maxItems'), 'entries')} of {rule(items, schemas)}"
    kind: str = _KINDS.get(schema.get("format", "")) or schema.get("type", "anything")
    least, most = (schema.get(bound) for bound in ("minLength", "maxLength"))
    return kind + _bounds(least, most, "characters") + _bounds(schema.get("minimum"), schema.get("maximum"), "")


def _bounds(least: int | None, most: int | None, unit: str) -> str:
    if least == 1 and most is None and unit:
        return ", not empty"
    words = {
        (False, False): "",
        (True, False): f", at least {least}",
        (False, True): f", at most {most}",
        (True, True): f", {least} to {most}",
    }[least is not None, most is not None]
    return f"{words} {unit}".rstrip() if words else ""


def _plain(schema: Schema, schemas: Schema) -> Schema:
    """Without a reference, and without null beside it."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        return _plain(choices[0], schemas)
    if "$ref" in schema:
        found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
