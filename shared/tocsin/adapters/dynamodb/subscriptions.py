"""Subscriptions on DynamoDB: an item each, an alias for each identity, and exact counters for each shard."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import (
    ConditionFailed,
    ConditionsFailed,
    Database,
    Delete,
    Put,
    Update,
    Write,
)
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import Stale, Walk
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, SubscriptionId, shard_of
from tocsin.domain.subscription import Counts, Device, Subscription, SubscriptionState
from tocsin.webpush.encryption import RecipientKeys

FIRST_TIME = "attribute_not_exists(#pk)"
# Nobody wrote since the caller read; the aliases and counters that go with the change are then right too.
UNCHANGED = "#revision = :revision"
# A browser that came back with a new endpoint, or that withdrew meanwhile, is none of a late report's business.
STILL_THERE = "#state = :active AND #endpoint = :endpoint"
ACTIVE_ONLY = "#state = :active"


class DynamoSubscriptions:
    """The Subscriptions port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""
        record = self._database.get(self._table, keys.subscription(app, subscription))
        return None if record is None else _read(record)

    def put(self, new: Subscription, old: Subscription | None) -> None:
        """Store `new` where `old` was read, its identities and the counters: all or nothing. Raises Stale."""
        if old is None:
            stored = Put(self._table, _item(new), FIRST_TIME)
        else:
            stored = Put(self._table, _item(new), UNCHANGED, {"revision": old.revision})
        others = [*self._alias_changes(new, old), *self._count_changes(new, old)]
        try:
            if others:
                self._database.transact([stored, *others])
            else:
                # The common "seen again": outside a transaction a write costs half.
                self._database.put(stored)
        except (ConditionFailed, ConditionsFailed) as refusal:
            raise Stale from refusal

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, each once, most recently seen first."""
        wanted = set(identities)
        listed = [name for identity in sorted(wanted, key=repr) for name in self._listed(app, identity)]
        found = [
            subscription
            for subscription in self.load(app, listed).values()
            # It may have changed hands between the two reads.
            if subscription.state is SubscriptionState.ACTIVE and wanted & set(subscription.identities)
        ]
        return sorted(found, key=lambda subscription: (-subscription.seen_at, subscription.id))

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist, in whatever state."""
        wanted = [keys.subscription(app, name) for name in dict.fromkeys(subscriptions)]
        return {found.id: found for found in map(_read, self._database.load(self._table, wanted))}

    def walk(self, app: AppId, after: str | None, limit: int) -> Walk:
        """Up to `limit` active subscriptions that follow `after`, by shard and id."""
        found: list[Subscription] = []
        # One more than asked for tells whether anything follows.
        for subscription in self._active_after(app, after, limit + 1):
            found.append(subscription)
            if len(found) > limit:
                return Walk(found[:limit], _place(found[limit - 1]))
        return Walk(found, None)

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint; False, and no change, otherwise."""
        expired = Update(
            self._table,
            keys.subscription(app, subscription),
            "SET #state = :expired ADD #revision :one",
            {
                "expired": SubscriptionState.EXPIRED,
                "active": SubscriptionState.ACTIVE,
                "endpoint": endpoint,
                "one": 1,
            },
            STILL_THERE,
        )
        moved: dict[str, int] = {SubscriptionState.ACTIVE: -1, SubscriptionState.EXPIRED: 1}
        try:
            self._database.transact([expired, self._count(app, subscription, moved)])
        except ConditionsFailed:
            return False
        return True

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state."""
        active = inactive = expired = 0
        for shard in self._database.load(self._table, keys.all_counts(app)):
            active += shard.number_or_none("active") or 0
            inactive += shard.number_or_none("inactive") or 0
            expired += shard.number_or_none("expired") or 0
        return Counts(active, inactive, expired)

    def _alias_changes(self, new: Subscription, old: Subscription | None) -> Iterator[Write]:
        before = set() if old is None else set(old.identities)
        for identity in old.identities if old is not None else ():
            if identity not in new.identities:
                yield Delete(self._table, keys.alias(new.app, identity, new.id))
        for identity in new.identities:
            if identity not in before:
                yield Put(self._table, keys.alias(new.app, identity, new.id))

    def _count_changes(self, new: Subscription, old: Subscription | None) -> Iterator[Write]:
        if old is None:
            yield self._count(new.app, new.id, {new.state: 1})
        elif old.state is not new.state:
            yield self._count(new.app, new.id, {old.state: -1, new.state: 1})

    def _count(self, app: AppId, name: SubscriptionId, by_state: Mapping[str, int]) -> Update:
        change = "ADD " + ", ".join(f"#{state} :{state}" for state in by_state)
        return Update(self._table, keys.shard_counts(app, shard_of(name)), change, by_state)

    def _listed(self, app: AppId, identity: Identity) -> Iterator[SubscriptionId]:
        condition, values = "#pk = :pk AND begins_with(#sk, :prefix)", _prefixed(keys.person(app, identity))
        for record in self._database.query(self._table, condition, values):
            yield keys.subscription_in(record.text("sk"))

    def _active_after(self, app: AppId, after: str | None, page: int) -> Iterator[Subscription]:
        first, last_sk = (0, "") if after is None else _parse_place(after)
        for shard in range(first, SHARDS):
            values = _prefixed(keys.shard(app, shard)) | {"active": SubscriptionState.ACTIVE}
            condition = "#pk = :pk AND begins_with(#sk, :prefix)"
            if shard == first and after is not None:
                condition = "#pk = :pk AND #sk BETWEEN :after AND :end"
                del values["prefix"]
                values |= {"after": last_sk + "\0", "end": keys.AFTER_SUBSCRIPTIONS}
            for record in self._database.query(self._table, condition, values, only=ACTIVE_ONLY, page=page):
                yield _read(record)


def _prefixed(pk: str) -> dict[str, str]:
    return {"pk": pk, "prefix": keys.SUBSCRIPTIONS}


def _place(subscription: Subscription) -> str:
    return f"{shard_of(subscription.id):02}:{keys.SUBSCRIPTIONS}{subscription.id}"


def _parse_place(after: str) -> tuple[int, str]:
    shard, _, sk = after.partition(":")
    return int(shard), sk


def _item(subscription: Subscription) -> Item:
    device = subscription.device
    return {
        **keys.subscription(subscription.app, subscription.id),
        "id": subscription.id,
        "app": subscription.app,
        "endpoint": subscription.endpoint,
        "p256dh": subscription.keys.p256dh,
        "auth": subscription.keys.auth,
        "vapid_key": subscription.vapid_key,
        "state": subscription.state,
        "identities": [{"kind": identity.kind, "value": identity.value} for identity in subscription.identities],
        "labels": subscription.labels,
        "lang": device.lang,
        "timezone": device.timezone,
        "standalone": device.standalone,
        "created_at": subscription.created_at,
        "seen_at": subscription.seen_at,
        "revision": subscription.revision,
    }


def _read(record: Record) -> Subscription:
    return Subscription(
        SubscriptionId(record.text("id")),
        AppId(record.text("app")),
        record.text("endpoint"),
        RecipientKeys(record.binary("p256dh"), record.binary("auth")),
        record.text("vapid_key"),
        SubscriptionState(record.text("state")),
        tuple(Identity(IdentityKind(one.text("kind")), one.text("value")) for one in record.records("identities")),
        record.texts("labels"),
        Device(
            record.text_or_none("lang"),
            record.text_or_none("timezone"),
            record.flag("standalone") if "standalone" in record else None,
        ),
        record.number("created_at"),
        record.number("seen_at"),
        record.number("revision"),
    )
