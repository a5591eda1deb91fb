"""Cursors of the operator's lists on the wire: places in a list, in letters that may stand in a URL as they are."""

from typing import Annotated

from fastapi import Depends, Query

from tocsin.application.ports import MalformedCursor
from tocsin.webpush.encoding import from_base64url, to_base64url

Limit = Annotated[int, Query(ge=1, le=500)]


def _opened(cursor: str | None = None) -> str | None:
    if cursor is None:
        return None
    try:
        return from_base64url(cursor).decode()
    except ValueError as error:
        raise MalformedCursor from error


Cursor = Annotated[str | None, Depends(_opened)]
"""Where the list goes on, None for its start."""


def next_cursor(place: str | None) -> str | None:
    """What the next page is asked for with; None at the end."""
    return None if place is None else to_base64url(place.encode())
