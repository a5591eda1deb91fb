"""Changes whose members are given or not. What is not given stays as it is; None is a value, so it cannot say that."""

from collections.abc import Iterable
from enum import Enum
from typing import Any


class Keep(Enum):
    """The one value that leaves things as they are."""

    KEEP = "keep"


KEEP = Keep.KEEP


def given_of(change: object, names: Iterable[str]) -> dict[str, Any]:
    """The members of a change, of these names, that are to be otherwise."""
    return {name: value for name in names if (value := getattr(change, name)) is not KEEP}
