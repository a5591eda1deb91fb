"""Whose browser it is: names, and the proofs that somebody may use them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.application.limiting import Limiting
from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock, Meter
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import (
    MAX_PROOF_LIFE,
    Identity,
    IdentityKind,
    Proof,
    UserToken,
    email_identity,
    normalise_email,
    proves,
)
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.notification import who_token
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App, IdentityMode
from tocsin.webpush.encoding import to_base64url

if TYPE_CHECKING:
    from tocsin.application.user_tokens import UserTokens

PER_PERSON = (10, 3600)
"""What nobody proves, under a person's name, and what a person registers: requests and seconds, each by itself."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says whose browser this is. name: an address or the customer's own id, as given."""

    kind: IdentityKind
    name: str
    proof: Proof | UserToken | None


class Identifying:
    """Turns names into identities, and claims into identities that may be used."""

    def __init__(
        self,
        limiting: Limiting,
        user_tokens: "Callable[[], UserTokens]",
        derivation: Derivation,
        clock: Clock,
        meter: Meter,
    ) -> None:
        """user_tokens: gives what reads them, and is called when somebody shows one; most functions see none."""
        self._limiting = limiting
        self._user_tokens = user_tokens
        self._derivation = derivation
        self._clock = clock
        self._meter = meter

    def identity(self, app: App, kind: IdentityKind, name: str, field: str = "email") -> Identity:
        """The identity that a name stands for at an app. field: what to call it. Raises Refused: FIELD_INVALID."""
        if kind is IdentityKind.EXTERNAL:
            return Identity(kind, name)
        try:
            return email_identity(name, self._derivation.email_pepper(app.id))
        except ValueError as error:
            raise Refused(Fault.FIELD_INVALID, f"{field} {error}", field=field) from error

    def accept(self, app: App, claim: Claim, *, trusted: bool, known: Collection[Identity] = ()) -> Identity:
        """The identity that is claimed, if it may be. trusted: the customer's own server claims it.

        known: what the browser goes by already.

        Raises Refused: FIELD_INVALID, IDENTITY_REQUIRED, IDENTITY_INVALID, RATE_LIMITED.
        """
        identity = self.identity(app, claim.kind, claim.name)
        if trusted or self._proved(app, claim):
            return identity
        if app.identity is not IdentityMode.OFF:
            self._meter.count(Metric.UNPROVED_IDENTITY)
        if app.identity is IdentityMode.REQUIRED:
            raise _unproved(claim.proof, self._now())
        # Only what nobody vouches for is counted: strangers must not use up what the person needs.
        if identity in known:
            return identity
        # Hashed, so that no name outlives its person's erasure in the name of a counter.
        person = self._derivation.fingerprint(app.id, f"{claim.kind}:{identity.value}".encode())
        self._limiting.take(f"person.{app.id}.{person[:32]}", *PER_PERSON)
        return identity

    def count_registration(self, app: App, name: str) -> None:
        """Count that a proved person registers a device, again or anew (KM-14). Raises Refused: RATE_LIMITED."""
        person = self._derivation.fingerprint(app.id, f"{IdentityKind.EXTERNAL}:{name}".encode())
        self._limiting.take(f"register.{app.id}.{person[:32]}", *PER_PERSON, "Rate limit exceeded")

    def who(self, subscription: Subscription) -> str | None:
        """The token by which this browser's worker knows that a message is for its person; None for nobody."""
        external = subscription.identity(IdentityKind.EXTERNAL)
        return None if external is None else who_token(self._derivation.who_secret(subscription.app), external.value)

    def capability(self, app: App, subscription: SubscriptionId) -> str:
        """What a browser shows to change its own subscription; the id alone is known to whoever may list clients."""
        return to_base64url(self._derivation.capability(app.id, subscription))

    def _proved(self, app: App, claim: Claim) -> bool:
        match claim.proof:
            case None:
                return False
            case UserToken():
                return (
                    claim.kind is IdentityKind.EXTERNAL and self._user_tokens().name_in(app, claim.proof) == claim.name
                )
            case Proof():
                name = normalise_email(claim.name) if claim.kind is IdentityKind.EMAIL else claim.name
                secret = self._derivation.identity_secret(app.id, app.identity_version)
                return proves(claim.proof, secret, claim.kind, name, self._now())

    def _now(self) -> int:
        return int(self._clock.now())


def _unproved(proof: Proof | UserToken | None, now: int) -> Refused:
    match proof:
        case None:
            return Refused(Fault.IDENTITY_REQUIRED, "This app asks for a proof of identity (exp and mac)")
        case Proof() if proof.exp > now + MAX_PROOF_LIFE:
            return Refused(Fault.IDENTITY_INVALID, "exp must be Unix seconds, at most seven days ahead")
        case _:
            return Refused(Fault.IDENTITY_INVALID, "The proof of identity is wrong or over")
