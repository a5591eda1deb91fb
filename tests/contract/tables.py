"""The tables of template.yaml, made anywhere: the schema is written once, in the template."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
SCHEMA = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, whose meaning does not matter here."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables that were made."""

    tenants: str
    credits: str
    subscriptions: str
    sends: str
    campaigns: str


def create_tables(client: "DynamoDBClient", suffix: str) -> Tables:
    """Make every table of the template, empty."""
    names = {resource: f"{resource}-{suffix}" for resource in _schemas()}
    for resource, schema in _schemas().items():
        client.create_table(TableName=names[resource], **schema)
    parts = ("TenantsTable", "CreditsTable", "SubscriptionsTable", "SendsTable", "CampaignsTable")
    return Tables(*(names[part] for part in parts))


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    resources = yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]
    return {
        name: {part: resource["Properties"][part] for part in SCHEMA if part in resource["Properties"]}
        for name, resource in resources.items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }
