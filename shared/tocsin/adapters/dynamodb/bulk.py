"""Many changes of subscriptions at once: those of a shard together, the shards side by side."""

from collections.abc import Collection, Iterator, Sequence

from tocsin.adapters.dynamodb.side_by_side import side_by_side
from tocsin.application.ports import Change, Stale, Subscriptions
from tocsin.domain.ids import SubscriptionId, shard_of

WRITES_AT_ONCE = 99
"""With the counters of their shard as many as a transaction takes."""


class DynamoBulkWriter:
    """The BulkWriter port."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def put_each(self, changes: Sequence[Change]) -> Collection[SubscriptionId]:
        """Store each change on its own, each subscription once; those that somebody else wrote in between are told."""
        # As writes of their own, those of a shard would all meet at its counters.
        by_shard: dict[int, list[Change]] = {}
        for change in changes:
            by_shard.setdefault(shard_of(change[0].id), []).append(change)
        stale = side_by_side(self._put_shard, list(by_shard.values()))
        return [name for names in stale for name in names]

    def _put_shard(self, changes: Sequence[Change]) -> list[SubscriptionId]:
        return [name for group in _groups(changes) for name in self._put_group(group)]

    def _put_group(self, changes: Sequence[Change]) -> list[SubscriptionId]:
        try:
            self._subscriptions.put_all(changes)
        except Stale:
            if len(changes) == 1:
                return [changes[0][0].id]
            return [name for change in changes for name in self._put_group([change])]
        return []


def _groups(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """In their order, as many together as a transaction takes."""
    group: list[Change] = []
    room = WRITES_AT_ONCE
    for new, old in changes:
        writes = 1 + len(set(new.identities) ^ (set() if old is None else set(old.identities)))
        if group and writes > room:
            yield group
            group, room = [], WRITES_AT_ONCE
        group.append((new, old))
        room -= writes
    if group:
        yield group
