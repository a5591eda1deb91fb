"""Pages of large things end before they are more than a function's answer may hold, and the next one goes on there."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.records import APP, NOW, UNLIMITED, send
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tests.contract.test_catalogue import THING, from_record, item
from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.pages import PAGE_BYTES
from tocsin.domain.send import Charge

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SIZE = 100_000
FITTING = PAGE_BYTES // SIZE
MANY = FITTING + 5


@pytest.fixture
def dynamodb(played_dynamodb: "DynamoDBClient", request: pytest.FixtureRequest) -> Stores:
    """The stores that are read over HTTP."""
    return dynamo_stores(played_dynamodb, create_tables(played_dynamodb, f"pages-{request.node.name}"))


def test_of_large_entries_a_page_holds_fewer_and_none_is_left_out(dynamodb: Stores) -> None:
    things = dynamodb.catalogue(Kind("THING", item, from_record))
    kept = [replace(THING, id=f"{number:024x}", words="x" * SIZE, created_at=number) for number in range(MANY)]
    for one in kept:
        things.put(one)
    first = things.listed(APP, 500, None)
    assert FITTING - 1 <= len(first.items) <= FITTING
    rest = things.listed(APP, 500, first.cursor)
    assert [one.id for one in (*first.items, *rest.items)] == [one.id for one in reversed(kept)]
    assert rest.cursor is None


def test_no_page_of_the_largest_entries_is_empty(dynamodb: Stores) -> None:
    things = dynamodb.catalogue(Kind("THING", item, from_record))
    for number in range(8):
        things.put(replace(THING, id=f"{number:024x}", words="x" * 350_000, created_at=number))
    shown, cursor = [], None
    while True:
        page = things.listed(APP, 500, cursor)
        assert page.items
        shown += [one.created_at for one in page.items]
        if (cursor := page.cursor) is None:
            break
    assert shown == list(range(7, -1, -1))


def test_of_large_sends_a_page_holds_fewer_and_none_is_left_out(dynamodb: Stores) -> None:
    plain = send(charge=Charge.NONE)
    large = replace(plain.notification, body="x" * SIZE)
    ids = [send(number).id for number in range(1, MANY + 1)]
    for number, id_ in enumerate(ids):
        one = replace(plain, id=id_, notification=large, created_at=NOW + number)
        dynamodb.sends.reserve(one, None, None, NOW + 60, UNLIMITED)
    first = dynamodb.sends.listed(APP, [plain.dialect], 500, None)
    assert FITTING - 1 <= len(first.items) <= FITTING
    rest = dynamodb.sends.listed(APP, [plain.dialect], 500, first.cursor)
    assert [one.id for one in (*first.items, *rest.items)] == list(reversed(ids))
    assert rest.cursor is None
