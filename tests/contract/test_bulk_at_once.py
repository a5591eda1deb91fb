"""Imports beside each other, on a store whose transactions are atomic: counters stay exact."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.contract.emulator import running_ministack
from tests.contract.records import ANNA, APP, BERT, changed, counted, subscription
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.domain.subscription import SubscriptionState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

EVERYBODY = [subscription(number, ANNA, BERT) for number in range(300)]


@pytest.fixture
def stores(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stores]":
    with running_ministack(tmp_path_factory.mktemp("ministack")) as url:
        client: DynamoDBClient = boto3.client(
            "dynamodb",
            "us-east-1",
            endpoint_url=url,
            aws_access_key_id="000000000000",
            aws_secret_access_key="x",
            config=Config(max_pool_connections=64, retries={"mode": "standard"}),
        )
        yield dynamo_stores(client, create_tables(client, "bulk"), SystemClock(), SystemRandomness())
        client.close()


def test_each_is_stored_once_and_counted_once_however_many_bring_them(stores: Stores) -> None:
    overlapping = [EVERYBODY[:200], EVERYBODY[100:], EVERYBODY[50:250]]
    with ThreadPoolExecutor(len(overlapping)) as threads:
        stale = list(threads.map(lambda part: stores.bulk.put_each([(one, None) for one in part]), overlapping))
    assert sum(map(len, stale)) == sum(map(len, overlapping)) - len(EVERYBODY)
    assert stores.subscriptions.counts(APP) == counted(*EVERYBODY)
    ended = [changed(one, state=SubscriptionState.INACTIVE, identities=(BERT,)) for one in EVERYBODY[:150]]
    assert list(stores.bulk.put_each(list(zip(ended, EVERYBODY[:150], strict=True)))) == []
    assert stores.subscriptions.counts(APP) == counted(*ended, *EVERYBODY[150:])
    assert len(stores.subscriptions.of(APP, [ANNA])) == 150
