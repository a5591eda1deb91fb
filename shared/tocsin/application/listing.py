"""Listing subscriptions: pages by state or by person, with exact totals and with offsets as deep as one may ask."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tocsin.application.ports import Clock, Place, Subscriptions
from tocsin.domain import address
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import Broadcasts, Counts, Subscription, SubscriptionState, notified

MAX_OFFSET = 100_000
ONLINE_SECONDS = 300
"""Whoever was heard of within this time counts as online (CS-29)."""
_MARK_EVERY = 1000
_LOOKED_AT = 10
"""How many times its length a stretch may read in search of labels."""

States = frozenset[SubscriptionState]
EVERY_STATE: States = frozenset(SubscriptionState)


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription as its app's owner is shown it. address: only where it came in to be shown."""

    subscription: Subscription
    address: str | None
    notified: int
    last_active: int
    online: bool


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A page. total: of the whole listing. after: where the next page starts, None at the end."""

    views: Sequence[SubscriptionView]
    total: int
    after: Place | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a listing, without its total. after: where the next one starts, None at the end."""

    views: Sequence[SubscriptionView]
    after: Place | None


class Listing:
    """The subscriptions of an app as lists, newest first."""

    def __init__(self, subscriptions: Subscriptions, derivation: Derivation, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._derivation = derivation
        self._clock = clock

    def get(self, app: AppId, subscription: SubscriptionId) -> SubscriptionView:
        """One subscription, in whatever state. Raises Refused: NOT_FOUND."""
        found = self._subscriptions.get(app, subscription)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Subscription not found")
        return self.view(found)

    def view(self, subscription: Subscription) -> SubscriptionView:
        """A subscription that was just read or written."""
        return self._view(subscription, self._subscriptions.broadcasts(subscription.app))

    def page(self, app: AppId, states: States, offset: int, limit: int) -> ListingPage:
        """The page that starts `offset` entries (at most 100,000) from the newest. Raises Refused: FIELD_INVALID."""
        _check(offset)
        if offset == 0:
            return self.after(app, states, None, limit)
        total = self.counts(app).of(states)
        start = self._skip(app, states, offset) if offset < total else None
        return ListingPage((), total, None) if start is None else self._page(app, states, start, limit, total)

    def after(self, app: AppId, states: States, after: Place | None, limit: int) -> ListingPage:
        """The page that follows a place; None: the first."""
        return self._page(app, states, after, limit, self.counts(app).of(states))

    def of_person(
        self, app: AppId, person: Identity, states: States, offset: int, limit: int, *, after: Place | None = None
    ) -> ListingPage:
        """A page of a person's subscriptions, by offset or after a place. Raises Refused: FIELD_INVALID (offset)."""
        _check(offset)
        listed = [found for found in self._subscriptions.known(app, person) if found.state in states]
        rest = [found for found in listed if after is None or _place(found) < after][offset:]
        shown = rest[:limit]
        return ListingPage(self.views(app, shown), len(listed), _place(shown[-1]) if len(rest) > limit else None)

    def stretch(
        self,
        app: AppId,
        states: States,
        after: Place | None,
        limit: int,
        *,
        person: Identity | None = None,
        labels: Collection[str] = (),
    ) -> Stretch:
        """Up to `limit` that follow a place, of this person and with one of these labels, if those are named.

        Labels are looked for entry by entry: after ten times `limit` of them a stretch ends, however short it is.
        """
        if person is not None:
            of_person = (one for one in self._subscriptions.known(app, person) if _fits(one, states, labels))
            rest = [one for one in of_person if after is None or _place(one) < after]
            shown = rest[:limit]
            return Stretch(self.views(app, shown), _place(shown[-1]) if len(rest) > limit else None)
        found: list[Subscription] = []
        for _ in range(_LOOKED_AT):
            # One more than is looked at says whether another follows.
            places = self._subscriptions.listed(app, states, after, limit + 1)
            stored = self._subscriptions.load(app, [place.id for place in places[:limit]])
            for passed, place in enumerate(places[:limit], 1):
                after, one = place, stored.get(place.id)
                if one is not None and _fits(one, states, labels):
                    found.append(one)
                if len(found) == limit:
                    return Stretch(self.views(app, found), place if passed < len(places) else None)
            if len(places) <= limit:
                return Stretch(self.views(app, found), None)
        return Stretch(self.views(app, found), after)

    def counts(self, app: AppId) -> Counts:
        """How many there are."""
        return self._subscriptions.counts(app)

    def _page(self, app: AppId, states: States, after: Place | None, limit: int, total: int) -> ListingPage:
        # One more than is shown says whether there is another page.
        places = self._subscriptions.listed(app, states, after, limit + 1)
        shown = places[:limit]
        found = self._subscriptions.load(app, [place.id for place in shown])
        # The index may lag: what has left these states since is not shown among them.
        listed = (found[place.id] for place in shown if place.id in found and found[place.id].state in states)
        return ListingPage(self.views(app, list(listed)), total, shown[-1] if len(places) > limit else None)

    def _skip(self, app: AppId, states: States, offset: int) -> Place | None:
        """The place of the entry with which `offset` entries are passed; None when there are not so many."""
        listing = "+".join(sorted(states))
        marks = self._subscriptions.marks(app, listing) if offset >= _MARK_EVERY else {}
        passed = max((place_after for place_after in marks if place_after <= offset), default=0)
        place = marks.get(passed)
        while passed < offset:
            wanted = min(offset, (passed // _MARK_EVERY + 1) * _MARK_EVERY) - passed
            places = self._subscriptions.listed(app, states, place, wanted)
            if len(places) < wanted:
                return None
            passed, place = passed + wanted, places[-1]
            if passed % _MARK_EVERY == 0:
                self._subscriptions.mark(app, listing, passed, place)
        return place

    def views(self, app: AppId, found: Sequence[Subscription]) -> Sequence[SubscriptionView]:
        """Subscriptions of an app that were just read."""
        broadcasts = self._subscriptions.broadcasts(app) if found else Broadcasts()
        return [self._view(subscription, broadcasts) for subscription in found]

    def _view(self, subscription: Subscription, broadcasts: Broadcasts) -> SubscriptionView:
        active = subscription.state is SubscriptionState.ACTIVE
        heard = [subscription.seen_at, subscription.activity.accepted_at or 0]
        if active and broadcasts.last_at is not None:
            heard.append(broadcasts.last_at)  # who became active after it was seen after it
        return SubscriptionView(
            subscription,
            self._address(subscription),
            notified(subscription, broadcasts),
            max(heard),
            active and self._clock.now() - subscription.seen_at < ONLINE_SECONDS,
        )

    def _address(self, subscription: Subscription) -> str | None:
        if subscription.address is None:
            return None
        return address.unseal(self._derivation.address_secret(subscription.app), subscription.id, subscription.address)


def _check(offset: int) -> None:
    if offset > MAX_OFFSET:
        message = f"offset must be at most {MAX_OFFSET}: follow next_cursor instead"
        raise Refused(Fault.FIELD_INVALID, message, field="offset")


def _fits(subscription: Subscription, states: States, labels: Collection[str]) -> bool:
    return subscription.state in states and (not labels or not set(labels).isdisjoint(subscription.labels))


def _place(subscription: Subscription) -> Place:
    return Place(subscription.created_at, subscription.id)
