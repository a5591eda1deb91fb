"""What is kept of a person: to be handed over, or to be erased, when they ask for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tocsin.application.following import Following
from tocsin.application.identifying import Identifying
from tocsin.application.listing import EVERY_STATE, Listing, SubscriptionView
from tocsin.application.ports import (
    Clock,
    Codes,
    Inbox,
    Persons,
    Randomness,
    Registry,
    Stale,
    Subscriptions,
    Unavailable,
)
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.note import Note
from tocsin.domain.person import Person
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App

MOST = 10_000
_RACES = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored under a name, and under the names of the customer's own that its browsers go by."""

    subscriptions: Sequence[SubscriptionView]
    persons: Sequence[Person] = ()
    notes: Sequence[Note] = ()


class People:
    """The use cases on one person, named by the customer's own id or an e-mail address."""

    def __init__(
        self,
        registry: Registry,
        subscriptions: Subscriptions,
        persons: Persons,
        inbox: Inbox,
        codes: Codes,
        identifying: Identifying,
        following: Following,
        listing: Listing,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._subscriptions = subscriptions
        self._persons = persons
        self._inbox = inbox
        self._codes = codes
        self._identifying = identifying
        self._following = following
        self._listing = listing
        self._clock = clock
        self._randomness = randomness

    def export(self, app: App, kind: IdentityKind, name: str, actor: Actor) -> Kept:
        """Everything that is stored under a name, whatever its state. Raises Refused: FIELD_INVALID."""
        person = self._identifying.identity(app, kind, name)
        views = self._listing.of_person(app.id, person, EVERY_STATE, 0, MOST).views
        names = _names(person, (view.subscription for view in views))
        persons = [found for one in names if (found := self._persons.get(app.id, one)) is not None]
        notes = [note for one in names for note in self._inbox.notes(app.id, one, MOST)]
        self._record(app, actor, Action.PERSON_EXPORTED, person, subscriptions=len(views))
        return Kept(views, tuple(persons), tuple(notes))

    def erase(self, app: App, kind: IdentityKind, name: str, actor: Actor) -> int:
        """Remove every subscription that goes by a name, with all its names; how many there were.

        The record, inbox and codes of a name that no browser goes by any more are removed too.
        Raises Refused: FIELD_INVALID.
        """
        person, erased = self._identifying.identity(app, kind, name), 0
        known = self._subscriptions.known(app.id, person)
        for found in known:
            erased += self._erase(app, found.id, person)
        for one in _names(person, known):
            self._forget(app, one)
        self._record(app, actor, Action.PERSON_ERASED, person, subscriptions=erased)
        return erased

    def _forget(self, app: App, name: str) -> None:
        self._following.follow(app, name)  # tells the app that they are subscribed no more
        if not self._subscriptions.known(app.id, Identity(IdentityKind.EXTERNAL, name)):
            self._codes.revoke(app.id, name)
            self._inbox.clear(app.id, name)
            self._persons.remove(app.id, name)

    def _erase(self, app: App, subscription: SubscriptionId, person: Identity) -> bool:
        for _ in range(_RACES):
            found = self._subscriptions.get(app.id, subscription)
            if found is None or person not in found.identities:
                return False
            try:
                self._subscriptions.erase(found)
            except Stale:
                continue
            return True
        raise Unavailable

    def _record(self, app: App, actor: Actor, action: Action, person: Identity, **details: int) -> None:
        """Only the kind of the name: a log that kept names would keep what was to be erased."""
        entry = AuditEntry(
            self._randomness.new_id(),
            app.id,
            int(self._clock.now()),
            actor,
            action,
            {"named_by": person.kind, **details},
        )
        self._registry.record(entry)


def _names(person: Identity, subscriptions: Iterable[Subscription]) -> list[str]:
    """The customer's own names of a person: the one that was given, and those that their browsers go by."""
    names = [one.identity(IdentityKind.EXTERNAL) for one in subscriptions]
    given = person if person.kind is IdentityKind.EXTERNAL else None
    return list(dict.fromkeys(name.value for name in (given, *names) if name is not None))
