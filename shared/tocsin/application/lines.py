"""A subscription as another system tells it, and what a line must keep to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.application.ports import SealedVapidKey
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.importing import Import
from tocsin.domain.subscription import FCM_KEY, Device, Platform, SubscriptionState
from tocsin.webpush.encryption import RecipientKeys, parse_keys
from tocsin.webpush.fcm import token_in
from tocsin.webpush.origins import parse_endpoint
from tocsin.webpush.vapid import key_id

_AHEAD = 86_400
"""Other people's clocks, and times without a zone, may be a day ahead."""


@dataclass(frozen=True, slots=True)
class Line:
    """A subscription as another system tells it. Times in Unix seconds; None where it does not say.

    platform: other than WEB where endpoint stands for a registration token, which has no keys. application_server_key:
    which it was made under, None for the import's own. muted: its person wants no messages on devices.
    """

    endpoint: str = field(repr=False)
    p256dh: str = field(default="", repr=False)
    auth: str = field(default="", repr=False)
    platform: Platform = Platform.WEB
    external_id: str | None = None
    email: str | None = field(default=None, repr=False)
    labels: tuple[str, ...] = ()
    device: Device = field(default_factory=Device)
    custom: Mapping[str, object] | None = None
    state: SubscriptionState = SubscriptionState.ACTIVE
    created_at: int | None = None
    seen_at: int | None = None
    expires_at: int | None = None
    application_server_key: str | None = None
    muted: bool = False


Told = Line | str | None
"""A line, or why it cannot be read, or nothing where it is blank."""


def check_times(line: Line, now: int) -> None:
    """Raises Refused: a time is in the future, or the subscription is over."""
    for name, at in (("createdAt", line.created_at), ("seenAt", line.seen_at)):
        if at is not None and at > now + _AHEAD:
            raise Refused(Fault.FIELD_INVALID, f"{name} is in the future")
    if line.expires_at is not None and line.expires_at <= now:
        raise Refused(Fault.FIELD_INVALID, "expirationTime is over: nothing reaches it any more")


def recipient_keys_of(line: Line) -> RecipientKeys | None:
    """What to encrypt with; nothing for a token's device. Raises InvalidEndpoint, InvalidKeys."""
    if line.platform is not Platform.WEB:
        token_in(line.endpoint)
        return None
    parse_endpoint(line.endpoint)
    return parse_keys(line.p256dh, line.auth)


def vapid_key_of(line: Line, import_: Import, keys: Mapping[str, SealedVapidKey]) -> str:
    """The id of the key that a line's subscription was made under. Raises Refused."""
    if line.platform is not Platform.WEB:
        return FCM_KEY
    if line.application_server_key is None:
        return import_.vapid_key
    name = key_id(line.application_server_key)
    if name is None:
        raise Refused(Fault.FIELD_INVALID, "applicationServerKey is no VAPID public key")
    # Who is not sent to needs no key to be signed with.
    if line.state is SubscriptionState.ACTIVE and (name not in keys or keys[name].retired_at is not None):
        raise Refused(Fault.FIELD_INVALID, "applicationServerKey is no VAPID key of this app that is in use")
    return name
