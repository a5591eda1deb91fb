"""Who is meant by an audience: at once where it is small, stretch by stretch where it is planned."""

from collections.abc import Sequence

from tocsin.application.jobs import FanOut, Recipient
from tocsin.application.ports import Chunks, Subscriptions, Walk
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.parts import shards_of
from tocsin.domain.send import Chosen, Everyone, Matching, Send
from tocsin.domain.subscription import Subscription, SubscriptionState

WALKABLE = 10_000
"""In an app with so many subscriptions, ended ones included, a request may look through all of them: about a second."""
CLOCK_AHEAD = 1
"""Seconds by which the clock of who noted a subscription may be ahead of the one that dates a send. Who subscribes
within them may still take the place of somebody who was counted."""
_LABELLED = "labels:"


def named(subscriptions: Subscriptions, app: AppId, chosen: Chosen) -> Sequence[Subscription]:
    """The active ones that are meant by their owner, most recently seen first, then those meant by id; each once."""
    found = {one.id: one for one in subscriptions.of(app, chosen.identities)} if chosen.identities else {}
    for id_, one in (subscriptions.load(app, chosen.subscriptions) if chosen.subscriptions else {}).items():
        if one.state is SubscriptionState.ACTIVE:
            found.setdefault(id_, one)
    return list(found.values())


def all_of(subscriptions: Subscriptions, app: AppId, chosen: Chosen) -> list[Recipient]:
    """All who are meant, each once; for an app that is WALKABLE."""
    found = {one.id: Recipient.of(one) for one in named(subscriptions, app, chosen)}
    after = None
    while chosen.labels:
        walk = subscriptions.walk(app, after, WALKABLE, labels=chosen.labels)
        for recipient in walk.recipients:
            found.setdefault(recipient.id, recipient)
        if (after := walk.after) is None:
            break
    return list(found.values())


def all_matching(subscriptions: Subscriptions, app: AppId, matching: Matching, now: float) -> list[Recipient]:
    """All whom a rule means at this time, each once; for an app that is WALKABLE."""
    found, after = list[Recipient](), None
    while True:
        sifted = subscriptions.sift(app, matching.rule, now, after, WALKABLE)
        found += sifted.recipients
        if (after := sifted.after) is None:
            return found


def still_meant(send: Send, subscription: Subscription) -> bool:
    """Whether a frozen recipient is still one: a browser may have been turned off, or be somebody else's by now."""
    if subscription.state is not SubscriptionState.ACTIVE:
        return False
    # Whom a segment means was decided when the send was planned.
    return not isinstance(send.audience, Chosen) or send.audience.means(subscription)


class Stretches:
    """An audience in stretches, in an order that stays, so that a planner can go on where another one stopped.

    Whoever is chosen by name comes first, by id, then whoever carries a label: who is among the frozen recipients of
    the chunks before does not come again. Who subscribed after the send was asked for is passed over: no more are sent
    to than were counted then, so they would take the places of others.
    """

    def __init__(self, subscriptions: Subscriptions, chunks: Chunks) -> None:
        self._subscriptions = subscriptions
        self._chunks = chunks

    def next(self, send: Send, planned: FanOut, limit: int) -> Walk:
        """Up to `limit` recipients of a part that follow `planned.after`; there may be none though more follow."""
        audience, app, by = send.audience, send.app, known_by(send.meant_at)
        shards = shards_of(planned.part, len(send.parts))
        if isinstance(audience, Everyone):
            return self._subscriptions.walk(app, planned.after, limit, shards, known_by=by)
        if isinstance(audience, Matching):
            sifted = self._subscriptions.sift(
                app, audience.rule, send.meant_at, planned.after, limit, shards, known_by=by
            )
            return Walk(sifted.recipients, sifted.after)
        after = planned.after or ""
        if after.startswith(_LABELLED):
            chunks, _, place = after.removeprefix(_LABELLED).partition(":")
            return self._labelled(send, audience, int(chunks), place or None, limit)
        known = (one for one in named(self._subscriptions, app, audience) if one.created_at <= by)
        rest = sorted((one for one in known if one.id > after), key=lambda one: one.id)
        if not rest:
            return self._labelled(send, audience, planned.ordinal, None, limit)
        shown = [Recipient.of(one) for one in rest[:limit]]
        if len(rest) > limit:
            return Walk(shown, shown[-1].id)
        return Walk(shown, f"{_LABELLED}{planned.ordinal + 1}:" if audience.labels else None)

    def _labelled(self, send: Send, audience: Chosen, chunks: int, after: str | None, limit: int) -> Walk:
        """Those with a label, but for the recipients of the first `chunks` chunks."""
        if not audience.labels:
            return Walk([], None)
        taken = self._taken(send, chunks)
        walk = self._subscriptions.walk(
            send.app, after, limit, labels=audience.labels, known_by=known_by(send.meant_at)
        )
        found = [one for one in walk.recipients if one.id not in taken]
        return Walk(found, None if walk.after is None else f"{_LABELLED}{chunks}:{walk.after}")

    def _taken(self, send: Send, chunks: int) -> set[SubscriptionId]:
        frozen = (self._chunks.frozen(send.app, send.id, number) for number in range(chunks))
        return {id_ for one in frozen if one is not None for id_ in one.ids}


def known_by(asked_at: float) -> int:
    """When whoever is meant by a send had subscribed at the latest. Both in Unix seconds."""
    return int(asked_at) + CLOCK_AHEAD
