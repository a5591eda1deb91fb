"""Keeping the record of each person true to what their devices do."""

from collections.abc import Sequence
from dataclasses import replace

from tocsin.application.ports import Change, Clock, Events, Page, Persons, Stale, Subscriptions, Unavailable
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.event import Event, EventKind, event_id
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId
from tocsin.domain.person import Person
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

_RACES = 8


class Following:
    """People follow their devices: with the first one that can be sent to they are subscribed, after the last no more.

    The record is written after the subscription and not with it: an expired device is found by the hundred, with no
    name at hand. Whoever asks for a person, or sends to one, therefore looks at the devices and mends the record.
    """

    def __init__(
        self, persons: Persons, subscriptions: Subscriptions, events: Events, derivation: Derivation, clock: Clock
    ) -> None:
        self._persons = persons
        self._subscriptions = subscriptions
        self._events = events
        self._derivation = derivation
        self._clock = clock

    def person(self, app: App, external_id: str) -> Person:
        """Who is subscribed under a name. Raises Refused: NOT_FOUND (nobody, or no more)."""
        found = self.follow(app, external_id)
        if found is None or not found.subscribed:
            raise Refused(Fault.NOT_FOUND, "Subscription not found")
        return found

    def follow(self, app: App, external_id: str) -> Person | None:
        """The person, after a look at their devices; None: nobody is known by this name. Tells the app of a change."""
        name = Identity(IdentityKind.EXTERNAL, external_id)
        for _ in range(_RACES):
            old = self._persons.get(app.id, external_id)
            subscribed = bool(self._subscriptions.of(app.id, [name]))
            if subscribed == (old is not None and old.subscribed):
                return old
            new = replace(self._next(app, external_id, old), subscribed=subscribed)
            # Before the write, for nobody tells again what is written. Told twice, it has the same id, unless another
            # container was at the same person at that instant.
            self._tell(app, new)
            try:
                self._persons.put(new, old)
            except Stale:
                continue
            # Once more: what came or went since the devices were counted was told that nothing had to be written.
        raise Unavailable

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Person]:
        """Who is subscribed, newest first, as their records say. Raises MalformedCursor."""
        return self._persons.listed(app, limit, cursor)

    def changed(self, app: App, changes: Sequence[Change]) -> None:
        """Follow whom these stored changes concern. What cannot be done now is mended by who asks next."""
        before = {name for _, old in changes if old is not None for name in _reached(old)}
        after = {name for new, _ in changes for name in _reached(new)}
        try:
            for name in sorted(before ^ after):
                known = self._persons.get(app.id, name) if name in after else None
                if known is None or not known.subscribed:
                    self.follow(app, name)
        except Unavailable:
            return  # the subscription is stored: an error would be untrue

    def joined(self, app: App, external_id: str) -> None:
        """Note that somebody has a new device, without a look at their others: for many people at once.

        What cannot be done now is mended by who asks next, as is a device that went meanwhile.
        """
        old: Person | None = None  # most of them are new: so it takes one call, and two for the others
        for _ in range(_RACES):
            new = replace(self._next(app, external_id, old), subscribed=True)
            try:
                self._tell(app, new)
                self._persons.put(new, old)
            except Stale:
                old = self._persons.get(app.id, external_id)
                if old is not None and old.subscribed:
                    return
                continue
            except Unavailable:
                return
            return

    def mute(self, app: App, external_id: str, *, muted: bool) -> Person:
        """Let sends reach a person's devices, or only their inbox. Raises Refused: NOT_FOUND."""
        for _ in range(_RACES):
            old = self.person(app, external_id)
            if old.muted == muted:
                return old
            new = replace(self._next(app, external_id, old), muted=muted)
            try:
                self._persons.put(new, old)
            except Stale:
                continue
            return new
        raise Unavailable

    def subscriber(self, app: App, person: Person) -> str:
        """The id of a person across the apps of the tenant (BN-13); 24 hex digits."""
        return self._derivation.tenant_person_id(app.tenant, person.external_id)

    def _next(self, app: App, external_id: str, old: Person | None) -> Person:
        """The next revision. The first counts from the time on: after an erasure, no event repeats an earlier one."""
        now = int(self._clock.now())
        if old is not None:
            return replace(old, updated_at=now, revision=old.revision + 1)
        return Person(
            app=app.id,
            id=self._derivation.person_id(app.id, external_id),
            external_id=external_id,
            subscribed=False,
            muted=False,
            enrolled=False,
            created_at=now,
            updated_at=now,
            revision=int(self._clock.now() * 1000),
        )

    def _tell(self, app: App, person: Person) -> None:
        if app.hooks:
            kind = EventKind.SUBSCRIBED if person.subscribed else EventKind.UNSUBSCRIBED
            id_ = event_id("person", app.id, person.id, person.revision)
            self._events.emit([Event(id_, app.id, kind, person.updated_at, person=person.external_id)])


def _reached(subscription: Subscription) -> set[str]:
    name = subscription.identity(IdentityKind.EXTERNAL)
    active = subscription.state is SubscriptionState.ACTIVE
    return {name.value} if active and name is not None else set()
