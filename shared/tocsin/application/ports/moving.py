"""Imports of subscriptions, and the writing of many at once."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from tocsin.application.ports.subscribers import Change
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.importing import Import, ImportId

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Imports(Protocol):
    """How far imports are. An audit entry that a method is given is stored together with the change, or neither is."""

    def add(self, new: Import, audit: AuditEntry) -> None:
        """Store a new import."""

    def get(self, app: AppId, name: ImportId) -> Import | None:
        """The import, or None. A consistent read."""

    def put(self, new: Import, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""


class BulkWriter(Protocol):
    """Many changes of an app's subscriptions at once."""

    def put_each(self, changes: Sequence[Change]) -> Collection[SubscriptionId]:
        """Store each change on its own, each subscription once; those that somebody else wrote in between are told.

        Counters and identities follow each, as with Subscriptions.put_all.
        """


class SideBySide(Protocol):
    """Calls that wait for a store, made at once."""

    def __call__(self, call: Callable[[Asked], Answered], asked: Sequence[Asked], /) -> list[Answered]:
        """What `call` answers to each, in order. Raises what the first of them raised."""
