"""The contract of Subscriptions."""

from dataclasses import replace

import pytest

from tests.contract.records import ANNA, APP, BERT, NOW, OTHER_APP, changed, subscription
from tests.contract.stores import Stores
from tocsin.application.ports import Stale
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Counts, Device, Subscription, SubscriptionState

INACTIVE, EXPIRED = SubscriptionState.INACTIVE, SubscriptionState.EXPIRED


def put_new(stores: Stores, *several: Subscription) -> None:
    for one in several:
        stores.subscriptions.put(one, None)


def test_a_subscription_is_read_back_as_it_was(stores: Stores) -> None:
    full = replace(subscription(1, ANNA, BERT), labels=("a", "b"), device=Device("en", "Europe/Zurich", True))
    bare = replace(subscription(2), device=Device())
    put_new(stores, full, bare)
    assert stores.subscriptions.get(APP, full.id) == full
    assert stores.subscriptions.get(APP, bare.id) == bare


def test_a_foreign_app_sees_nothing(stores: Stores) -> None:
    mine = subscription(1, ANNA)
    put_new(stores, mine)
    assert stores.subscriptions.get(OTHER_APP, mine.id) is None
    assert stores.subscriptions.of(OTHER_APP, [ANNA]) == []
    assert stores.subscriptions.load(OTHER_APP, [mine.id]) == {}
    assert stores.subscriptions.walk(OTHER_APP, None, 10).subscriptions == []
    assert stores.subscriptions.counts(OTHER_APP) == Counts(0, 0, 0)
    assert not stores.subscriptions.expire(OTHER_APP, mine.id, mine.endpoint)
    assert stores.subscriptions.get(APP, mine.id) == mine


def test_the_same_endpoint_at_two_apps_is_two_subscriptions(stores: Stores) -> None:
    mine, theirs = subscription(1, ANNA), subscription(1, ANNA, owner=OTHER_APP)
    put_new(stores, mine, theirs)
    assert stores.subscriptions.of(APP, [ANNA]) == [mine]
    assert stores.subscriptions.of(OTHER_APP, [ANNA]) == [theirs]


def test_a_second_first_put_is_stale_and_changes_nothing(stores: Stores) -> None:
    put_new(stores, subscription(1, ANNA))
    with pytest.raises(Stale):
        stores.subscriptions.put(subscription(1, BERT), None)
    assert stores.subscriptions.get(APP, subscription(1).id) == subscription(1, ANNA)
    assert stores.subscriptions.of(APP, [BERT]) == []
    assert stores.subscriptions.counts(APP) == Counts(1, 0, 0)


def test_a_stale_put_changes_nothing_not_even_the_counters(stores: Stores) -> None:
    first = subscription(1, ANNA)
    second = changed(first, identities=(BERT,))
    put_new(stores, first)
    stores.subscriptions.put(second, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(first, state=INACTIVE), first)
    assert stores.subscriptions.get(APP, first.id) == second
    assert stores.subscriptions.counts(APP) == Counts(1, 0, 0)


def test_a_stale_put_that_moves_no_counter_is_stale_too(stores: Stores) -> None:
    first = subscription(1)
    second = changed(first)
    put_new(stores, first)
    stores.subscriptions.put(second, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(replace(second, labels=("late",)), first)
    assert stores.subscriptions.get(APP, first.id) == second


def test_a_put_over_nothing_is_stale(stores: Stores) -> None:
    missing = subscription(1)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(missing, state=INACTIVE), missing)
    assert stores.subscriptions.get(APP, missing.id) is None
    assert stores.subscriptions.counts(APP) == Counts(0, 0, 0)


def test_a_put_over_an_older_record_than_was_read_is_stale(stores: Stores) -> None:
    first = subscription(1)
    never_stored = changed(first)
    put_new(stores, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(never_stored, state=INACTIVE), never_stored)
    assert stores.subscriptions.get(APP, first.id) == first


def test_a_moved_identity_finds_the_new_owner_only(stores: Stores) -> None:
    first = subscription(1, ANNA)
    moved = changed(first, identities=(BERT,))
    put_new(stores, first)
    stores.subscriptions.put(moved, first)
    assert stores.subscriptions.of(APP, [ANNA]) == []
    assert stores.subscriptions.of(APP, [BERT]) == [moved]


def test_people_get_each_active_subscription_once_most_recent_first(stores: Stores) -> None:
    both = subscription(1, ANNA, BERT, seen_at=NOW + 1)
    newer, older = subscription(2, ANNA, seen_at=NOW + 2), subscription(33, BERT, seen_at=NOW)
    dead = subscription(4, ANNA, state=EXPIRED, seen_at=NOW + 9)
    put_new(stores, both, newer, older, dead, subscription(5))
    assert stores.subscriptions.of(APP, [ANNA, BERT, ANNA]) == [newer, both, older]


