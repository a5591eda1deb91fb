"""What an app's owner changes of a subscription that browsers made, and its removal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tocsin.application.following import Following
from tocsin.application.ports import Clock, Randomness, Stale, Subscriptions, Unavailable
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.keep import KEEP, Keep
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

_NOT_FOUND = "Subscription not found"
_RACES = 8


@dataclass(frozen=True, slots=True)
class Amendment:
    """What shall be otherwise. external_id None: it goes by none any more. custom None: nothing is kept with it."""

    labels: tuple[str, ...] | Keep = KEEP
    external_id: str | Keep | None = KEEP
    custom: Mapping[str, object] | Keep | None = KEEP

    def of(self, subscription: Subscription) -> Subscription:
        """The subscription as it shall be."""
        new = subscription
        if self.labels is not KEEP:
            new = replace(new, labels=self.labels)
        if self.external_id is not KEEP:
            new = _named(new, self.external_id)
        return new if self.custom is KEEP else replace(new, custom=self.custom)


class Amending:
    """The use cases; each write is one conditional transaction, tried again when another was faster."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        following: Following,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._subscriptions = subscriptions
        self._following = following
        self._clock = clock
        self._randomness = randomness

    def amend(self, app: App, subscription: SubscriptionId, amendment: Amendment) -> Subscription:
        """Change a subscription, in whatever state; as it is then. Raises Refused: NOT_FOUND."""

        def change(found: Subscription) -> Subscription:
            amended = amendment.of(found)
            if amended == found:
                return found
            new = replace(amended, revision=found.revision + 1).updated(found, int(self._clock.now()))
            self._subscriptions.put(new, found)
            self._following.changed(app, [(new, found)])
            return new

        return self._try(app, subscription, change)

    def tag(self, app: App, subscription: SubscriptionId, labels: tuple[str, ...]) -> Subscription:
        """Give a browser that can be reached other labels. Raises Refused: GONE."""
        found = self._subscriptions.get(app.id, subscription)
        if found is None or found.state is not SubscriptionState.ACTIVE:
            raise Refused(Fault.GONE, _NOT_FOUND)
        return self.amend(app, subscription, Amendment(labels=labels))

    def erase(self, app: App, subscription: SubscriptionId, actor: Actor) -> None:
        """Remove a subscription as if it had never been (PU-20); of what it was, only its id is written down.

        Raises Refused: NOT_FOUND.
        """

        details, at = {"subscription": subscription}, int(self._clock.now())
        entry = AuditEntry(self._randomness.new_id(), app.id, at, actor, Action.CLIENT_ERASED, details)

        def remove(found: Subscription) -> Subscription:
            self._subscriptions.erase(found, entry)
            return found

        erased = self._try(app, subscription, remove)
        self._following.changed(app, [(replace(erased, identities=()), erased)])

    def _try(
        self, app: App, subscription: SubscriptionId, change: Callable[[Subscription], Subscription]
    ) -> Subscription:
        for _ in range(_RACES):
            found = self._subscriptions.get(app.id, subscription)
            if found is None:
                raise Refused(Fault.NOT_FOUND, _NOT_FOUND)
            try:
                return change(found)
            except Stale:
                continue
        raise Unavailable


def _named(subscription: Subscription, external_id: str | None) -> Subscription:
    """The same, going by this external id, or by none; the e-mail address that it goes by stays."""
    old = subscription.identity(IdentityKind.EXTERNAL)
    if (None if old is None else old.value) == external_id:
        return subscription
    others = tuple(name for name in subscription.identities if name is not old)
    if external_id is None:
        return replace(subscription, identities=others, untold=False)
    return replace(subscription, identities=(*others, Identity(IdentityKind.EXTERNAL, external_id)), untold=True)
