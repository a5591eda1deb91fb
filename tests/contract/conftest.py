"""Each contract test runs twice: over memory, and over DynamoDB as moto plays it (one thread only)."""

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.contract.stores import Stores, dynamo_stores, memory_stores
from tests.contract.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_numbers = count()


@pytest.fixture(scope="module")
def played_dynamodb() -> "Iterator[DynamoDBClient]":
    """moto's DynamoDB."""
    with mock_aws():
        yield boto3.client("dynamodb", "us-east-1")


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Empty stores."""
    if request.param == "memory":
        return memory_stores()
    client: DynamoDBClient = request.getfixturevalue("played_dynamodb")
    return dynamo_stores(client, create_tables(client, f"contract-{next(_numbers)}"))
