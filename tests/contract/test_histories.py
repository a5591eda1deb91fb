"""Whatever happens in whatever order: money is conserved, counters are exact, and both kinds of stores agree."""

import random

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.contract.histories import OPERATIONS, SUBJECTS, History, Step
from tests.contract.records import APP, counted, subscription
from tests.contract.stores import Stores, dynamo_stores, memory_stores
from tests.contract.tables import create_tables

STEPS = st.tuples(st.integers(0, OPERATIONS - 1), st.integers(0, SUBJECTS - 1), st.integers(0, 100))


def check(stores: Stores, history: History) -> None:
    balance = stores.credits.balance(APP)
    assert min(balance.available, balance.reserved, balance.spent) >= 0
    assert balance.available + balance.reserved + balance.spent == history.granted
    assert balance.reserved == history.held()
    names = [subscription(number).id for number in range(SUBJECTS)]
    found = stores.subscriptions.load(APP, names).values()
    assert stores.subscriptions.counts(APP) == counted(*found)


def random_steps(seed: int, length: int) -> list[Step]:
    chance = random.Random(seed)
    return [(chance.randrange(OPERATIONS), chance.randrange(SUBJECTS), chance.randrange(100)) for _ in range(length)]


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=60))
def test_in_memory_nothing_is_lost_or_made(steps: list[Step]) -> None:
    stores = memory_stores()
    history = History(stores)
    for step in steps:
        history.play(step)
        check(stores, history)


@pytest.mark.parametrize("seed", range(4))
def test_on_dynamodb_the_same_history_comes_to_the_same(seed: int) -> None:
    memory = memory_stores()
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        dynamo = dynamo_stores(client, create_tables(client, "history"))
        in_memory, on_dynamo = History(memory), History(dynamo)
        for place, step in enumerate(random_steps(seed, 120)):
            assert on_dynamo.play(step) == in_memory.play(step), (place, step)
            if place % 20 == 19:
                assert on_dynamo.view() == in_memory.view(), (place, step)
        check(dynamo, on_dynamo)
