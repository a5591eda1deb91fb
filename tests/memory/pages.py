"""Pages of a listing, by the places that DynamoDB's sort keys would have."""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from tocsin.application.ports import MalformedCursor, Page

Record = TypeVar("Record")
BY_NAME = re.compile(r"\d{12}#[0-9A-Za-z]{1,64}", re.ASCII)
BY_REFERENCE = re.compile(r"\d{12}#(grant|reserve|settle)#[ -~]{1,128}", re.ASCII)


def place(at: int, name: str) -> str:
    """By time, then by name."""
    return f"{at:012}#{name}"


def page(
    records: Iterable[Record],
    place_of: Callable[[Record], str],
    limit: int,
    cursor: str | None,
    form: re.Pattern[str] = BY_NAME,
) -> Page[Record]:
    """A page, newest first. form: of this listing's cursors. Raises MalformedCursor."""
    if cursor is not None and not form.fullmatch(cursor):
        raise MalformedCursor
    listing = sorted(records, key=place_of, reverse=True)
    rest = [record for record in listing if cursor is None or place_of(record) < cursor]
    shown = rest[:limit]
    return Page(shown, place_of(shown[-1]) if len(rest) > limit else None)
