"""The browser's PushSubscription as JSON (W3C Push API section 8), and a proof of identity, as wire models."""

from tocsin.dialect_kit.bodies import WireModel
from tocsin.domain.identity import Proof


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