def test_a_person_with_more_subscriptions_than_one_batch_reads_gets_all(stores: Stores) -> None:
    put_new(stores, *(subscription(number, ANNA) for number in range(101)))
    assert len(stores.subscriptions.of(APP, [ANNA])) == 101


def test_loading_leaves_out_what_does_not_exist(stores: Stores) -> None:
    active, dead = subscription(1), subscription(2, state=EXPIRED)
    put_new(stores, active, dead)
    wanted = [dead.id, SubscriptionId("ff" * 12), active.id, dead.id]
    assert stores.subscriptions.load(APP, wanted) == {active.id: active, dead.id: dead}
    assert stores.subscriptions.load(APP, []) == {}


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_a_walk_meets_every_active_one_once_whatever_the_stride(stores: Stores, limit: int) -> None:
    everyone = [subscription(number) for number in (*range(12), 32, 64, 33)]
    put_new(stores, *everyone, *(subscription(number, ANNA, state=EXPIRED) for number in (96, 13, 255)))
    met: list[Subscription] = []
    after, strides = None, 0
    while True:
        stretch = stores.subscriptions.walk(APP, after, limit)
        met += stretch.subscriptions
        strides += 1
        if (after := stretch.after) is None:
            break
        assert len(stretch.subscriptions) == limit
    assert sorted(met, key=lambda one: one.id) == sorted(everyone, key=lambda one: one.id)
    assert len({one.id for one in met}) == len(met)
    assert strides == -(-len(everyone) // limit)


def test_a_walk_keeps_its_order_when_somebody_arrives(stores: Stores) -> None:
    put_new(stores, *(subscription(number) for number in (1, 2, 3, 4)))
    first = stores.subscriptions.walk(APP, None, 2)
    put_new(stores, subscription(0), subscription(40))
    rest = stores.subscriptions.walk(APP, first.after, 10)
    assert [one.endpoint[-1] for one in first.subscriptions] == ["1", "2"]
    assert [one.endpoint.rsplit("/")[-1] for one in rest.subscriptions] == ["3", "4", "40"]


def test_expiring_marks_and_counts_once(stores: Stores) -> None:
    alive = subscription(1, ANNA)
    put_new(stores, alive)
    assert stores.subscriptions.expire(APP, alive.id, alive.endpoint)
    assert not stores.subscriptions.expire(APP, alive.id, alive.endpoint)
    assert stores.subscriptions.get(APP, alive.id) == changed(alive, state=EXPIRED)
    assert stores.subscriptions.counts(APP) == Counts(0, 0, 1)
    assert stores.subscriptions.of(APP, [ANNA]) == []


def test_a_late_report_does_not_expire_a_new_endpoint_or_a_withdrawn_one(stores: Stores) -> None:
    renewed, withdrawn = subscription(1), subscription(2, state=INACTIVE)
    put_new(stores, renewed, withdrawn)
    assert not stores.subscriptions.expire(APP, renewed.id, "https://push.example/old")
    assert not stores.subscriptions.expire(APP, withdrawn.id, withdrawn.endpoint)
    assert not stores.subscriptions.expire(APP, SubscriptionId("ff" * 12), "https://push.example/1")
    assert stores.subscriptions.counts(APP) == Counts(1, 1, 0)
    assert stores.subscriptions.get(APP, SubscriptionId("ff" * 12)) is None


def test_a_put_that_read_before_an_expiry_is_stale(stores: Stores) -> None:
    alive = subscription(1)
    put_new(stores, alive)
    stores.subscriptions.expire(APP, alive.id, alive.endpoint)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(alive), alive)


def test_counters_follow_every_change_of_state(stores: Stores) -> None:
    first = subscription(1, ANNA)
    withdrawn = changed(first, state=INACTIVE)
    back = changed(withdrawn, state=SubscriptionState.ACTIVE)
    put_new(stores, first, subscription(40), subscription(2))
    stores.subscriptions.put(withdrawn, first)
    assert stores.subscriptions.counts(APP) == Counts(2, 1, 0)
    assert stores.subscriptions.of(APP, [ANNA]) == []
    stores.subscriptions.put(back, withdrawn)
    assert stores.subscriptions.counts(APP) == Counts(3, 0, 0)
    assert stores.subscriptions.of(APP, [ANNA]) == [back]
