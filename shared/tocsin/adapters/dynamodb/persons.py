"""People on DynamoDB: a record each, beside the aliases of their subscriptions."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Delete, Put
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.pages import BY_NAME
from tocsin.adapters.dynamodb.side_by_side import side_by_side
from tocsin.application.ports import MalformedCursor, Page, Stale
from tocsin.domain.ids import AppId
from tocsin.domain.person import Person

FIRST_TIME = "attribute_not_exists(#pk)"
UNCHANGED = "#revision = :revision"


class DynamoPersons:
    """The Persons port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, app: AppId, external_id: str) -> Person | None:
        """The person, or None."""
        record = self._database.get(self._table, keys.person_record(app, external_id))
        return None if record is None else _person(record)

    def put(self, new: Person, old: Person | None) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        item = _item(new)
        write = (
            Put(self._table, item, FIRST_TIME)
            if old is None
            else Put(self._table, item, UNCHANGED, {"revision": old.revision})
        )
        try:
            self._database.put(write)
        except ConditionFailed as refusal:
            raise Stale from refusal

    def remove(self, app: AppId, external_id: str) -> None:
        """Remove the record, if there is one."""
        self._database.transact([Delete(self._table, keys.person_record(app, external_id))])

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Person]:
        """Who is subscribed, newest first. Raises MalformedCursor."""
        if cursor is not None and not BY_NAME.fullmatch(cursor):
            raise MalformedCursor
        streams = [self._newest(partition, cursor) for partition in keys.persons_listed(app)]
        merged = merge(*side_by_side(_begun, streams), key=lambda record: record.text("listed_at"), reverse=True)
        # One more than shown tells whether there is a next page.
        found = list(islice(merged, limit + 1))
        after = found[limit - 1].text("listed_at") if len(found) > limit else None
        return Page([_person(record) for record in found[:limit]], after)

    def _newest(self, partition: str, after: str | None) -> Iterator[Record]:
        condition, values = "#listed = :listed", {"listed": partition}
        if after is not None:
            condition, values = f"{condition} AND #listed_at < :after", {**values, "after": after}
        return self._database.query(self._table, condition, values, index=keys.BY_CREATED, newest_first=True)


def _begun(records: Iterator[Record]) -> Iterable[Record]:
    """The same, with its first stretch read."""
    first = next(records, None)
    return records if first is None else chain([first], records)


def _item(person: Person) -> Item:
    """All of it in one attribute, which the index has too: a listing of people reads no further item."""
    listed = keys.person_listed(person.app, person.id) if person.subscribed else None
    return {
        **keys.person_record(person.app, person.external_id),
        "listed": listed,
        "listed_at": keys.place(person.created_at, person.id),
        "revision": person.revision,
        "person": {
            "app": person.app,
            "id": person.id,
            "external_id": person.external_id,
            "subscribed": person.subscribed,
            "muted": person.muted,
            "enrolled": person.enrolled,
            "created_at": person.created_at,
            "updated_at": person.updated_at,
            "revision": person.revision,
        },
    }


def _person(record: Record) -> Person:
    """Raises MalformedRecord."""
    kept = record.record("person")
    return Person(
        AppId(kept.text("app")),
        kept.text("id"),
        kept.text("external_id"),
        kept.flag("subscribed"),
        kept.flag("muted"),
        kept.flag("enrolled"),
        kept.number("created_at"),
        kept.number("updated_at"),
        kept.number("revision"),
    )
