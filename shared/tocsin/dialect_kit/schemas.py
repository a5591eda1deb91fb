"""Types as JSON Schema: pydantic's, with what our validators ask for, in as few words as they need."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core.core_schema import AfterValidatorFunctionSchema, WithDefaultSchema

from tocsin.dialect_kit.fields import Rule

_ROWS = re.compile(r"\s*\((?:PS|CS|BN|PU|KM|X)-\d[^)]*\)")
Schema: TypeAlias = dict[str, Any]
Part: TypeAlias = tuple[int, str]


def schemas_of(types: Mapping[Part, tuple[JsonSchemaMode, Any]]) -> tuple[dict[Part, Schema], dict[str, Schema]]:
    """The schema of each type, and of the models that these refer to as `#/components/schemas/<name>`."""
    inputs = [(part, mode, TypeAdapter(type_)) for part, (mode, type_) in types.items()]
    made, whole = TypeAdapter.json_schemas(
        inputs, ref_template="#/components/schemas/{model}", schema_generator=_Generator
    )
    return {part: schema for (part, _), schema in made.items()}, without_rows(whole.get("$defs", {}))


def without_rows(value: Any) -> Any:
    """The same, or the same text, without the rows of our compatibility table that docstrings point to."""
    match value:
        case str():
            return _ROWS.sub("", value)
        case dict():
            return {name: without_rows(member) for name, member in value.items()}
        case list():
            return [without_rows(member) for member in value]
        case _:
            return value


def shape(value: object) -> Schema:
    """The schema of what looks like this instance; null stands for what may as well be a text."""
    match value:
        case Mapping():
            members = {str(name): shape(member) for name, member in value.items()}
            return {"type": "object", "required": list(members), "properties": members}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case _:
            return {"type": "string"}


class _Generator(GenerateJsonSchema):
    """Without titles and empty defaults, which say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """Never: it is the field's name again."""
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Without a default that says only that the field may be left out, or that repeats another schema."""
        told = super().default_schema(schema)
        if told.get("default", ...) in (None, "") or isinstance(told.get("default"), dict):
            del told["default"]
        return told

    def function_after_schema(self, schema: AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """With a Rule's own schema."""
        told, function = super().function_after_schema(schema), schema["function"]["function"]
        return {**told, **function.schema} if isinstance(function, Rule) else told
