"""Pages of a listing. A cursor is the place, in the listing's own order, that the next page follows."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tocsin.adapters.dynamodb.database import Database
from tocsin.adapters.dynamodb.marshalling import Record
from tocsin.application.ports import MalformedCursor, Page

Listed = TypeVar("Listed")

PAGE_BYTES = 1_500_000
"""Where a page ends though more was asked for: as JSON that escapes every letter it may be four times that, and a
function's answer may have 6 MB."""
BY_NAME = re.compile(r"\d{12}#[0-9A-Za-z]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing. partition, order: its key's attributes. places: what a cursor of it looks like."""

    table: str
    partition: str
    order: str
    index: str | None = None
    places: re.Pattern[str] = BY_NAME

    def page(
        self, database: Database, owner: str, read: Callable[[Record], Listed], limit: int, cursor: str | None
    ) -> Page[Listed]:
        """Up to `limit` of the owner's records that follow the cursor, newest first. Raises MalformedCursor.

        What is large ends a page sooner, but never before its first record.
        """
        condition, values = f"#{self.partition} = :owner", {"owner": owner}
        if cursor is not None:
            if not self.places.fullmatch(cursor):
                raise MalformedCursor
            condition, values = f"{condition} AND #{self.order} < :after", {"owner": owner, "after": cursor}
        found: list[Record] = []
        size = 0
        # One more than shown tells whether there is a next page.
        for record in database.query(
            self.table, condition, values, index=self.index, page=limit + 1, newest_first=True
        ):
            found.append(record)
            size += record.size()
            if len(found) > limit or (size > PAGE_BYTES and len(found) > 1):
                shown = found[:-1]
                return Page([read(one) for one in shown], shown[-1].text(self.order))
        return Page([read(one) for one in found], None)
