"""Subscriptions that another system kept: what a line of theirs makes of what is known, and how an import goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NewType

from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import Device, Platform, Subscription, SubscriptionState
from tocsin.webpush.encryption import RecipientKeys

ImportId = NewType("ImportId", str)
MOST_KEPT = 100
"""Of the refused lines an import's record keeps so many; each answer tells all of its own."""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not taken. number: from 1. rule: what it breaks, never what stands in it."""

    number: int
    rule: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of lines."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.imported + other.imported,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Import:
    """Subscriptions being brought in, line by line.

    vapid_key: id of the key that they were made under, unless a line names another. keeps_addresses: the app's owner is
    to be shown their e-mail addresses. total: lines there are in all, where that is known. next: the first line that
    was not read yet, from 1. refused: the first MOST_KEPT of the refused lines. Times in Unix seconds.
    """

    id: ImportId
    app: AppId
    vapid_key: str
    keeps_addresses: bool
    total: int | None
    started_at: int
    updated_at: int
    next: int = 1
    tally: Tally = Tally()
    refused: tuple[RefusedLine, ...] = ()
    finished_at: int | None = None
    revision: int = 0

    def having_read(self, next_: int, tally: Tally, refused: tuple[RefusedLine, ...], at: int) -> "Import":
        """The same after further lines, up to the one before `next_`."""
        return replace(
            self,
            next=next_,
            tally=self.tally + tally,
            refused=(*self.refused, *refused)[:MOST_KEPT],
            updated_at=at,
            revision=self.revision + 1,
        )


@dataclass(frozen=True, slots=True)
class Brought:
    """A subscription as a line tells it, checked.

    created_at, seen_at: Unix seconds, None where the line is silent. muted: its person wants no messages on devices.
    """

    id: SubscriptionId
    platform: Platform
    endpoint: str
    keys: RecipientKeys | None
    vapid_key: str
    state: SubscriptionState
    identities: tuple[Identity, ...]
    labels: tuple[str, ...]
    device: Device
    custom: Mapping[str, object] | None
    address: bytes | None
    created_at: int | None
    seen_at: int | None
    muted: bool

    @property
    def as_of(self) -> int | None:
        """The time that the line speaks of; None when it does not say."""
        return self.seen_at if self.seen_at is not None else self.created_at


def merged(brought: Brought, old: Subscription | None, of: Import, at: int) -> Subscription | None:
    """What a line makes of a subscription; None where that stays as it is.

    What ended here stays so: a line from before must not bring back who has unsubscribed. What its browser or the app's
    owner told us gives way only to a line that says that it is of a later time. A line replaces as a whole what no more
    than an earlier import knew.
    """
    if old is not None and not _gives_way(old, brought.as_of):
        return None
    created_at, seen_at = _times(brought, old, of.started_at, at)
    new = Subscription(
        id=brought.id,
        app=of.app,
        endpoint=brought.endpoint,
        keys=brought.keys,
        vapid_key=brought.vapid_key,
        state=brought.state,
        identities=brought.identities,
        labels=brought.labels,
        device=brought.device,
        created_at=created_at,
        seen_at=seen_at,
        # From the time on, as for every new one.
        revision=old.revision + 1 if old else at * 1000,
        address=brought.address,
        updated_at=at,
        custom=brought.custom,
        # Its browser knows of no name yet.
        untold=any(name.kind is IdentityKind.EXTERNAL for name in brought.identities),
        imported_at=at,
        platform=brought.platform,
    )
    if old is None:
        return new
    new = replace(new, activity=old.activity, subscribed_at=old.subscribed_at)
    as_before = replace(new, revision=old.revision, updated_at=old.updated_at, imported_at=old.imported_at)
    return None if as_before == old else new


def _gives_way(old: Subscription, as_of: int | None) -> bool:
    if old.state is not SubscriptionState.ACTIVE:
        return False
    told_at = max(old.seen_at, old.updated_at)
    if old.imported_at is not None and told_at <= old.imported_at:
        return True
    return as_of is not None and as_of > told_at


def _times(brought: Brought, old: Subscription | None, started_at: int, at: int) -> tuple[int, int]:
    """When it was created and last seen; where nobody knows, it is as old as the import."""
    known = (started_at, started_at) if old is None else (old.created_at, old.seen_at)
    created_at = min(at, known[0] if brought.created_at is None else brought.created_at)
    seen_at = known[1] if brought.as_of is None else brought.as_of
    return created_at, min(at, max(created_at, seen_at))
