"""Who is a user of an app."""

from collections.abc import Collection
from typing import Protocol

from tocsin.domain.ids import AppId


class Members(Protocol):
    """The people whom an app knows by names of its own."""

    def among(self, app: AppId, names: Collection[str]) -> frozenset[str]:
        """Those of these names that a device goes by, in whatever state, or that a record is kept under.

        A consistent read.
        """
