"""Subscribing, naming and withdrawing browsers."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tocsin.application.following import Following
from tocsin.application.identifying import Claim, Identifying
from tocsin.application.ports import Change, Clock, Randomness, Registry, Stale, Subscriptions, Unavailable
from tocsin.application.triggering import Happening, Triggering
from tocsin.domain import address
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import Trigger
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import (
    FCM_KEY,
    Activity,
    Device,
    Platform,
    Subscription,
    SubscriptionState,
    recounted,
)
from tocsin.domain.tenancy import App
from tocsin.webpush.encryption import InvalidKeys, RecipientKeys, parse_keys
from tocsin.webpush.fcm import is_token, token_in
from tocsin.webpush.origins import InvalidEndpoint, parse_endpoint
from tocsin.webpush.vapid import key_id

HEARTBEAT_SECONDS = 60
"""A browser that was heard of within this time is not noted again: well below what counts as online."""
_ENDED = {SubscriptionState.INACTIVE, SubscriptionState.UNREGISTERED}
"""Somebody ended it: only a person may begin it anew, no program may."""
_RACES = 8
HEARD_AGAIN_SECONDS = 3600
"""For so long flows are told of who subscribed at each repeat, too: an earlier request may have died before that. They
are told the same time, which the rest of a run that has begun covers: nobody is welcomed twice."""


@dataclass(frozen=True, slots=True)
class SubscribeCommand:
    """A browser's PushSubscription, and what it says of itself.

    trusted: the customer's server speaks, so a claim needs no proof. previous: the endpoint that this one replaces.
    renew: a program reports, not a person: what somebody has ended stays so. application_server_key: which the browser
    subscribed under, None for the app's present one. keeps_address: the app's owner is to be shown the e-mail address.
    platform: where it is named, the endpoint may also be `fcm:` and a registration token, without keys; iOS and Android
    have nothing else. untold: the browser is not told by what its worker could check messages for its person.
    """

    app: App
    endpoint: str
    p256dh: str
    auth: str
    trusted: bool
    claims: tuple[Claim, ...] = ()
    labels: tuple[str, ...] | None = None
    device: Device = field(default_factory=Device)
    previous: str | None = None
    renew: bool = False
    application_server_key: str | None = None
    keeps_address: bool = False
    platform: Platform | None = None
    untold: bool = False


class _NotActive(Exception):
    """There is no such subscription, or it cannot be sent to any more."""


class Subscribing:
    """The use cases of subscribing; every write is one conditional transaction, tried again when another was faster."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        registry: Registry,
        identifying: Identifying,
        following: Following,
        triggering: Triggering,
        derivation: Derivation,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._subscriptions = subscriptions
        self._registry = registry
        self._identifying = identifying
        self._following = following
        self._triggering = triggering
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness

    def subscribe(self, command: SubscribeCommand) -> Subscription:
        """Store a browser's subscription; the same endpoint again updates it, and moves it to a newly named person.

        Raises Refused: FIELD_INVALID (endpoint or keys), IDENTITY_REQUIRED, IDENTITY_INVALID, RATE_LIMITED, GONE
        (a renewal of what was ended, or is not known).
        """
        keys = _checked(command)
        id_ = self._derivation.subscription_id(command.app.id, command.endpoint)
        known_as = self._subscriptions.get(command.app.id, id_)
        vapid_key, people = self._vapid_key(command, known_as), self._people(command, known_as)

        def change(old: Subscription | None, earlier: Subscription | None) -> Subscription:
            # Whoever withdrew took their name off this browser; it does not come back by itself.
            base = old if old is not None and old.state not in _ENDED else earlier
            known = old or base
            if command.renew and (known is None or known.state in _ENDED):
                raise _NotActive
            anew = not command.renew and not any(one is not None and _is_active(one) for one in (old, earlier))
            new = Subscription(
                id=id_,
                app=command.app.id,
                endpoint=command.endpoint,
                keys=keys,
                vapid_key=vapid_key,
                state=SubscriptionState.ACTIVE,
                identities=base.identities if base else (),
                labels=base.labels if base else (),
                device=command.device.completed(known.device if known else Device()),
                created_at=known.created_at if known else self._now(),
                seen_at=self._now(),
                # From the time on: one that was erased and came back is not what somebody read before.
                revision=old.revision + 1 if old else int(self._clock.now() * 1000),
                activity=known.activity if known else Activity(),
                custom=base.custom if base else None,
                rejections=old.rejections if old and _still(old, keys, vapid_key) else 0,
                platform=command.platform or Platform.WEB,
                subscribed_at=self._now() if anew else old.subscribed_at if old else None,
            )
            named = new.named(*people)
            if command.untold and (base is None or base.checked_as is None or base.checked_as != named.checked_as):
                named = replace(named, untold=True)
            labelled = named if command.labels is None else replace(named, labels=command.labels)
            return self._addressed(command, labelled, base)

        try:
            new, _ = self._change(command.app, id_, change, previous=self._previous(command), renew=command.renew)
        except _NotActive as error:
            raise Refused(Fault.GONE, "Subscription not found") from error
        at = new.subscribed_at
        # A program that mends what a push service had ended is nobody who subscribes.
        if not command.renew and at is not None and self._now() - at < HEARD_AGAIN_SECONDS:
            self._trigger(Trigger.SUBSCRIBED, command.app, [(new.id, at)])
        return new

    def identify(self, app: App, subscription: SubscriptionId, claim: Claim | None) -> Subscription:
        """Say whose browser a subscription is (None: nobody's any more).

        Raises Refused: GONE, IDENTITY_REQUIRED, IDENTITY_INVALID, RATE_LIMITED.
        """
        person = None if claim is None else self._identifying.accept(app, claim, trusted=False)

        def change(old: Subscription | None, _: Subscription | None) -> Subscription:
            active = _active(old)
            named = active.let_go() if person is None else active.named(person)
            kept = active.address if _same_address(named, active) else None
            return replace(named, address=kept, untold=False, seen_at=self._now(), revision=active.revision + 1)

        try:
            return self._change(app, subscription, change)[0]
        except _NotActive as error:
            raise Refused(Fault.GONE, "Subscription not found") from error

    def heartbeat(self, app: App, subscription: SubscriptionId) -> None:
        """Note that a browser was heard of, at most once a minute. Raises Refused: GONE (not active)."""
        found = self._subscriptions.get(app.id, subscription)
        if found is None or not _is_active(found):
            raise Refused(Fault.GONE, "Subscription not found")
        if self._now() - found.seen_at >= HEARTBEAT_SECONDS:
            try:
                self._subscriptions.put(replace(found, seen_at=self._now(), revision=found.revision + 1), found)
            except Stale:
                return  # whoever was faster ended it, or heard of it too; if not, the next minute notes it

    def unregister(self, app: App, subscription: SubscriptionId, reason: str | None, actor: Actor) -> None:
        """Remove a subscription by its owner's will; again changes nothing (CS-32). Raises Refused: NOT_FOUND."""
        details = {"subscription": subscription, "reason": reason}
        entry = AuditEntry(self._randomness.new_id(), app.id, self._now(), actor, Action.CLIENT_UNREGISTERED, details)

        def change(old: Subscription | None, _: Subscription | None) -> Subscription:
            if old is None:
                raise Refused(Fault.NOT_FOUND, "Subscription not found")
            if old.state is SubscriptionState.UNREGISTERED:
                raise _NotActive
            revision = old.revision + 1
            return replace(old, state=SubscriptionState.UNREGISTERED, replaced_by=None, revision=revision)

        with contextlib.suppress(_NotActive):
            new, last = self._change(app, subscription, change, audit=entry)
            if last is not None and _is_active(last):
                self._trigger(Trigger.UNSUBSCRIBED, app, [(new.id, self._now())])

    def withdraw(self, app: App, subscription: SubscriptionId) -> bool:
        """Deactivate one subscription; False when there is none that is active."""
        return self._withdraw(app, [subscription]) == 1

    def withdraw_person(self, app: App, kind: IdentityKind, name: str) -> int:
        """Deactivate every subscription of a person; how many there were. Raises Refused: FIELD_INVALID."""
        found = self._subscriptions.of(app.id, [self._identifying.identity(app, kind, name)])
        return self._withdraw(app, [subscription.id for subscription in found])

    def _withdraw(self, app: App, subscriptions: Sequence[SubscriptionId]) -> int:
        """Flows are told last: what they send to somebody's other devices is not for those that leave as well."""
        ended = [one for id_ in subscriptions if (one := self._end(app, id_)) is not None]
        self._trigger(Trigger.UNSUBSCRIBED, app, [(one.id, self._now()) for one in ended])
        return len(ended)

    def _end(self, app: App, subscription: SubscriptionId) -> Subscription | None:
        def change(old: Subscription | None, _: Subscription | None) -> Subscription:
            active = _active(old)
            return replace(active, state=SubscriptionState.INACTIVE, revision=active.revision + 1)

        try:
            return self._change(app, subscription, change)[0]
        except _NotActive:
            return None

    def _trigger(self, trigger: Trigger, app: App, happenings: Sequence[Happening]) -> None:
        with contextlib.suppress(Unavailable):  # the subscription is stored: an error would be untrue
            self._triggering.all_happened(app.id, trigger, happenings)

    def _people(self, command: SubscribeCommand, old: Subscription | None) -> list[Identity]:
        """Who goes by the claims. Raises Refused, as `Identifying.accept` does."""
        # Whoever says again what we know claims nothing new: strangers must not use up what a person needs.
        known = old.identities if old is not None and old.state not in _ENDED else ()
        accept = self._identifying.accept
        return [accept(command.app, claim, trusted=command.trusted, known=known) for claim in command.claims]

    def _previous(self, command: SubscribeCommand) -> SubscriptionId | None:
        """The subscription that this one replaces. Knowing its endpoint, a secret, is the right to move it."""
        if command.previous is None or command.previous == command.endpoint:
            return None
        return self._derivation.subscription_id(command.app.id, command.previous)

    def _vapid_key(self, command: SubscribeCommand, old: Subscription | None) -> str:
        """The id of the VAPID key that the browser subscribed under. Raises Refused: FIELD_INVALID.

        Where nobody names it, an endpoint that is known keeps its key: a browser binds one to the other for ever.
        """
        if is_token(command.endpoint):
            return FCM_KEY
        app, public = command.app, command.application_server_key
        name = (app.vapid_key if old is None else old.vapid_key) if public is None else key_id(public)
        if name == app.vapid_key:
            return name
        found = None if name is None else self._registry.vapid_key(app.id, name)
        if found is None or found.retired_at is not None:
            raise Refused(
                Fault.FIELD_INVALID,
                "The application server key must be a VAPID key of this app that is in use",
                field="key",
            )
        return found.id

    def _addressed(self, command: SubscribeCommand, new: Subscription, base: Subscription | None) -> Subscription:
        """The same with the sealed address that belongs to its e-mail identity, if there is one to show."""
        secret = self._derivation.address_secret(command.app.id)
        shown = None
        if command.keeps_address:
            shown = next((claim.name.strip() for claim in command.claims if claim.kind is IdentityKind.EMAIL), None)
        if shown is None and base is not None and base.address is not None and _same_address(new, base):
            shown = address.unseal(secret, base.id, base.address)
        return replace(new, address=None if shown is None else address.seal(secret, new.id, shown))

    def _change(
        self,
        app: App,
        id_: SubscriptionId,
        change: Callable[[Subscription | None, Subscription | None], Subscription],
        *,
        previous: SubscriptionId | None = None,
        renew: bool = False,
        audit: AuditEntry | None = None,
    ) -> Change:
        """Store what `change` makes of the record, and of the one that it replaces, which ends in the same write.

        What was stored, and what was known before: the record, or else the one that it replaces.
        """
        for _ in range(_RACES):
            old = self._subscriptions.get(app.id, id_)
            earlier = None if previous is None else self._subscriptions.get(app.id, previous)
            if earlier is not None and earlier.state in _ENDED:
                earlier = None
            new, last = change(old, earlier), old or earlier
            changes = [(self._counted(new.updated(last, self._now()), last), old)]
            if earlier is not None:
                # Runs of flows follow `replaced_by`; who subscribes anew begins new ones, and is not welcomed twice.
                follower = id_ if renew or _is_active(earlier) else None
                revision = earlier.revision + 1
                ended = replace(earlier, state=SubscriptionState.INACTIVE, replaced_by=follower, revision=revision)
                changes.append((self._counted(ended.updated(earlier, self._now()), earlier), earlier))
            try:
                self._subscriptions.put_all(changes, audit)
            except Stale:
                continue
            self._following.changed(app, changes)
            return changes[0][0], last
        raise Unavailable

    def _counted(self, new: Subscription, last: Subscription | None) -> Subscription:
        """The same with its count carried over, if it begins or ceases to take part in broadcasts."""
        if (last is not None and _is_active(last)) == _is_active(new):
            return new
        return recounted(new, last, self._subscriptions.broadcasts(new.app))

    def _now(self) -> int:
        return int(self._clock.now())


