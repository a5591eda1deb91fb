"""Catalogue, whichever kind it keeps."""

from dataclasses import dataclass, replace

import pytest

from tests.contract.records import APP, OTHER_APP
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import Catalogue, MalformedCursor, Stale
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.ids import AppId


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that an app's owner might keep."""

    app: AppId
    id: str
    words: str
    created_at: int
    revision: int = 0


def item(thing: Thing) -> Item:
    return {"app": thing.app, "id": thing.id, "words": thing.words, "created_at": thing.created_at}


def from_record(record: Record) -> Thing:
    return Thing(
        AppId(record.text("app")),
        record.text("id"),
        record.text("words"),
        record.number("created_at"),
        record.number("revision"),
    )


THING = Thing(APP, "a" * 24, "as it was", created_at=100)


@pytest.fixture
def things(stores: Stores) -> Catalogue[Thing]:
    """An empty catalogue."""
    return stores.catalogue(Kind("THING", item, from_record))


def test_what_is_stored_is_found_as_it_was_and_by_its_own_app_only(things: Catalogue[Thing]) -> None:
    things.put(THING)
    assert things.get(APP, THING.id) == THING
    assert things.get(APP, "b" * 24) is None
    assert things.get(OTHER_APP, THING.id) is None
    assert things.listed(OTHER_APP, 10, None).items == []


def test_a_new_one_never_replaces_one_with_its_id(things: Catalogue[Thing]) -> None:
    things.put(THING)
    with pytest.raises(Stale):
        things.put(replace(THING, words="another"))
    assert things.get(APP, THING.id) == THING


def test_of_two_who_change_what_they_read_one_wins(things: Catalogue[Thing]) -> None:
    things.put(THING)
    first = replace(THING, words="first", revision=1)
    things.put(first)
    with pytest.raises(Stale):
        things.put(replace(THING, words="second", revision=1))
    assert things.get(APP, THING.id) == first


def test_what_was_removed_is_neither_found_nor_changed_nor_removed_again(things: Catalogue[Thing]) -> None:
    things.put(THING)
    things.remove(THING)
    assert things.get(APP, THING.id) is None
    assert things.listed(APP, 10, None).items == []
    with pytest.raises(Stale):
        things.put(replace(THING, revision=1))
    with pytest.raises(Stale):
        things.remove(THING)


def test_what_has_changed_since_it_was_read_is_not_removed(things: Catalogue[Thing]) -> None:
    things.put(THING)
    things.put(replace(THING, words="changed", revision=1))
    with pytest.raises(Stale):
        things.remove(THING)
    assert things.get(APP, THING.id) is not None


def test_a_change_and_its_audit_entry_are_one(stores: Stores, things: Catalogue[Thing]) -> None:
    entry = AuditEntry("e" * 24, APP, 100, Actor("key", "request"), Action.APP_CHANGED, {"thing": THING.id})
    things.put(THING, entry)
    assert list(stores.registry.audit(APP, 10, None).items) == [entry]
    refused = replace(entry, id="f" * 24)
    with pytest.raises(Stale):
        things.put(THING, refused)
    with pytest.raises(Stale):
        things.remove(replace(THING, revision=7), refused)
    assert list(stores.registry.audit(APP, 10, None).items) == [entry]
    things.remove(THING, refused)
    assert len(stores.registry.audit(APP, 10, None).items) == 2


def test_they_are_listed_newest_first_page_by_page(things: Catalogue[Thing]) -> None:
    kept = [replace(THING, id=f"{number:024x}", created_at=100 + number // 2) for number in range(5)]
    for one in kept:
        things.put(one)
    first = things.listed(APP, 2, None)
    assert list(first.items) == [kept[4], kept[3]]
    rest = things.listed(APP, 5, first.cursor)
    assert list(rest.items) == [kept[2], kept[1], kept[0]]
    assert rest.cursor is None


@pytest.mark.parametrize("cursor", ["made up", "APP#other", "", "1#a"])
def test_a_cursor_that_was_never_given_is_refused(things: Catalogue[Thing], cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        things.listed(APP, 2, cursor)
