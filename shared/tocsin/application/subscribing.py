"""Subscribing, naming and withdrawing browsers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from math import ceil

from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock, Meter, RequestWindows, Stale, Subscriptions, Unavailable
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import (
    MAX_PROOF_LIFE,
    Identity,
    IdentityKind,
    Proof,
    email_identity,
    normalise_email,
    proves,
)
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.notification import who_token
from tocsin.domain.subscription import Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App, IdentityMode
from tocsin.webpush.encryption import InvalidKeys, RecipientKeys, parse_keys
from tocsin.webpush.origins import InvalidEndpoint, parse_endpoint

PER_ADDRESS, PER_APP, PER_PERSON = (30, 60), (600, 60), (10, 3600)
"""What browsers may ask: requests and seconds, for each network, for each app, and unproved under a person's name."""
_RACES = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says whose browser this is. name: an address or the customer's own id, as given."""

    kind: IdentityKind
    name: str
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class SubscribeCommand:
    """A browser's PushSubscription, and what it says of itself.

    trusted: the customer's server speaks, so a claim needs no proof. previous: the endpoint that this one replaces.
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


class _NotActive(Exception):
    """There is no such subscription, or it cannot be sent to any more."""


class Subscribing:
    """The use cases of subscribing; every write is one conditional transaction, tried again when another was faster."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        windows: RequestWindows,
        derivation: Derivation,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._subscriptions = subscriptions
        self._windows = windows
        self._derivation = derivation
        self._clock = clock
        self._meter = meter

    def limit_browser(self, app: App, network: str) -> None:
        """Count a browser's request. network: its address prefix. Raises Refused: RATE_LIMITED."""
        self._take(f"net.{app.id}.{network}", *PER_ADDRESS)
        self._take(f"app.{app.id}", *PER_APP)

    def subscribe(self, command: SubscribeCommand) -> Subscription:
        """Store a browser's subscription; the same endpoint again updates it, and moves it to a newly named person.

        Raises Refused: FIELD_INVALID (endpoint or keys), IDENTITY_REQUIRED, IDENTITY_INVALID, RATE_LIMITED.
        """
        keys = _checked(command)
        people = [self._person(command.app, claim, trusted=command.trusted) for claim in command.claims]
        id_ = self._derivation.subscription_id(command.app.id, command.endpoint)
        earlier = self._previous(command)

        def change(old: Subscription | None) -> Subscription:
            # Whoever withdrew took their name off this browser; it does not come back by itself.
            base = old if old is not None and old.state is SubscriptionState.ACTIVE else earlier
            known = old or base
            new = Subscription(
                id=id_,
                app=command.app.id,
                endpoint=command.endpoint,
                keys=keys,
                vapid_key=command.app.vapid_key,
                state=SubscriptionState.ACTIVE,
                identities=base.identities if base else (),
                labels=command.labels if command.labels is not None else (base.labels if base else ()),
                device=command.device,
                created_at=known.created_at if known else self._now(),
                seen_at=self._now(),
                revision=old.revision + 1 if old else 0,
            )
            return reduce(Subscription.named, people, new)

        stored = self._change(command.app, id_, change)
        if earlier is not None:
            self.withdraw(command.app, earlier.id)
        return stored

    def identify(self, app: App, subscription: SubscriptionId, claim: Claim | None) -> Subscription:
        """Say whose browser a subscription is (None: nobody's any more).

        Raises Refused: NOT_FOUND, IDENTITY_REQUIRED, IDENTITY_INVALID, RATE_LIMITED.
        """
        person = None if claim is None else self._person(app, claim, trusted=False)

        def change(old: Subscription | None) -> Subscription:
            active = _active(old)
            named = replace(active, identities=()) if person is None else active.named(person)
            return replace(named, seen_at=self._now(), revision=active.revision + 1)

        try:
            return self._change(app, subscription, change)
        except _NotActive as error:
            raise Refused(Fault.NOT_FOUND, "Subscription not found") from error

    def withdraw(self, app: App, subscription: SubscriptionId) -> bool:
        """Deactivate one subscription; False when there is none that is active."""

        def change(old: Subscription | None) -> Subscription:
            active = _active(old)
            return replace(active, state=SubscriptionState.INACTIVE, revision=active.revision + 1)

        try:
            self._change(app, subscription, change)
        except _NotActive:
            return False
        return True

    def withdraw_person(self, app: App, kind: IdentityKind, name: str) -> int:
        """Deactivate every subscription of a person; how many there were. Raises Refused: FIELD_INVALID."""
        found = self._subscriptions.of(app.id, [self.identity(app, kind, name)])
        return sum(self.withdraw(app, subscription.id) for subscription in found)

    def identity(self, app: App, kind: IdentityKind, name: str) -> Identity:
        """The identity that a name stands for at an app. Raises Refused: FIELD_INVALID."""
        if kind is IdentityKind.EXTERNAL:
            return Identity(kind, name)
        try:
            return email_identity(name, self._derivation.email_pepper(app.id))
        except ValueError as error:
            raise Refused(Fault.FIELD_INVALID, f"email {error}", field="email") from error

    def who(self, subscription: Subscription) -> str | None:
        """The token by which this browser's worker knows that a message is for its person; None for nobody."""
        external = subscription.identity(IdentityKind.EXTERNAL)
        return None if external is None else who_token(self._derivation.who_secret(subscription.app), external.value)

    def _person(self, app: App, claim: Claim, *, trusted: bool) -> Identity:
        identity = self.identity(app, claim.kind, claim.name)
        if trusted:
            return identity
        if self._proved(app, claim):
            return identity
        if app.identity is not IdentityMode.OFF:
            self._meter.count(Metric.UNPROVED_IDENTITY)
        if app.identity is IdentityMode.REQUIRED:
            if claim.proof is None:
                raise Refused(Fault.IDENTITY_REQUIRED, "This app asks for a proof of identity (exp and mac)")
            if claim.proof.exp > self._now() + MAX_PROOF_LIFE:
                raise Refused(Fault.IDENTITY_INVALID, "exp must be Unix seconds, at most seven days ahead")
            raise Refused(Fault.IDENTITY_INVALID, "The proof of identity is wrong or over")
        # Only what nobody vouches for is counted: strangers must not use up what the person needs.
        self._take(f"person.{app.id}.{claim.kind}.{identity.value}", *PER_PERSON)
        return identity

    def _proved(self, app: App, claim: Claim) -> bool:
        if claim.proof is None:
            return False
        name = normalise_email(claim.name) if claim.kind is IdentityKind.EMAIL else claim.name
        secret = self._derivation.identity_secret(app.id, app.identity_version)
        return proves(claim.proof, secret, claim.kind, name, self._now())

    def _previous(self, command: SubscribeCommand) -> Subscription | None:
        """The subscription that this one replaces. Knowing its endpoint, a secret, is the right to move it."""
        if command.previous is None or command.previous == command.endpoint:
            return None
        id_ = self._derivation.subscription_id(command.app.id, command.previous)
        found = self._subscriptions.get(command.app.id, id_)
        return None if found is not None and found.state is SubscriptionState.INACTIVE else found

    def _change(
        self, app: App, id_: SubscriptionId, change: Callable[[Subscription | None], Subscription]
    ) -> Subscription:
        for _ in range(_RACES):
            old = self._subscriptions.get(app.id, id_)
            new = change(old)
            try:
                self._subscriptions.put(new, old)
            except Stale:
                continue
            return new
        raise Unavailable

    def _take(self, subject: str, limit: int, seconds: int) -> None:
        now = self._clock.now()
        window = self._windows.take(subject, limit, seconds, now)
        if not window.allowed:
            wait = ceil(window.reset_at - now)
            raise Refused(Fault.RATE_LIMITED, "Too many requests", retry_after=wait)

    def _now(self) -> int:
        return int(self._clock.now())


def _active(subscription: Subscription | None) -> Subscription:
    if subscription is None or subscription.state is not SubscriptionState.ACTIVE:
        raise _NotActive
    return subscription


def _checked(command: SubscribeCommand) -> RecipientKeys:
    try:
        parse_endpoint(command.endpoint)
    except InvalidEndpoint as error:
        message = f"subscription.endpoint is not acceptable: {error.reason}"
        raise Refused(Fault.FIELD_INVALID, message, field="subscription.endpoint") from error
    try:
        return parse_keys(command.p256dh, command.auth)
    except InvalidKeys as error:
        message = f"subscription.keys are not acceptable: {error.reason}"
        raise Refused(Fault.FIELD_INVALID, message, field="subscription.keys") from error
