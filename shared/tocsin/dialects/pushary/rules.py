"""A segment's rules in Pushary's words."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

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


Rules = Annotated[
    dict[str, Any],
    Field(
        description="One of `all` or `any` (a list of rules), `not` (a rule), `everyone` (true, as the whole rule), or "
        "a condition: `field`, `operator` and `value`.",
        examples=[{"all": [{"field": "tags", "operator": "has", "value": "premium"}]}],
    ),
]


def to_rule(rules: Mapping[str, Any]) -> Rule:
    """The core's form. Raises Refused: FIELD_INVALID, naming the part that is wrong."""
    try:
        return rule_from(rules, NAMES)
    except MalformedRule as error:
        raise Refused(Fault.FIELD_INVALID, str(error), field=error.path) from error


def from_rule(rule: Rule) -> dict[str, Any]:
    """The wire's form."""
    return plain_of(rule, NAMES)
