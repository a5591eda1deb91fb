"""The contract of Subscriptions for labels: who carries them, and about how many."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.records import APP, OTHER_APP, changed, subscription
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tocsin.adapters.dynamodb.database import Database, Put
from tocsin.application.ports import Stale
from tocsin.domain.ids import AppId
from tocsin.domain.subscription import Subscription, SubscriptionState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def labelled(number: int, *labels: str, owner: AppId = APP) -> Subscription:
    return replace(subscription(number), labels=labels, app=owner)


def carrying(stores: Stores, *labels: str, limit: int = 100) -> list[str]:
    """Whom a walk meets, stretch by stretch."""
    met, after = list[str](), None
    while True:
        walk = stores.subscriptions.walk(APP, after, limit, labels=labels)
        met += [one.id for one in walk.recipients]
        if (after := walk.after) is None:
            return sorted(met)


def test_a_walk_by_labels_meets_who_carries_any_of_them(stores: Stores) -> None:
    both, news, none = labelled(1, "news", "sport"), labelled(2, "news"), labelled(3, "newsletter")
    left = replace(labelled(4, "news"), state=SubscriptionState.INACTIVE)
    for one in (both, news, none, left, labelled(5, "news", owner=OTHER_APP)):
        stores.subscriptions.put(one, None)
    assert carrying(stores, "news") == sorted([both.id, news.id])
    assert carrying(stores, "sport", "never") == [both.id]
    assert carrying(stores, "never") == []


def test_a_walk_by_labels_goes_on_where_it_stopped_and_meets_each_once(stores: Stores) -> None:
    everybody = [labelled(number, "news") for number in range(1, 8)]
    for one in everybody:
        stores.subscriptions.put(one, None)
        stores.subscriptions.put(labelled(100 + int(one.id[-2:], 16)), None)
    assert carrying(stores, "news", limit=3) == sorted(one.id for one in everybody)


def test_it_is_known_how_many_carry_a_label(stores: Stores) -> None:
    first, second = labelled(1, "news", "sport"), labelled(2, "news")
    stores.subscriptions.put(first, None)
    stores.subscriptions.put(second, None)
    assert stores.subscriptions.labelled(APP, ["news"]) == 2
    assert stores.subscriptions.labelled(APP, ["news", "sport", "never", "news"]) == 3
    assert stores.subscriptions.labelled(OTHER_APP, ["news"]) == 0
    relabelled = replace(changed(first), labels=("sport", "weather"))
    stores.subscriptions.put(relabelled, first)
    assert [stores.subscriptions.labelled(APP, [label]) for label in ("news", "sport", "weather")] == [1, 1, 1]
    stores.subscriptions.erase(relabelled)
    assert [stores.subscriptions.labelled(APP, [label]) for label in ("news", "sport", "weather")] == [1, 0, 0]


def test_who_came_too_late_changes_no_count(stores: Stores) -> None:
    first = labelled(1, "news")
    stores.subscriptions.put(first, None)
    stores.subscriptions.put(replace(changed(first), labels=()), first)
    with pytest.raises(Stale):
        stores.subscriptions.put(replace(changed(first), labels=("sport",)), first)
    with pytest.raises(Stale):
        stores.subscriptions.erase(first)
    assert [stores.subscriptions.labelled(APP, [label]) for label in ("news", "sport")] == [0, 0]


def test_a_change_of_labels_whose_answer_got_lost_is_a_change(
    played_dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = dynamo_stores(played_dynamodb, create_tables(played_dynamodb, "lost-answer"))
    first = labelled(1, "news")
    stores.subscriptions.put(first, None)
    put = Database.put

    def put_twice(database: Database, write: Put) -> None:
        put(database, write)
        put(database, write)  # as botocore repeats it: its own condition refuses it by then

    monkeypatch.setattr(Database, "put", put_twice)
    stores.subscriptions.put(replace(changed(first), labels=("sport",)), first)
    assert [stores.subscriptions.labelled(APP, [label]) for label in ("news", "sport")] == [0, 1]
