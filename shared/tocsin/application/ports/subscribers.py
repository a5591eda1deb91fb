"""The subscriptions of apps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.domain.identity import Identity
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import Counts, Subscription


class Stale(Exception):
    """The record changed since it was read: read it again."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of an app's active subscriptions, in a fixed order. after: resume from here, None at the end."""

    subscriptions: Sequence[Subscription]
    after: str | None


class Subscriptions(Protocol):
    """The subscriptions of apps, found by id or by identity right after a write."""

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""

    def put(self, new: Subscription, old: Subscription | None) -> None:
        """Store `new` where `old` was read (None: where nothing was), its identities and the counters: all or nothing.

        Raises Stale: somebody else wrote in between.
        """

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, each once, most recently seen first."""

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist, in whatever state."""

    def walk(self, app: AppId, after: str | None, limit: int) -> Walk:
        """Up to `limit` active subscriptions that follow `after` (None: from the start). Consistent reads."""

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint; False, and no change, otherwise."""

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state: exact at every instant."""
