"""A subscription: one browser that can be reached for one app."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, SendId, SubscriptionId
from tocsin.webpush.encryption import RecipientKeys


class SubscriptionState(StrEnum):
    """ACTIVE can be sent to; INACTIVE was withdrawn; EXPIRED was reported gone by its push service (404, 410).

    UNREGISTERED was removed by the customer (CS-32).
    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser says of itself when it subscribes; None where it did not say.

    standalone: it runs as an installed app. kind: desktop, mobile or tablet.
    """

    lang: str | None = None
    timezone: str | None = None
    standalone: bool | None = None
    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    kind: str | None = None

    def completed(self, earlier: "Device") -> "Device":
        """The same, with what was said earlier where nothing is said now."""
        known = {one.name: getattr(earlier, one.name) for one in fields(self) if getattr(self, one.name) is None}
        return replace(self, **known)


@dataclass(frozen=True, slots=True)
class Activity:
    """What was sent to a subscription (CS-29).

    notified: notifications accepted one by one; while the subscription is active, less the broadcasts that its app had
    made when it became so, so that one counter of the app stands for a write to each subscription.
    last_send: the last one counted, so that a repeated note counts once. accepted_at: Unix seconds of it.
    """

    notified: int = 0
    accepted_at: int | None = None
    last_send: SendId | None = None


@dataclass(frozen=True, slots=True)
class Broadcasts:
    """How many large sends to everyone an app has made, and when the last one ended (Unix seconds)."""

    count: int = 0
    last_at: int | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One item per (app, endpoint); the id is derived from both, so either leads to it.

    endpoint: a capability URL, stored verbatim and never logged. identities: at most one of each kind.
    vapid_key: id of the key that the browser subscribed under. address: the e-mail address, sealed, where a dialect
    shows it (CS-29); None elsewhere.
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
    address: bytes | None = None
    activity: Activity = Activity()

    def identity(self, kind: IdentityKind) -> Identity | None:
        """The name of this kind that the subscription goes by, if it has one."""
        return next((identity for identity in self.identities if identity.kind is kind), None)

    def named(self, *names: Identity) -> "Subscription":
        """The same, belonging to who goes by `names`, at most one of each kind.

        Another owner is let go under all names, and with the labels (a shared browser: PS-22).
        """
        if not all(self.identity(name.kind) in (None, name) for name in names):
            return replace(self, identities=names, labels=())
        return replace(self, identities=(*(other for other in self.identities if other not in names), *names))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many subscriptions an app has in each state.

    by_key, by_shard: how many active ones there are, by the id of their VAPID key, and in each of the 32 shards.
    """

    active: int = 0
    inactive: int = 0
    expired: int = 0
    unregistered: int = 0
    by_key: Mapping[str, int] = field(default_factory=dict)
    by_shard: tuple[int, ...] = (0,) * SHARDS

    def of(self, states: Collection[SubscriptionState]) -> int:
        """How many there are in these states together."""
        return sum(getattr(self, state) for state in states)


def notified(subscription: Subscription, broadcasts: Broadcasts) -> int:
    """How many notifications a subscription was sent (CS-29)."""
    active = subscription.state is SubscriptionState.ACTIVE
    return subscription.activity.notified + (broadcasts.count if active else 0)


def recounted(new: Subscription, old: Subscription | None, broadcasts: Broadcasts) -> Subscription:
    """`new` with its count carried over a change of state: it takes part in broadcasts only while it is active."""
    was = old is not None and old.state is SubscriptionState.ACTIVE
    is_ = new.state is SubscriptionState.ACTIVE
    change = broadcasts.count * (was - is_)
    return replace(new, activity=replace(new.activity, notified=new.activity.notified + change)) if change else new
