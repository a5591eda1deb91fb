"""A segment's rules in Pushary's words."""

from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import definition_reference_schema

from tocsin.dialects.pushary.rule_words import schema_of_rules
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.rule_form import MalformedRule, plain_of, rule_from
from tocsin.domain.segment import Field as Asked
from tocsin.domain.segment import Rule

NAMES: Mapping[str, Asked] = {
    "tags": Asked.LABELS,
    "customData": Asked.CUSTOM,
    "browser": Asked.BROWSER,
    "os": Asked.OS,
    "deviceType": Asked.KIND,
    "country": Asked.COUNTRY,
    "language": Asked.LANGUAGE,
    "timezone": Asked.TIMEZONE,
    "externalId": Asked.EXTERNAL_ID,
    "createdAt": Asked.CREATED_AT,
    "lastSeenAt": Asked.SEEN_AT,
}
"""As a subscriber shows them; but for lastSeenAt, the last visit, since lastActiveAt counts messages, too."""


class Rules(RootModel[dict[str, Any]], strict=True, frozen=True):
    """Whom a segment means."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Mapping[str, Any], handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return schema_of_rules(NAMES, handler(definition_reference_schema(core["ref"])))


def to_rule(rules: Rules) -> Rule:
    """The core's form. Raises Refused: FIELD_INVALID, naming the part that is wrong."""
    try:
        return rule_from(rules.root, NAMES)
    except MalformedRule as error:
        raise Refused(Fault.FIELD_INVALID, str(error), field=error.path) from error


def from_rule(rule: Rule) -> Rules:
    """The wire's form."""
    return Rules(plain_of(rule, NAMES))
