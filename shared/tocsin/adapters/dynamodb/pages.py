"""Pages of a listing. A cursor is the place, in the listing's own order, that the next page follows."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tocsin.adapters.dynamodb.database import Database
from tocsin.adapters.dynamodb.marshalling import Record
from tocsin.application.ports import MalformedCursor, Page

Listed = TypeVar("Listed")

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
        """Up to `limit` of the owner's records that follow the cursor, newest first. Raises MalformedCursor."""
        condition, values = f"#{self.partition} = :owner", {"owner": owner}
        if cursor is not None:
            if not self.places.fullmatch(cursor):
                raise MalformedCursor
            condition, values = f"{condition} AND #{self.order} < :after", {"owner": owner, "after": cursor}
        found: list[Record] = []
        # One more than shown tells whether there is a next page.
        for record in database.query(
            self.table, condition, values, index=self.index, page=limit + 1, newest_first=True
        ):
            found.append(record)
            if len(found) > limit:
                return Page([read(one) for one in found[:limit]], found[limit - 1].text(self.order))
        return Page([read(one) for one in found], None)
