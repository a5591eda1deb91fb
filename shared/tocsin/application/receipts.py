"""What became of the recipients of a traced send, told from the record of a finished chunk (KM-25)."""

from collections.abc import Iterator, Mapping, Sequence

from tocsin.domain.chunk import Chunk, Result
from tocsin.domain.event import Event, EventKind, event_id
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.report import NOBODY, Fate
from tocsin.domain.send import Chosen, Send
from tocsin.domain.subscription import Subscription, SubscriptionState

EXPIRED = "expired"
"""The reason in a chunk's report for those whose TTL ended before a push service took their message."""


_LEFT = {
    SubscriptionState.EXPIRED: "gone",
    SubscriptionState.INACTIVE: "unsubscribed",
    SubscriptionState.UNREGISTERED: "unsubscribed",
}


def receipts(
    send: Send, chunk: Chunk, ids: Sequence[SubscriptionId], known: Mapping[SubscriptionId, Subscription], at: int
) -> Iterator[Event]:
    """One event for each recipient; repeated, they have the same ids.

    ids: the chunk's recipients, in order. known: those that still exist.
    """
    for index, (id_, result) in enumerate(zip(ids, chunk.results, strict=True)):
        subscription = known.get(id_)
        kind, reason = _outcome(result, subscription, chunk)
        place, person = _person(send, subscription)
        yield Event(
            event_id(send.id, chunk.number, index),
            send.app,
            kind,
            at,
            person=person,
            subscription=id_,
            send=send.id,
            place=place,
            platform=None if subscription is None else subscription.platform,
            reason=reason,
            dialect=send.dialect,
        )


def click(send: Send, chunk: int, index: int, id_: SubscriptionId, subscription: Subscription | None, at: int) -> Event:
    """The click of a recipient. chunk, index: its place in the send; id_, subscription: as in `receipts`."""
    place, person = _person(send, subscription)
    return Event(
        event_id(send.id, chunk, index, EventKind.CLICKED),
        send.app,
        EventKind.CLICKED,
        at,
        person=person,
        subscription=id_,
        send=send.id,
        place=place,
        platform=None if subscription is None else subscription.platform,
        dialect=send.dialect,
    )


def _outcome(result: Result, subscription: Subscription | None, chunk: Chunk) -> tuple[EventKind, str | None]:
    if result is Result.ACCEPTED:
        return EventKind.DELIVERED, None
    if result is Result.UNCERTAIN:
        return EventKind.FAILED, "uncertain"
    state = SubscriptionState.EXPIRED if subscription is None else subscription.state
    if state in _LEFT:
        return EventKind.FAILED, _LEFT[state]
    # The record counts answers and does not say whose each was: with several sorts of them, all are named.
    reasons = [said.reason or "refused" for said in chunk.report.said if said.fate is Fate.FAILED]
    expired = [said for said in chunk.report.said if said.fate is Fate.FAILED and said.service == NOBODY]
    if reasons == [EXPIRED] and expired:
        return EventKind.EXPIRED, None
    return EventKind.FAILED, " or ".join(sorted(set(reasons))) or None


def _person(send: Send, subscription: Subscription | None) -> tuple[int | None, str | None]:
    """Where the person stands among those whom the send names, and the customer's own name of them.

    A browser may have another owner by now, of whom nothing is told.
    """
    named: tuple[Identity, ...] = send.audience.identities if isinstance(send.audience, Chosen) else ()
    names = () if subscription is None else subscription.identities
    place = next((place for place, name in enumerate(named) if name in names), 0 if len(named) == 1 else None)
    if place is not None and named[place].kind is IdentityKind.EXTERNAL:
        return place, named[place].value
    meant = place is not None and named[place] in names
    external = next((name.value for name in names if name.kind is IdentityKind.EXTERNAL), None)
    return place, external if meant or not named else None
