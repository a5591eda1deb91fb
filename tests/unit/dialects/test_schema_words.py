"""JSON Schema in words, as the references' tables have it."""

import pytest

from tocsin.dialects.tocsin.schema_words import Member, Schema, member_rule, members

SCHEMAS: Schema = {
    "Keys": {"type": "object", "required": ["auth"], "properties": {"auth": {"type": "string"}}},
    "Item": {"type": "object", "properties": {"id": {"type": "string"}}},
}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "minLength": 1}, "string, not empty"),
        ({"type": "string", "minLength": 1, "maxLength": 9}, "string, 1 to 9 characters"),
        ({"type": "string", "maxLength": 9}, "string, at most 9 characters"),
        ({"type": "string", "format": "uri"}, "URL"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, "integer, 0 to 9"),
        ({"type": "integer", "minimum": 1}, "integer, at least 1"),
        ({"type": "boolean", "default": False}, "boolean; false if left out"),
        ({"enum": ["a", "b"]}, "a or b"),
        ({"const": "true"}, "true"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "maxItems": 2, "items": {"type": "string"}}, "list, at most 2 entries of string"),
        ({"$ref": "#/components/schemas/Keys"}, "object"),
        ({}, "anything"),
    ],
)
def test_a_rule_is_said_in_a_few_words(schema: Schema, words: str) -> None:
    assert member_rule(schema, SCHEMAS, needed=True) == words


def test_what_may_be_left_out_is_said_so() -> None:
    assert member_rule({"type": "string"}, {}, needed=False) == "string; optional"


def test_members_of_members_are_named_by_their_way() -> None:
    whole = {
        "type": "object",
        "required": ["keys"],
        "properties": {
            "keys": {"anyOf": [{"$ref": "#/components/schemas/Keys"}, {"type": "null"}]},
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        },
    }
    assert [*members(whole, SCHEMAS)] == [
        Member("keys", "object or null"),
        Member("keys.auth", "string"),
        Member("items", "list of object; optional"),
        Member("items[].id", "string; optional"),
    ]


def test_a_member_has_its_own_description_or_that_of_what_it_refers_to() -> None:
    schemas = {"Rules": {"type": "object", "description": "Whom it means."}}
    rules = {"$ref": "#/components/schemas/Rules"}
    whole = {"type": "object", "properties": {"own": {**rules, "description": "Its own."}, "other": rules, "no": {}}}
    assert [member.about for member in members(whole, schemas)] == ["Its own.", "Whom it means.", ""]
