"""The browser's PushSubscription as JSON (W3C Push API section 8), and a proof of identity, as wire models."""

from typing import Annotated

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from tocsin.dialect_kit.bodies import WireModel
from tocsin.domain.identity import Proof, UserToken

Token = Annotated[str, Field(min_length=1, max_length=4096)]
"""A user token (a JWT)."""


class SubscriptionKeys(WireModel):
    """The user agent's key and authentication secret, base64url (RFC 8291)."""

    p256dh: str
    auth: str


class PushSubscription(WireModel):
    """What PushSubscription.toJSON() gives; expirationTime and extras are ignored (PS-21)."""

    endpoint: str
    keys: SubscriptionKeys


class IdentityProof(WireModel):
    """exp: Unix seconds. mac: hex HMAC-SHA-256 by the app's identity secret over `<kind>:<name>.<exp>`."""

    exp: int
    mac: str

    def to_proof(self) -> Proof:
        """The core's form."""
        return Proof(self.exp, self.mac)


def _in_either_form(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    # A union's own errors name our classes.
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be an object with exp and mac, or a user token") from None


AnyProof = Annotated[IdentityProof | Token, WrapValidator(_in_either_form)]


def proof_in(given: IdentityProof | str | None) -> Proof | UserToken | None:
    """The core's form of what a browser brings along: a proof, a user token, or nothing."""
    match given:
        case None:
            return None
        case str():
            return UserToken(given)
        case _:
            return given.to_proof()
