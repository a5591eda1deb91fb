"""Subscriptions in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tests.memory.storage import Storage
from tocsin.application.jobs import Recipient
from tocsin.application.ports import Change, Clock, Gone, Place, Sifted, Stale, Walk
from tocsin.domain.audit import AuditEntry
from tocsin.domain.identity import Identity
from tocsin.domain.ids import ALL_SHARDS, AppId, SendId, SubscriptionId, shard_of
from tocsin.domain.matching import matches
from tocsin.domain.segment import Rule
from tocsin.domain.subscription import (
    MAX_REJECTIONS,
    Broadcasts,
    Counts,
    Subscription,
    SubscriptionState,
    recounted,
)

MARK_SECONDS = 300
LOOKED_AT = 1_000
"""In one stretch of a walk; more than any test has, unless it says less."""


class MemorySubscriptions:
    """The Subscriptions port."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""
        return self._storage.subscriptions.get((app, subscription))

    def put(self, new: Subscription, old: Subscription | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        self.put_all([(new, old)], audit)

    def put_all(self, changes: Sequence[Change], audit: AuditEntry | None = None) -> None:
        """The same for several changes: all or nothing. Raises Stale."""
        with self._storage.lock:
            for new, old in changes:
                stored = self._storage.subscriptions.get((new.app, new.id))
                if (stored and stored.revision) != (old and old.revision):
                    raise Stale
            for new, _ in changes:
                self._storage.subscriptions[new.app, new.id] = new
            if audit is not None:
                self._storage.audit.append(audit)

    def erase(self, subscription: Subscription, audit: AuditEntry | None = None) -> None:
        """Remove it. Raises Stale."""
        with self._storage.lock:
            key = subscription.app, subscription.id
            stored = self._storage.subscriptions.get(key)
            if stored is None or stored.revision != subscription.revision:
                raise Stale
            del self._storage.subscriptions[key]
            if audit is not None:
                self._storage.audit.append(audit)

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, most recently seen first."""
        wanted = set(identities)
        found = [subscription for subscription in self._active(app) if wanted & set(subscription.identities)]
        return sorted(found, key=lambda subscription: (-subscription.seen_at, subscription.id))

    def known(self, app: AppId, identity: Identity) -> Sequence[Subscription]:
        """All subscriptions that go by this identity, newest first."""
        found = [subscription for subscription in self._of_app(app) if identity in subscription.identities]
        return sorted(found, key=_listing_place, reverse=True)

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist."""
        with self._storage.lock:
            stored = self._storage.subscriptions
            return {name: stored[app, name] for name in subscriptions if (app, name) in stored}

    def walk(
        self,
        app: AppId,
        after: str | None,
        limit: int,
        shards: range = ALL_SHARDS,
        labels: Collection[str] = (),
        known_by: int | None = None,
    ) -> Walk:
        """Up to `limit` active subscriptions of these shards that follow `after`, by shard and id."""
        rest = [one for one in self._rest(app, after, shards, known_by) if not labels or set(labels) & set(one.labels)]
        shown = rest[:limit]
        return Walk(list(map(Recipient.of, shown)), _walking_place(shown[-1]) if len(rest) > limit else None)

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
        """Up to `limit` active subscriptions whom a rule means now, in the order of `walk`."""
        rest, found = self._rest(app, after, shards, known_by), list[Recipient]()
        for seen, one in enumerate(rest, 1):
            if matches(rule, one, now):
                found.append(Recipient.of(one))
            if len(found) == limit or seen == LOOKED_AT:
                return Sifted(found, seen, _walking_place(one) if seen < len(rest) else None)
        return Sifted(found, len(rest), None)

    def labelled(self, app: AppId, labels: Collection[str]) -> int:
        """How many carry one of these labels, for each label."""
        return sum(label in one.labels for one in self._of_app(app) for label in set(labels))

    def listed(
        self, app: AppId, states: Collection[SubscriptionState], after: Place | None, limit: int
    ) -> Sequence[Place]:
        """Up to `limit` subscriptions in these states that follow `after`, newest first."""
        places = (_listing_place(subscription) for subscription in self._of_app(app) if subscription.state in states)
        return sorted((place for place in places if after is None or place < after), reverse=True)[:limit]

    def marks(self, app: AppId, listing: str) -> Mapping[int, Place]:
        """Places of a listing that were kept within the last minutes."""
        now = self._clock.now()
        with self._storage.lock:
            return {
                place_after: place
                for (owner, name, place_after), (place, until) in self._storage.marks.items()
                if (owner, name) == (app, listing) and until > now
            }

    def mark(self, app: AppId, listing: str, place_after: int, place: Place) -> None:
        """Keep the place of the entry with which `place_after` entries are passed."""
        self._storage.marks[app, listing, place_after] = place, int(self._clock.now()) + MARK_SECONDS

    def note_accepted(self, app: AppId, send: SendId, subscriptions: Sequence[SubscriptionId], at: int) -> None:
        """Count one accepted notification for each, once for a send."""
        with self._storage.lock:
            for name in subscriptions:
                stored = self._storage.subscriptions.get((app, name))
                if stored is not None and stored.activity.last_send != send:
                    noted = replace(
                        stored.activity, notified=stored.activity.notified + 1, accepted_at=at, last_send=send
                    )
                    changed = replace(stored, activity=noted, rejections=0, revision=stored.revision + 1)
                    self._storage.subscriptions[app, name] = changed

    def broadcasts(self, app: AppId) -> Broadcasts:
        """The large sends to everyone that the app has made."""
        return self._storage.broadcasts.get(app, Broadcasts())

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str, vapid_key: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint under this key."""
        with self._storage.lock:
            stored = self._still_there(app, Gone(subscription, endpoint, vapid_key))
            if stored is not None:
                self._end(stored, SubscriptionState.EXPIRED)
            return stored is not None

    def note_rejected(self, app: AppId, rejected: Collection[Gone]) -> None:
        """Count one more refusal in a row for each that is active and still as it was; at the third it is bounced."""
        with self._storage.lock:
            for one in rejected:
                stored = self._still_there(app, one)
                if stored is None:
                    continue
                noted = replace(stored, rejections=stored.rejections + 1, revision=stored.revision + 1)
                self._storage.subscriptions[app, one.id] = noted
                if noted.rejections >= MAX_REJECTIONS:
                    self._end(noted, SubscriptionState.BOUNCED)

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state and, of the active ones, under each key."""
        everybody = self._of_app(app)
        by_state = Counter(subscription.state for subscription in everybody)
        active = [subscription for subscription in everybody if subscription.state is SubscriptionState.ACTIVE]
        by_shard = Counter(shard_of(subscription.id) for subscription in active)
        return Counts(
            **{state.value: by_state[state] for state in SubscriptionState},
            by_key=dict(Counter(subscription.vapid_key for subscription in active)),
            by_shard=tuple(by_shard[shard] for shard in ALL_SHARDS),
        )

    def expire_all(self, app: AppId, gone: Collection[Gone]) -> None:
        """The same for several."""
        for one in gone:
            self.expire(app, one.id, one.endpoint, one.vapid_key)

    def _still_there(self, app: AppId, one: Gone) -> Subscription | None:
        stored = self._storage.subscriptions.get((app, one.id))
        if stored is None or stored.state is not SubscriptionState.ACTIVE:
            return None
        return stored if (stored.endpoint, stored.vapid_key) == (one.endpoint, one.vapid_key) else None

    def _end(self, stored: Subscription, state: SubscriptionState) -> None:
        now = int(self._clock.now())
        ended = replace(stored, state=state, updated_at=now, revision=stored.revision + 1)
        self._storage.subscriptions[stored.app, stored.id] = recounted(ended, stored, self.broadcasts(stored.app))

    def _active(self, app: AppId) -> Sequence[Subscription]:
        return [stored for stored in self._of_app(app) if stored.state is SubscriptionState.ACTIVE]

    def _rest(self, app: AppId, after: str | None, shards: range, known_by: int | None) -> Sequence[Subscription]:
        """The active ones of these shards that follow `after`, in the order of a walk."""
        known = [one for one in self._active(app) if known_by is None or one.created_at <= known_by]
        ordered = sorted((one for one in known if shard_of(one.id) in shards), key=_walking_place)
        return [one for one in ordered if after is None or _walking_place(one) > after]

    def _of_app(self, app: AppId) -> Sequence[Subscription]:
        with self._storage.lock:
            return [stored for (owner, _), stored in self._storage.subscriptions.items() if owner == app]


def _listing_place(subscription: Subscription) -> Place:
    return Place(subscription.created_at, subscription.id)


def _walking_place(subscription: Subscription) -> str:
    return f"{shard_of(subscription.id):02}:SUB#{subscription.id}"