def _is_active(subscription: Subscription) -> bool:
    return subscription.state is SubscriptionState.ACTIVE


def _still(subscription: Subscription, keys: RecipientKeys | None, vapid_key: str) -> bool:
    """Whether it can be sent to as before: what was refused of it is not forgotten then."""
    return _is_active(subscription) and (subscription.keys, subscription.vapid_key) == (keys, vapid_key)


def _same_address(one: Subscription, other: Subscription) -> bool:
    return one.identity(IdentityKind.EMAIL) == other.identity(IdentityKind.EMAIL)


def _active(subscription: Subscription | None) -> Subscription:
    if subscription is None or not _is_active(subscription):
        raise _NotActive
    return subscription


def _checked(command: SubscribeCommand) -> RecipientKeys | None:
    """Its keys, None for a registration token. Raises Refused: FIELD_INVALID."""
    by_token = command.platform is not None and is_token(command.endpoint)
    try:
        if by_token:
            token_in(command.endpoint)
        elif command.platform in (None, Platform.WEB):
            parse_endpoint(command.endpoint)
        else:
            raise InvalidEndpoint(f"{command.platform} devices are reached by registration tokens")
    except InvalidEndpoint as error:
        message = f"subscription.endpoint is not acceptable: {error.reason}"
        raise Refused(Fault.FIELD_INVALID, message, field="subscription.endpoint") from error
    if by_token:
        return None
    try:
        return parse_keys(command.p256dh, command.auth)
    except InvalidKeys as error:
        message = f"subscription.keys are not acceptable: {error.reason}"
        raise Refused(Fault.FIELD_INVALID, message, field="subscription.keys") from error
