"""Subscriptions on DynamoDB: an item each, an alias for each identity, and exact counters for each shard."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain, islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.database import (
    BATCH_GET_LIMIT,
    ConditionFailed,
    ConditionsFailed,
    Database,
    Delete,
    Put,
    Update,
    Write,
)
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.side_by_side import side_by_side
from tocsin.adapters.dynamodb.subscription_record import (
    RECIPIENT,
    attributes_of,
    counters,
    from_record,
    known_in,
    place_in,
    recipient_in,
    sum_of,
    to_item,
)
from tocsin.application.jobs import Recipient
from tocsin.application.ports import Change, Gone, Place, Sifted, Stale, Walk
from tocsin.domain.audit import AuditEntry
from tocsin.domain.identity import Identity
from tocsin.domain.ids import ALL_SHARDS, AppId, SendId, SubscriptionId, shard_of
from tocsin.domain.matching import fields_of, holds
from tocsin.domain.segment import Rule
from tocsin.domain.subscription import MAX_REJECTIONS, Broadcasts, Counts, Subscription, SubscriptionState

FIRST_TIME = "attribute_not_exists(#pk)"
# Nobody wrote since the caller read; the aliases and counters that go with the change are then right too.
UNCHANGED = "#revision = :revision"
# A browser that came back with a new endpoint, under another key, or that withdrew meanwhile, is none of a late
# report's business; and the key is needed to count it out.
STILL_THERE = "#state = :active AND #endpoint = :endpoint AND #vapid_key = :vapid_key"
ACTIVE_ONLY = "#state = :active"
# A note that is repeated counts nothing.
UNNOTED = "attribute_exists(#pk) AND (attribute_not_exists(#last_send) OR #last_send <> :send)"

EXPIRED_AT_ONCE = 99
"""With the counters of their shard as many as a transaction takes."""
LOOKED_AT = 5_000
"""By one stretch of a sifting: about a second."""
SIFTED_PAGE = 500
"""Looked at with one reading, at least: where few are wanted, few of many may be meant."""
LISTED_UNDER = "#pk = :pk AND begins_with(#sk, :prefix)"
MARK_SECONDS = 300
# Ids are spread evenly, so that a page takes about a quarter from each partition of a state; a little more saves most
# second readings.
SPARE = 8


class DynamoSubscriptions:
    """The Subscriptions port."""

    def __init__(self, database: Database, table: str, tenants_table: str) -> None:
        self._database = database
        self._table = table
        self._audit = AuditSteps(tenants_table)

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""
        record = self._database.get(self._table, keys.subscription(app, subscription))
        return None if record is None else from_record(record)

    def put(self, new: Subscription, old: Subscription | None, audit: AuditEntry | None = None) -> None:
        """Store `new` where `old` was read, its identities, counters and audit entry: all or nothing. Raises Stale."""
        self.put_all([(new, old)], audit)

    def put_all(self, changes: Sequence[Change], audit: AuditEntry | None = None) -> None:
        """The same for several changes of one app's subscriptions, each once: all or nothing. Raises Stale."""
        stored = [self._stored(new, old) for new, old in changes]
        aliases = [write for new, old in changes for write in self._alias_changes(new, old)]
        others: list[Write] = [*aliases, *self._count_changes(changes)]
        if audit is not None:
            others.append(self._audit.written(audit))
        labels = _label_changes(changes)
        # Apart from the transaction, which a hundred labels would burst: first those that rise, so that whoever counts
        # in between, or after a crash, counts too many and never too few.
        self._count_labels(changes[0][0].app, +labels)
        try:
            if others or len(stored) > 1:
                self._database.transact([*stored, *others])
            else:
                # The common "seen again": outside a transaction a write costs half.
                self._database.put(stored[0])
        except (ConditionFailed, ConditionsFailed) as refusal:
            # A transaction knows its own repeat; a plain write whose answer got lost is refused for what it wrote.
            if others or len(stored) > 1 or self.get(changes[0][0].app, changes[0][0].id) != changes[0][0]:
                self._count_labels(changes[0][0].app, Counter({label: -rise for label, rise in (+labels).items()}))
                raise Stale from refusal
        self._count_labels(changes[0][0].app, Counter({label: -fall for label, fall in (-labels).items()}))

    def erase(self, subscription: Subscription, audit: AuditEntry | None = None) -> None:
        """Remove it with its identities, as if it had never been; the counters follow. Raises Stale."""
        app, name = subscription.app, subscription.id
        revision = {"revision": subscription.revision}
        writes = [
            Delete(self._table, keys.subscription(app, name), UNCHANGED, revision),
            *(Delete(self._table, keys.alias(app, identity, name)) for identity in subscription.identities),
            *self._moved(app, name, counters(subscription.state, subscription.vapid_key), []),
        ]
        if audit is not None:
            writes.append(self._audit.written(audit))
        try:
            self._database.transact(writes)
        except ConditionsFailed as refusal:
            raise Stale from refusal
        self._count_labels(app, Counter(dict.fromkeys(subscription.labels, -1)))

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, each once, most recently seen first."""
        found = (one for one in self._going_by(app, identities) if one.state is SubscriptionState.ACTIVE)
        return sorted(found, key=lambda subscription: (-subscription.seen_at, subscription.id))

    def known(self, app: AppId, identity: Identity) -> Sequence[Subscription]:
        """All subscriptions that go by this identity, in whatever state, newest first (by created_at, then id)."""
        found = self._going_by(app, [identity])
        return sorted(found, key=lambda subscription: (subscription.created_at, subscription.id), reverse=True)

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist, in whatever state."""
        wanted = [keys.subscription(app, name) for name in dict.fromkeys(subscriptions)]
        batches = [wanted[start : start + BATCH_GET_LIMIT] for start in range(0, len(wanted), BATCH_GET_LIMIT)]
        records = chain.from_iterable(side_by_side(self._loaded, batches))
        return {found.id: found for found in map(from_record, records)}

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
        found: list[Recipient] = []
        start = shards.start if after is None else _parse_place(after)[0]
        following = None
        if labels and start + 1 < shards.stop:  # one shard at a time
            shards, following = range(start, start + 1), f"{start + 1:02}:"
        # One more than asked for tells whether anything follows.
        for recipient in self._active_after(app, after, limit + 1, shards, tuple(labels), known_by):
            found.append(recipient)
            if len(found) > limit:
                return Walk(found[:limit], _place(found[limit - 1].id))
        return Walk(found, following)

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
        """Up to `limit` active subscriptions whom a rule means now, in the order of `walk` and from its places."""
        found: list[Recipient] = []
        seen, last, stopped = 0, "", False
        page, fields = max(limit, SIFTED_PAGE) + 1, fields_of(rule)
        read = ", ".join((RECIPIENT, *attributes_of(fields)))
        only, wanted = _active_by(known_by)
        for record in self._records_after(app, after, page, shards, only, wanted, read):
            if stopped:  # and more follows
                return Sifted(found, seen, last)
            seen, last = seen + 1, _place(SubscriptionId(record.text("id")))
            if holds(rule, known_in(record, fields), now):
                found.append(recipient_in(record))
            stopped = len(found) == limit or seen == LOOKED_AT
        return Sifted(found, seen, None)

    def listed(
        self, app: AppId, states: Collection[SubscriptionState], after: Place | None, limit: int
    ) -> Sequence[Place]:
        """Up to `limit` subscriptions in these states that follow `after`, newest first; may lag a moment behind."""
        page = min(limit, limit // keys.LISTED_PARTITIONS + SPARE)
        streams = [
            self._newest(partition, after, page) for state in states for partition in keys.all_listed(app, state)
        ]
        return list(islice(merge(*side_by_side(_begun, streams), reverse=True), limit))

    def marks(self, app: AppId, listing: str) -> Mapping[int, Place]:
        """Places of a listing that were kept within the last minutes, by how many entries come before the next one."""
        now = self._database.now()
        records = self._database.query(self._table, "#pk = :pk", {"pk": keys.marks(app, listing)})
        # DynamoDB removes what has expired when it gets to it: until then it counts as absent.
        return {int(one.text("sk")): place_in(one, "place") for one in records if one.number("expires_at") > now}

    def mark(self, app: AppId, listing: str, place_after: int, place: Place) -> None:
        """Keep the place of the entry with which `place_after` entries of a listing are passed, for five minutes."""
        item: Item = {
            **keys.mark(app, listing, place_after),
            "place": keys.place(place.created_at, place.id),
            "expires_at": self._database.now() + MARK_SECONDS,
        }
        self._database.put(Put(self._table, item))

    def note_accepted(self, app: AppId, send: SendId, subscriptions: Sequence[SubscriptionId], at: int) -> None:
        """Count one accepted notification for each; once for a send, unless another send was noted in between."""
        values: Item = {"send": send, "at": at, "one": 1}
        change = "SET #last_send = :send, #accepted_at = :at REMOVE #rejections ADD #notified :one, #revision :one"

        def note(name: SubscriptionId) -> None:
            try:
                self._database.update(Update(self._table, keys.subscription(app, name), change, values, UNNOTED))
            except ConditionFailed:
                return

        side_by_side(note, list(dict.fromkeys(subscriptions)))

    def broadcasts(self, app: AppId) -> Broadcasts:
        """The large sends to everyone that the app has made. A consistent read."""
        record = self._database.get(self._table, keys.broadcasts(app))
        return Broadcasts() if record is None else Broadcasts(record.number("count"), record.number("last_at"))

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str, vapid_key: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint under this key; else False, and no change."""
        return self._end(app, [Gone(subscription, endpoint, vapid_key)], SubscriptionState.EXPIRED)

    def expire_all(self, app: AppId, gone: Collection[Gone]) -> None:
        """The same for several, the shards side by side."""
        by_shard: dict[int, dict[SubscriptionId, Gone]] = {}
        for one in gone:
            by_shard.setdefault(shard_of(one.id), {})[one.id] = one

        def expire(shard: Mapping[SubscriptionId, Gone]) -> None:
            # Those of a shard go together: as writes of their own they would all meet at its counters.
            several = list(shard.values())
            for start in range(0, len(several), EXPIRED_AT_ONCE):
                self._end(app, several[start : start + EXPIRED_AT_ONCE], SubscriptionState.EXPIRED)

        side_by_side(expire, list(by_shard.values()))

    def note_rejected(self, app: AppId, rejected: Collection[Gone]) -> None:
        """Count one more refusal in a row for each that is active and still as it was; at the third it is bounced."""

        def note(one: Gone) -> None:
            values = {**_as_it_was(one), "one": 1}
            change = "ADD #rejections :one, #revision :one"
            try:
                noted = self._database.update(
                    Update(self._table, keys.subscription(app, one.id), change, values, STILL_THERE)
                )
            except ConditionFailed:
                return
            if noted.number("rejections") >= MAX_REJECTIONS:
                self._end(app, [one], SubscriptionState.BOUNCED)

        side_by_side(note, list(rejected))

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state and, of the active ones, under each key."""
        return sum_of(self._database.load(self._table, keys.all_counts(app)))

    def _end(self, app: AppId, gone: Sequence[Gone], state: SubscriptionState) -> bool:
        """Bring those of one shard that are still there into this state, in one write; False when there was none."""
        broadcasts = self.broadcasts(app).count
        while gone:
            ended = [self._ended(app, one, state, broadcasts) for one in gone]
            changes = Counter(counters(state, "") * len(gone))
            for one in gone:
                changes.subtract(counters(SubscriptionState.ACTIVE, one.vapid_key))
            try:
                self._database.transact([*ended, *self._counted(app, shard_of(gone[0].id), changes)])
            except ConditionsFailed as refusal:
                gone = [one for one, write in zip(gone, ended, strict=True) if not refusal.stopped(write)]
            else:
                return True
        return False

    def _ended(self, app: AppId, gone: Gone, state: SubscriptionState, broadcasts: int) -> Update:
        return Update(
            self._table,
            keys.subscription(app, gone.id),
            "SET #state = :state, #listed = :listed, #updated_at = :now ADD #revision :one, #notified :broadcasts",
            {
                **_as_it_was(gone),
                "state": state,
                "listed": keys.listed(app, state, gone.id),
                "now": self._database.now(),
                "broadcasts": broadcasts,
                "one": 1,
            },
            STILL_THERE,
        )

    def _alias_changes(self, new: Subscription, old: Subscription | None) -> Iterator[Write]:
        before = set() if old is None else set(old.identities)
        for identity in old.identities if old is not None else ():
            if identity not in new.identities:
                yield Delete(self._table, keys.alias(new.app, identity, new.id))
        for identity in new.identities:
            if identity not in before:
                yield Put(self._table, keys.alias(new.app, identity, new.id))

    def _stored(self, new: Subscription, old: Subscription | None) -> Put:
        if old is None:
            return Put(self._table, to_item(new), FIRST_TIME)
        return Put(self._table, to_item(new), UNCHANGED, {"revision": old.revision})

    def _count_changes(self, changes: Sequence[Change]) -> Iterator[Write]:
        """One write for each shard: a transaction may touch an item only once."""
        by_shard: dict[tuple[AppId, int], Counter[str]] = {}
        for new, old in changes:
            counted = by_shard.setdefault((new.app, shard_of(new.id)), Counter())
            counted.update(counters(new.state, new.vapid_key))
            counted.subtract([] if old is None else counters(old.state, old.vapid_key))
        for (app, shard), counted in by_shard.items():
            yield from self._counted(app, shard, counted)

    def _moved(self, app: AppId, name: SubscriptionId, out_of: list[str], into: list[str]) -> Iterator[Write]:
        """The change of its shard's counters, if there is one."""
        changes = Counter(into)
        changes.subtract(out_of)
        return self._counted(app, shard_of(name), changes)

    def _counted(self, app: AppId, shard: int, changes: Counter[str]) -> Iterator[Write]:
        values = {counter: change for counter, change in changes.items() if change}
        if values:
            change = "ADD " + ", ".join(f"#{counter} :{counter}" for counter in values)
            yield Update(self._table, keys.shard_counts(app, shard), change, values)

    def _count_labels(self, app: AppId, changes: Counter[str]) -> None:
        def count(change: tuple[str, int]) -> None:
            label, amount = change
            self._database.update(Update(self._table, keys.label(app, label), "ADD #count :amount", {"amount": amount}))

        side_by_side(count, [change for change in changes.items() if change[1]])

    def _going_by(self, app: AppId, identities: Collection[Identity]) -> Iterator[Subscription]:
        wanted = set(identities)
        partitions = [keys.person(app, identity) for identity in sorted(wanted, key=repr)]
        listed = chain.from_iterable(side_by_side(self._aliases, partitions))
        for subscription in self.load(app, list(listed)).values():
            # It may have changed hands between the two reads.
            if wanted & set(subscription.identities):
                yield subscription

    def _aliases(self, person: str) -> list[SubscriptionId]:
        values = {"pk": person, "prefix": keys.SUBSCRIPTIONS}
        return [keys.subscription_in(one.text("sk")) for one in self._database.query(self._table, LISTED_UNDER, values)]

    def _loaded(self, batch: Sequence[keys.Key]) -> list[Record]:
        return list(self._database.load(self._table, batch))

    def _newest(self, partition: str, after: Place | None, page: int) -> Iterator[Place]:
        condition, values = "#listed = :listed", {"listed": partition}
        if after is not None:
            condition += " AND #listed_at < :after"
            values["after"] = keys.place(after.created_at, after.id)
        for record in self._database.query(
            self._table, condition, values, index=keys.BY_CREATED, page=page, newest_first=True
        ):
            yield place_in(record, "listed_at")

    def labelled(self, app: AppId, labels: Collection[str]) -> int:
        """How many carry one of these labels: never too few."""
        wanted = [keys.label(app, label) for label in dict.fromkeys(labels)]
        return sum(max(0, record.number("count")) for record in self._database.load(self._table, wanted))

    def _active_after(
        self, app: AppId, after: str | None, page: int, shards: range, labels: Sequence[str], known_by: int | None
    ) -> Iterator[Recipient]:
        only, wanted = _active_by(known_by)
        if labels:
            only += f" AND ({' OR '.join(f'contains(#labels, :label{place})' for place in range(len(labels)))})"
        wanted = {**wanted, **{f"label{place}": label for place, label in enumerate(labels)}}
        # A page counts what is looked at: of a label's few, as much as fits into an answer at a time.
        rows = self._records_after(app, after, None if labels else page, shards, only, wanted, RECIPIENT)
        return map(recipient_in, rows)

    def _records_after(
        self,
        app: AppId,
        after: str | None,
        page: int | None,
        shards: range,
        only: str,
        wanted: Item,
        attributes: str | None,
    ) -> Iterator[Record]:
        """The active ones of these shards that follow `after`, by shard and id. only: a filter, with what it names."""
        first, last_sk = (shards.start, "") if after is None else _parse_place(after)
        for shard in range(max(first, shards.start), shards.stop):
            condition, values = LISTED_UNDER, {"prefix": keys.SUBSCRIPTIONS}
            if shard == first and after is not None:
                condition = "#pk = :pk AND #sk BETWEEN :after AND :end"
                values = {"after": last_sk + "\0", "end": keys.AFTER_SUBSCRIPTIONS}
            yield from self._database.query(
                self._table,
                condition,
                {"pk": keys.shard(app, shard), **values, **wanted},
                only=only,
                page=page,
                consistent=False,
                attributes=attributes,
            )


def _active_by(known_by: int | None) -> tuple[str, Item]:
    """A filter for the active ones, or those of them that were created by a time, with its values."""
    values: Item = {"active": SubscriptionState.ACTIVE}
    if known_by is None:
        return ACTIVE_ONLY, values
    # A filter, because one attribute more to take apart for each recipient costs a tenth of encrypting its message.
    return f"{ACTIVE_ONLY} AND #created_at <= :known_by", {**values, "known_by": known_by}


def _as_it_was(one: Gone) -> dict[str, str | int]:
    """The values of STILL_THERE."""
    return {"active": SubscriptionState.ACTIVE, "endpoint": one.endpoint, "vapid_key": one.vapid_key}


def _label_changes(changes: Sequence[Change]) -> Counter[str]:
    """How many more subscriptions carry each label after these changes; fewer where it is negative."""
    labels: Counter[str] = Counter()
    for new, old in changes:
        labels.update(set(new.labels))
        labels.subtract(set() if old is None else set(old.labels))
    return labels


def _begun(records: Iterator[Place]) -> Iterable[Place]:
    """The same, with its first stretch read."""
    first = next(records, None)
    return records if first is None else chain([first], records)


def _place(subscription: SubscriptionId) -> str:
    return f"{shard_of(subscription):02}:{keys.SUBSCRIPTIONS}{subscription}"


def _parse_place(after: str) -> tuple[int, str]:
    shard, _, sk = after.partition(":")
    return int(shard), sk
