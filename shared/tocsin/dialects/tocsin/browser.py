"""Wire models of the browser SDK's calls."""

from typing import Annotated

from pydantic import Field

from tocsin.application.identifying import Claim
from tocsin.application.subscribing import SubscribeCommand
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.fields import ExternalId, Labels
from tocsin.dialect_kit.own_ids import OwnId
from tocsin.dialect_kit.subscriptions import AnyProof, PushSubscription, proof_in
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.subscription import Device
from tocsin.domain.tenancy import App

Short = Annotated[str, Field(max_length=64)]


class Person(WireModel):
    """Whose browser this is: by externalId or email, with the proof that the customer's server made."""

    externalId: ExternalId | None = None  # noqa: N815 - wire name
    email: str | None = None
    proof: AnyProof | None = None

    def to_claims(self) -> dict[IdentityKind, Claim]:
        """What is claimed, by kind."""
        proof = proof_in(self.proof)
        named = {IdentityKind.EXTERNAL: self.externalId, IdentityKind.EMAIL: self.email}
        return {kind: Claim(kind, name, proof) for kind, name in named.items() if name is not None}


class SubscriptionBody(WireModel):
    """A browser's subscription.

    key: the application server key that it was made under. previous: the endpoint that it replaces.
    renew: the SDK reports by itself, nobody pressed a button.
    """

    subscription: PushSubscription
    key: Annotated[str, Field(max_length=128)] | None = None
    previous: str | None = None
    renew: bool = False
    email: str | None = None
    identity: Person | None = None
    tags: Labels | None = None
    lang: Short | None = None
    tz: Short | None = None
    standalone: bool | None = None

    def told(self) -> Device:
        """What the page tells of its device."""
        return Device(self.lang, self.tz, self.standalone)

    def to_command(self, app: App, device: Device) -> SubscribeCommand:
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
            device=device,
            previous=self.previous,
            renew=self.renew,
            application_server_key=self.key,
        )


class TagsBody(OwnId):
    """By what else a browser can be reached from now on."""

    tags: Labels

    def to_labels(self) -> tuple[str, ...]:
        """The core's form."""
        return tuple(dict.fromkeys(self.tags))


class FetchBody(WireModel):
    """`data.id` and `data.f` of a preview. In a body, for bodies are in nobody's log."""

    id: Short
    token: Short


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
