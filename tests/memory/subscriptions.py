"""Subscriptions in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tests.memory.storage import Storage
from tocsin.application.ports import Stale, Walk
from tocsin.domain.identity import Identity
from tocsin.domain.ids import AppId, SubscriptionId, shard_of
from tocsin.domain.subscription import Counts, Subscription, SubscriptionState


class MemorySubscriptions:
    """The Subscriptions port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""
        return self._storage.subscriptions.get((app, subscription))

    def put(self, new: Subscription, old: Subscription | None) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        with self._storage.lock:
            stored = self._storage.subscriptions.get((new.app, new.id))
            if (stored and stored.revision) != (old and old.revision):
                raise Stale
            self._storage.subscriptions[new.app, new.id] = new

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, most recently seen first."""
        wanted = set(identities)
        found = [subscription for subscription in self._active(app) if wanted & set(subscription.identities)]
        return sorted(found, key=lambda subscription: (-subscription.seen_at, subscription.id))

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist."""
        with self._storage.lock:
            stored = self._storage.subscriptions
            return {name: stored[app, name] for name in subscriptions if (app, name) in stored}

    def walk(self, app: AppId, after: str | None, limit: int) -> Walk:
        """Up to `limit` active subscriptions that follow `after`, by shard and id."""
        ordered = sorted(self._active(app), key=_place)
        rest = [subscription for subscription in ordered if after is None or _place(subscription) > after]
        shown = rest[:limit]
        return Walk(shown, _place(shown[-1]) if len(rest) > limit else None)

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint."""
        with self._storage.lock:
            stored = self._storage.subscriptions.get((app, subscription))
            if stored is None or stored.state is not SubscriptionState.ACTIVE or stored.endpoint != endpoint:
                return False
            self._storage.subscriptions[app, subscription] = replace(
                stored, state=SubscriptionState.EXPIRED, revision=stored.revision + 1
            )
            return True

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state."""
        with self._storage.lock:
            states = [stored.state for (owner, _), stored in self._storage.subscriptions.items() if owner == app]
        return Counts(
            states.count(SubscriptionState.ACTIVE),
            states.count(SubscriptionState.INACTIVE),
            states.count(SubscriptionState.EXPIRED),
        )

    def _active(self, app: AppId) -> Sequence[Subscription]:
        with self._storage.lock:
            return [
                stored
                for (owner, _), stored in self._storage.subscriptions.items()
                if owner == app and stored.state is SubscriptionState.ACTIVE
            ]


def _place(subscription: Subscription) -> str:
    return f"{shard_of(subscription.id):02}:SUB#{subscription.id}"
