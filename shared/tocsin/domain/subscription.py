"""A subscription: one browser that can be reached for one app."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, SendId, SubscriptionId
from tocsin.webpush.encryption import RecipientKeys


class SubscriptionState(StrEnum):
    """ACTIVE can be sent to; INACTIVE was withdrawn; EXPIRED was reported gone by its push service (404, 410).

    UNREGISTERED was removed by the customer (CS-32). BOUNCED was refused for good so often that nobody tries any more
    (PU-17).
    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    UNREGISTERED = "unregistered"
    BOUNCED = "bounced"


class Platform(StrEnum):
    """What a subscription was made on: a browser, or an app of the customer's on a phone (KM-12)."""

    WEB = "web"
    IOS = "ios"
    ANDROID = "android"


FCM_KEY = "fcm"
"""Stands where the id of a VAPID key would, for who is reached by a registration token; no such id is as short."""
MAX_REJECTIONS = 3
"""So many refusals in a row that waiting does not mend, and a subscription is not sent to any more (PU-17)."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser says of itself when it subscribes; None where it did not say.

    standalone: it runs as an installed app. kind: desktop, mobile or tablet. country: two letters of ISO 3166-1, where
    a proxy in front of us tells it; the address that it was told by is not kept (PU-16).
    """

    lang: str | None = None
    timezone: str | None = None
    standalone: bool | None = None
    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    kind: str | None = None
    country: str | None = None

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

    endpoint: a capability URL, stored verbatim and never logged; or `fcm:` and a registration token, and keys is None
    then, whatever the platform. identities: at most one of each kind.
    vapid_key: id of the key that the browser subscribed under, FCM_KEY for a token. address: the e-mail address,
    sealed, where a dialect shows it (CS-29); None elsewhere.
    revision: counts changes; a write names the revision that it read.
    updated_at: Unix seconds of the last change of what its app's owner is shown; to be heard of is none. custom: the
    owner's own JSON object, kept for them (PU-19). rejections: refusals for good since somebody noted an acceptance.
    untold: its app's owner gave it its external id, and its browser has not heard of that yet, so it cannot check it.
    imported_at: when an import last wrote it (Unix seconds); None once its browser has subscribed here.
    replaced_by: the subscription that took its place when the browser's endpoint changed. subscribed_at: when somebody
    last subscribed it by this endpoint (Unix seconds); None where no person did, or that was not noted yet.
    """

    id: SubscriptionId
    app: AppId
    endpoint: str
    keys: RecipientKeys | None
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
    updated_at: int = 0
    custom: Mapping[str, object] | None = None
    rejections: int = 0
    untold: bool = False
    imported_at: int | None = None
    platform: Platform = Platform.WEB
    replaced_by: SubscriptionId | None = None
    subscribed_at: int | None = None

    @property
    def checked_as(self) -> str | None:
        """The external id that its worker can check messages by; None: it goes by none, or has not heard of it."""
        external = self.identity(IdentityKind.EXTERNAL)
        return None if external is None or self.untold else external.value

    def identity(self, kind: IdentityKind) -> Identity | None:
        """The name of this kind that the subscription goes by, if it has one."""
        return next((identity for identity in self.identities if identity.kind is kind), None)

    def let_go(self) -> "Subscription":
        """The same, nobody's any more: without names, labels and what its app's owner kept with it."""
        return replace(self, identities=(), labels=(), custom=None, untold=False)

    def updated(self, before: "Subscription | None", at: int) -> "Subscription":
        """The same, as changed at this time (Unix seconds) if its app's owner is shown anything else than before."""
        if before is not None and _shown(self) == _shown(before):
            return replace(self, updated_at=before.updated_at)
        return replace(self, updated_at=at)

    def named(self, *names: Identity) -> "Subscription":
        """The same, belonging to who goes by `names`, at most one of each kind.

        Another owner is let go (a shared browser: PS-22).
        """
        if not all(self.identity(name.kind) in (None, name) for name in names):
            return replace(self.let_go(), identities=names)
        return replace(self, identities=(*(other for other in self.identities if other not in names), *names))


def _shown(subscription: Subscription) -> tuple[object, ...]:
    state, identities = subscription.state, frozenset(subscription.identities)
    return subscription.id, state, identities, subscription.labels, subscription.device, subscription.custom


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
    bounced: int = 0

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
