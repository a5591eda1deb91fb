"""A segment's rule as one text attribute: JSON, because DynamoDB would round its numbers."""

import json

from tocsin.adapters.dynamodb.marshalling import MalformedRecord, Record
from tocsin.domain.rule_form import OURS, MalformedRule, rule_from, text_of
from tocsin.domain.segment import Rule


def to_text(rule: Rule) -> str:
    """The attribute of a rule."""
    return text_of(rule, OURS).decode()


def from_record(record: Record, name: str) -> Rule:
    """The rule in an attribute. Raises MalformedRecord."""
    try:
        return rule_from(json.loads(record.text(name)), OURS)
    except (MalformedRule, ValueError) as error:
        raise MalformedRecord(name) from error
