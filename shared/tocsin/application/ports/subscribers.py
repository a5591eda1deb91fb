"""The subscriptions of apps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.application.jobs import Recipient
from tocsin.domain.audit import AuditEntry
from tocsin.domain.identity import Identity
from tocsin.domain.ids import ALL_SHARDS, AppId, SendId, SubscriptionId
from tocsin.domain.segment import Rule
from tocsin.domain.subscription import Broadcasts, Counts, Subscription, SubscriptionState


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a subscription stands in listings: by when it was created (Unix seconds), then by id."""

    created_at: int
    id: SubscriptionId


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of an app's active subscriptions, in a fixed order. after: resume from here, None at the end."""

    recipients: Sequence[Recipient]
    after: str | None


@dataclass(frozen=True, slots=True)
class Sifted:
    """Those of a stretch whom a rule means. seen: how many were looked at. after: as in Walk."""

    recipients: Sequence[Recipient]
    seen: int
    after: str | None


@dataclass(frozen=True, slots=True)
class Gone:
    """A subscription as it was when its push service called it gone, or refused a message to it for good."""

    id: SubscriptionId
    endpoint: str = field(repr=False)
    vapid_key: str


Change = tuple[Subscription, Subscription | None]
"""A subscription as it shall be, and as it was read: None where nothing was."""


class Subscriptions(Protocol):
    """The subscriptions of apps, found by id or by identity right after a write."""

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""

    def put(self, new: Subscription, old: Subscription | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read (None: where nothing was), its identities and the counters: all or nothing.

        audit: stored together with the change. Raises Stale: somebody else wrote in between.
        """

    def put_all(self, changes: Sequence[Change], audit: AuditEntry | None = None) -> None:
        """The same for several changes of one app's subscriptions, each once: all or nothing. Raises Stale."""

    def erase(self, subscription: Subscription, audit: AuditEntry | None = None) -> None:
        """Remove it with its identities, as if it had never been; the counters follow. Raises Stale.

        audit: stored together with the removal.
        """

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, each once, most recently seen first."""

    def known(self, app: AppId, identity: Identity) -> Sequence[Subscription]:
        """All subscriptions that go by this identity, in whatever state, newest first (by created_at, then id)."""

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist, in whatever state."""

    def walk(
        self,
        app: AppId,
        after: str | None,
        limit: int,
        shards: range = ALL_SHARDS,
        labels: Collection[str] = (),
        known_by: int | None = None,
    ) -> Walk:
        """Up to `limit` active subscriptions of these shards that follow `after` (None: from the start).

        labels: only those with one of them, if there are any; a stretch may then be short, or empty, though more
        follows, so that nobody has to look for a rare label without an end. known_by: only those created by then (Unix
        seconds). What changed within the last second may not show yet.
        """

    def sift(
        self,
        app: AppId,
        rule: Rule,
        now: float,
        after: str | None,
        limit: int,
        shards: range = ALL_SHARDS,
        known_by: int | None = None,
    ) -> Sifted:
        """Up to `limit` active subscriptions whom a rule means now, in the order of `walk` and from its places.

        A stretch ends after some thousands that were looked at, however few were meant, and may lag as there.
        now: Unix seconds, for conditions that count days. known_by: as there.
        """

    def labelled(self, app: AppId, labels: Collection[str]) -> int:
        """How many carry one of these labels, in whatever state: never too few, and each may count for each label."""

    def listed(
        self, app: AppId, states: Collection[SubscriptionState], after: Place | None, limit: int
    ) -> Sequence[Place]:
        """Up to `limit` subscriptions in these states that follow `after`, newest first; may lag a moment behind."""

    def marks(self, app: AppId, listing: str) -> Mapping[int, Place]:
        """Places of a listing that were kept within the last minutes, by how many entries come before the next one."""

    def mark(self, app: AppId, listing: str, place_after: int, place: Place) -> None:
        """Keep the place of the entry with which `place_after` entries of a listing are passed, for five minutes."""

    def note_accepted(self, app: AppId, send: SendId, subscriptions: Sequence[SubscriptionId], at: int) -> None:
        """Count one accepted notification for each; once for a send, unless another send was noted in between.

        It ends a row of refusals.
        """

    def broadcasts(self, app: AppId) -> Broadcasts:
        """The large sends to everyone that the app has made. A consistent read."""

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str, vapid_key: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint under this key; else False, and no change."""

    def expire_all(self, app: AppId, gone: Collection[Gone]) -> None:
        """The same for several; those of a shard in one write."""

    def note_rejected(self, app: AppId, rejected: Collection[Gone]) -> None:
        """Count one more refusal in a row for each that is active and still as it was; at the third it is bounced."""

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state and, of the active ones, under each key: exact at every instant."""
