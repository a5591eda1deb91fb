"""Lists by cursor: `data`, `hasMore`, `nextCursor` (PU-7, PU-8)."""

import json
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from tocsin.dialect_kit.bodies import WireModel

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, description=f"What is above {MAX_LIMIT} is cut to it.")]
Cursor = Annotated[str | None, Query(description="nextCursor of the page before.")]


class ListReply(WireModel, Generic[Item]):
    """A page, newest first. nextCursor: null at the end."""

    data: list[Item]
    hasMore: bool
    nextCursor: str | None

    @classmethod
    def of(cls, data: list[Item], cursor: str | None) -> "ListReply[Item]":
        """The page that a cursor follows."""
        return cls(data=data, hasMore=cursor is not None, nextCursor=cursor)


def listing(route: str, **filters: object) -> str:
    """The name of a listing, for its cursors: its route and all that it filters by."""
    return f"{route}?{json.dumps(filters, sort_keys=True)}"
