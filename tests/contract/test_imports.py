"""The contracts of Imports and BulkWriter."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.contract.records import ANNA, APP, BERT, NOW, OTHER_APP, changed, counted, entry, subscription
from tests.contract.stores import Stores
from tocsin.application.ports import Change, Stale
from tocsin.domain.importing import Import, ImportId, RefusedLine, Tally
from tocsin.domain.subscription import SubscriptionState

NEW = Import(ImportId("1a" * 12), APP, "vapid-1", False, None, NOW, NOW)


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is played on one thread only cannot be asked side by side."""
    monkeypatch.setattr("tocsin.adapters.dynamodb.side_by_side.AT_ONCE", 1)


def test_an_import_is_read_back_as_it_was_and_by_its_app_only(stores: Stores) -> None:
    refused = (RefusedLine(3, "endpoint is required"), RefusedLine(4, "é"))
    full = replace(
        NEW, keeps_addresses=True, total=9, next=7, tally=Tally(1, 2, 3, 4), refused=refused, finished_at=NOW + 5
    )
    stores.imports.add(NEW, entry())
    stores.imports.add(replace(full, id=ImportId("2b" * 12)), entry(2))
    assert stores.imports.get(APP, NEW.id) == NEW
    assert stores.imports.get(APP, ImportId("2b" * 12)) == replace(full, id=ImportId("2b" * 12))
    assert stores.imports.get(OTHER_APP, NEW.id) is None
    assert len(stores.registry.audit(APP, 10, None).items) == 2


def test_two_who_read_the_same_do_not_both_write(stores: Stores) -> None:
    stores.imports.add(NEW, entry())
    first = NEW.having_read(3, Tally(imported=2), (), NOW + 1)
    stores.imports.put(first)
    with pytest.raises(Stale):
        stores.imports.put(NEW.having_read(4, Tally(imported=3), (), NOW + 1), entry(2))
    assert stores.imports.get(APP, NEW.id) == first
    assert len(stores.registry.audit(APP, 10, None).items) == 1
    stores.imports.put(replace(first, finished_at=NOW, revision=2), entry(2))
    assert len(stores.registry.audit(APP, 10, None).items) == 2


def test_an_import_that_is_not_there_cannot_go_on(stores: Stores) -> None:
    with pytest.raises(Stale):
        stores.imports.put(NEW.having_read(2, Tally(), (), NOW))


def several(count: int) -> Sequence[Change]:
    """New ones with two names each, most of them in one shard."""
    made = [subscription(32 * number + (number % 4 == 0), ANNA, BERT) for number in range(1, count + 1)]
    return [(replace(one, imported_at=NOW), None) for one in made]


@pytest.mark.parametrize("count", [1, 33, 120])
def test_many_at_once_are_stored_and_counted_as_one_by_one(stores: Stores, count: int) -> None:
    assert list(stores.bulk.put_each(several(count))) == []
    everybody = [new for new, _ in several(count)]
    assert stores.subscriptions.load(APP, [one.id for one in everybody]) == {one.id: one for one in everybody}
    assert stores.subscriptions.counts(APP) == counted(*everybody)
    assert len(stores.subscriptions.of(APP, [BERT])) == count


def test_who_was_faster_stops_its_own_change_only(stores: Stores) -> None:
    changes = several(40)
    early, late = changes[7][0], changes[8][0]
    stores.subscriptions.put(early, None)
    gone = changed(late, state=SubscriptionState.INACTIVE)
    stores.subscriptions.put(late, None)
    stores.subscriptions.put(gone, late)
    again = [*changes[:8], (changed(late, identities=(ANNA,)), late), *changes[9:]]
    assert set(stores.bulk.put_each(again)) == {early.id, late.id}
    others = [new for new, _ in changes if new.id != late.id]
    assert stores.subscriptions.counts(APP) == counted(*others, gone)


def test_nothing_is_no_work(stores: Stores) -> None:
    assert list(stores.bulk.put_each([])) == []
