"""What is kept of a person: to be handed over, or to be erased, when they ask for it."""

from collections.abc import Sequence

from tocsin.application.identifying import Identifying
from tocsin.application.listing import EVERY_STATE, Listing, SubscriptionView
from tocsin.application.ports import Clock, Randomness, Registry, Stale, Subscriptions, Unavailable
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.tenancy import App

MOST = 10_000
_RACES = 8


class People:
    """The use cases on one person, named by the customer's own id or an e-mail address."""

    def __init__(
        self,
        registry: Registry,
        subscriptions: Subscriptions,
        identifying: Identifying,
        listing: Listing,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._subscriptions = subscriptions
        self._identifying = identifying
        self._listing = listing
        self._clock = clock
        self._randomness = randomness

    def export(self, app: App, kind: IdentityKind, name: str, actor: Actor) -> Sequence[SubscriptionView]:
        """Everything that is stored under a name, whatever its state. Raises Refused: FIELD_INVALID."""
        person = self._identifying.identity(app, kind, name)
        views = self._listing.of_person(app.id, person, EVERY_STATE, 0, MOST).views
        self._record(app, actor, Action.PERSON_EXPORTED, person, subscriptions=len(views))
        return views

    def erase(self, app: App, kind: IdentityKind, name: str, actor: Actor) -> int:
        """Remove every subscription that goes by a name, with all its names; how many there were.

        Raises Refused: FIELD_INVALID.
        """
        person, erased = self._identifying.identity(app, kind, name), 0
        for found in self._subscriptions.known(app.id, person):
            erased += self._erase(app, found.id, person)
        self._record(app, actor, Action.PERSON_ERASED, person, subscriptions=erased)
        return erased

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
