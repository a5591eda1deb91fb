"""Handing over what is kept of an app, so that it can move elsewhere: its subscriptions, and its private keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.application.listing import EVERY_STATE, Listing, ListingPage, SubscriptionView
from tocsin.application.ports import Clock, Persons, Place, Randomness, Registry, SealedVapidKey, SideBySide, Vault
from tocsin.application.signing import vapid_context
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App
from tocsin.webpush.vapid import VapidKey


@dataclass(frozen=True, slots=True)
class OpenedVapidKey:
    """A VAPID key of an app with its private half; `present`: new subscriptions are made under it."""

    key: SealedVapidKey
    private: VapidKey = field(repr=False)
    present: bool


class Exporting:
    """The use cases of an export. Whoever begins one, or asks for private keys, leaves an audit entry."""

    def __init__(
        self,
        registry: Registry,
        listing: Listing,
        persons: Persons,
        side_by_side: SideBySide,
        vault: Vault,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._listing = listing
        self._persons = persons
        self._side_by_side = side_by_side
        self._vault = vault
        self._clock = clock
        self._randomness = randomness

    def page(self, app: App, after: Place | None, limit: int, actor: Actor) -> ListingPage:
        """A page of an app's subscriptions in every state, newest first; after None: from the start."""
        if after is None:
            self._record(app.id, actor, Action.APP_EXPORTED, {})
        return self._listing.after(app.id, EVERY_STATE, after, limit)

    def muted(self, app: App, views: Sequence[SubscriptionView]) -> Collection[str]:
        """Who, of the people whom these subscriptions belong to, wants no messages on devices; by external id."""
        names = (view.subscription.identity(IdentityKind.EXTERNAL) for view in views)
        people = list(dict.fromkeys(name.value for name in names if name is not None))
        known = self._side_by_side(lambda person: self._persons.get(app.id, person), people)
        return {person.external_id for person in known if person is not None and person.muted}

    def public_keys(self, app: App) -> Mapping[str, str]:
        """The public half of each VAPID key of an app, by the key's id."""
        return {key.id: key.public for key in self._registry.vapid_keys(app.id)}

    def vapid_keys(self, app: App, actor: Actor) -> Sequence[OpenedVapidKey]:
        """All VAPID keys of an app with their private halves: whoever has them can send to its subscribers for good."""
        keys = self._registry.vapid_keys(app.id)
        # Noted first: an answer that got lost was given out all the same.
        self._record(app.id, actor, Action.VAPID_KEYS_EXPORTED, {"vapid_keys": [key.id for key in keys]})
        context = vapid_context(app.tenant, app.id)
        return [
            OpenedVapidKey(key, VapidKey.from_raw(self._vault.open(key.ciphertext, context)), key.id == app.vapid_key)
            for key in keys
        ]

    def _record(self, app: AppId, actor: Actor, action: Action, details: Mapping[str, object]) -> None:
        now = int(self._clock.now())
        self._registry.record(AuditEntry(self._randomness.new_id(), app, now, actor, action, details))
