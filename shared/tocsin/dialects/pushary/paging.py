"""Lists by cursor: `data`, `hasMore`, `nextCursor` (PU-7, PU-8)."""

import json
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from tocsin.application.engine import Engine
from tocsin.application.ports import Page
from tocsin.dialect_kit.bodies import WireModel
from tocsin.domain.ids import AppId

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
Item = TypeVar("Item")
Found = TypeVar("Found")

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


def page_of(
    engine: Engine,
    app: AppId,
    name: str,
    cursor: str | None,
    read: Callable[[str | None], Page[Found]],
    form: Callable[[Found], Item],
) -> ListReply[Item]:
    """A page of the listing of this name: what `read` finds after the place that the cursor seals, each in its form.

    Raises MalformedCursor.
    """
    page = read(None if cursor is None else engine.cursors.open(app, name, cursor))
    following = None if page.cursor is None else engine.cursors.seal(app, name, page.cursor)
    return ListReply[Item].of([form(one) for one in page.items], following)


def listing(route: str, **filters: object) -> str:
    """The name of a listing, for its cursors: its route and all that it filters by."""
    return f"{route}?{json.dumps(filters, sort_keys=True)}"
