"""A subscription: one browser that can be reached for one app."""

from dataclasses import dataclass, replace
from enum import StrEnum

from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.webpush.encryption import RecipientKeys


class SubscriptionState(StrEnum):
    """ACTIVE can be sent to; INACTIVE was withdrawn; EXPIRED was reported gone by its push service (404, 410)."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser says of itself when it subscribes; None where it did not say."""

    lang: str | None = None
    timezone: str | None = None
    standalone: bool | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One item per (app, endpoint); the id is derived from both, so either leads to it.

    endpoint: a capability URL, stored verbatim and never logged. identities: at most one of each kind.
    revision: counts changes; a write names the revision that it read.
    """

    id: SubscriptionId
    app: AppId
    endpoint: str
    keys: RecipientKeys
    vapid_key: str
    state: SubscriptionState
    identities: tuple[Identity, ...]
    labels: tuple[str, ...]
    device: Device
    created_at: int
    seen_at: int
    revision: int

    def identity(self, kind: IdentityKind) -> Identity | None:
        """The name of this kind that the subscription goes by, if it has one."""
        return next((identity for identity in self.identities if identity.kind is kind), None)

    def named(self, identity: Identity) -> "Subscription":
        """The same, belonging to `identity`; another owner is let go under all names (a shared browser: PS-22)."""
        known = self.identity(identity.kind)
        kept = self.identities if known in (None, identity) else ()
        return replace(self, identities=(*(other for other in kept if other != identity), identity))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many subscriptions an app has in each state."""

    active: int
    inactive: int
    expired: int
