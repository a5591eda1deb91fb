"""Wire models of the browser SDK's calls."""

from typing import Annotated

from pydantic import Field

from tocsin.application.subscribing import Claim, SubscribeCommand
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialect_kit.subscriptions import IdentityProof, PushSubscription
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import MAX_EXTERNAL, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Device
from tocsin.domain.tenancy import App

Short = Annotated[str, Field(max_length=64)]


class Person(WireModel):
    """Whose browser this is: by externalId or email, with the proof that the customer's server made."""

    externalId: Annotated[str, Field(min_length=1, max_length=MAX_EXTERNAL)] | None = None  # noqa: N815 - wire name
    email: str | None = None
    proof: IdentityProof | None = None

    def to_claims(self) -> dict[IdentityKind, Claim]:
        """What is claimed, by kind."""
        proof = None if self.proof is None else self.proof.to_proof()
        named = {IdentityKind.EXTERNAL: self.externalId, IdentityKind.EMAIL: self.email}
        return {kind: Claim(kind, name, proof) for kind, name in named.items() if name is not None}


class SubscriptionBody(WireModel):
    """A browser's subscription. previous: the endpoint that it replaces."""

    subscription: PushSubscription
    previous: str | None = None
    email: str | None = None
    identity: Person | None = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=100)] | None = None
    lang: Short | None = None
    tz: Short | None = None
    standalone: bool | None = None

    def to_command(self, app: App) -> SubscribeCommand:
        """The core's form."""
        claims = {} if self.identity is None else self.identity.to_claims()
        if self.email is not None and IdentityKind.EMAIL not in claims:
            claims[IdentityKind.EMAIL] = Claim(IdentityKind.EMAIL, self.email, None)
        return SubscribeCommand(
            app=app,
            endpoint=self.subscription.endpoint,
            p256dh=self.subscription.keys.p256dh,
            auth=self.subscription.keys.auth,
            trusted=False,
            claims=tuple(claims.values()),
            labels=None if self.tags is None else tuple(dict.fromkeys(self.tags)),
            device=Device(self.lang, self.tz, self.standalone),
            previous=self.previous,
        )


class OwnId(WireModel):
    """The id that this browser was given; knowing it is the right to change it."""

    id: str

    def subscription_id(self) -> SubscriptionId:
        """The core's form. Raises Refused: NOT_FOUND."""
        id_ = parse("sub", self.id)
        if id_ is None:
            raise Refused(Fault.NOT_FOUND, "Subscription not found")
        return SubscriptionId(id_)


class IdentifyBody(OwnId):
    """Whose browser it is from now on; null: nobody's."""

    identity: Person | None

    def to_claim(self) -> Claim | None:
        """The core's form. Raises Refused: FIELD_MISSING."""
        if self.identity is None:
            return None
        claims = self.identity.to_claims()
        if len(claims) != 1:
            raise Refused(Fault.FIELD_MISSING, "identity must have one of externalId, email", field="identity")
        return next(iter(claims.values()))
