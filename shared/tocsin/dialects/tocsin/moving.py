"""A subscription as a line of JSON: what other systems keep, what an export tells, and so what an import takes.

The browser's PushSubscription, and beside its members what is known of it. Whoever keeps it as `subscription` in an
object of their own may leave it there; members that are not known here are passed over, for the object is theirs.
"""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from tocsin.application.lines import Line, Told
from tocsin.application.listing import SubscriptionView
from tocsin.dialect_kit.bodies import WireModel, refusal_of
from tocsin.dialect_kit.fields import ExternalId, json_object
from tocsin.dialect_kit.strict_json import load_object
from tocsin.dialect_kit.subscriptions import SubscriptionKeys
from tocsin.dialect_kit.times import iso
from tocsin.domain.errors import Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.subscription import Device, Platform, SubscriptionState
from tocsin.webpush.encoding import to_base64url

MAX_LINE = 16 * 1024
_MILLISECONDS = 100_000_000_000
"""Seconds would be in the year 5138: a time from here on counts milliseconds, as JavaScript does."""
_OTHER_NAMES = {
    "user_id": "externalId",
    "userId": "externalId",
    "external_id": "externalId",
    "tags": "labels",
    "created_at": "createdAt",
    "seen_at": "seenAt",
    "expiration_time": "expirationTime",
}


def _seconds(value: object) -> int:
    message = "must be a time: ISO 8601, or a number of seconds or milliseconds since 1970"
    try:
        if isinstance(value, str):
            told = datetime.fromisoformat(value)
            value = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = int(value / 1000 if value >= _MILLISECONDS else value)
            if seconds >= 0:
                iso(seconds)  # raises where it is beyond the calendar
                return seconds
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(message)


def _as_text(value: object) -> object:
    """Many systems number their users."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Time = Annotated[int, BeforeValidator(_seconds)]
Short = Annotated[str, Field(max_length=64)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
Custom = Annotated[Mapping[str, object], AfterValidator(json_object(4096))]


class SubscriptionLine(WireModel):
    """A line. Only endpoint and keys must be there; with the platform ios or android, a registration token instead."""

    endpoint: str
    keys: SubscriptionKeys | None = None
    platform: Annotated[Platform, Field(strict=False)] = Platform.WEB
    expirationTime: Time | None = None  # noqa: N815 - wire names, as the Push API has them
    applicationServerKey: Annotated[str, Field(max_length=128)] | None = None  # noqa: N815
    externalId: Annotated[ExternalId, BeforeValidator(_as_text)] | None = None  # noqa: N815
    email: str | None = None
    labels: Annotated[list[Label], Field(max_length=100)] | None = None
    state: Annotated[SubscriptionState, Field(strict=False)] = SubscriptionState.ACTIVE
    createdAt: Time | None = None  # noqa: N815
    seenAt: Time | None = None  # noqa: N815
    lang: Short | None = None
    timezone: Short | None = None
    standalone: bool | None = None
    browser: Short | None = None
    browserVersion: Short | None = None  # noqa: N815
    os: Short | None = None
    deviceType: Literal["desktop", "mobile", "tablet"] | None = None  # noqa: N815
    country: Annotated[str, Field(max_length=2)] | None = None
    customData: Custom | None = None  # noqa: N815
    muted: bool = False

    @model_validator(mode="before")
    @classmethod
    def _in_one_form(cls, given: dict[str, Any]) -> dict[str, Any]:
        inner = given.get("subscription")
        flat = {**given, **inner} if isinstance(inner, dict) else given
        named = {_OTHER_NAMES[name]: value for name, value in flat.items() if name in _OTHER_NAMES}
        if isinstance(token := flat.get("token"), str):
            named["endpoint"] = f"fcm:{token}"
        return {name: value for name, value in {**named, **flat}.items() if value is not None}

    @model_validator(mode="after")
    def _with_keys(self) -> "SubscriptionLine":
        if self.platform is Platform.WEB and self.keys is None:
            raise ValueError("must have keys")
        return self

    def to_line(self) -> Line:
        """The core's form."""
        return Line(
            endpoint=self.endpoint,
            p256dh=self.keys.p256dh if self.keys else "",
            auth=self.keys.auth if self.keys else "",
            platform=self.platform,
            external_id=self.externalId,
            email=self.email,
            labels=tuple(dict.fromkeys(self.labels or ())),
            device=Device(
                self.lang,
                self.timezone,
                self.standalone,
                self.browser,
                self.browserVersion,
                self.os,
                self.deviceType,
                self.country,
            ),
            custom=self.customData,
            state=self.state,
            created_at=self.createdAt,
            seen_at=self.seenAt,
            expires_at=self.expirationTime,
            application_server_key=self.applicationServerKey,
            muted=self.muted,
        )


def read_line(raw: bytes) -> Told:
    """A line of a file; what is wrong with it is told by its rule, without anything of what stands in it."""
    if not raw.strip():
        return None
    if len(raw) > MAX_LINE:
        return f"the line is longer than {MAX_LINE // 1024} KiB"
    try:
        return SubscriptionLine.model_validate(load_object(raw)).to_line()
    except Refused as refusal:
        message = refusal.message
    except ValidationError as error:
        message = refusal_of(error).message
    return re.sub(r"^(The )?body\b", "the line", message)


def written_line(view: SubscriptionView, public_keys: Mapping[str, str], muted: Collection[str]) -> bytes:
    """A subscription as a line; what is not known is left out. public_keys: by the id of the VAPID key.

    muted: the external ids of those who want no messages on their devices.
    withheld: names that it goes by and that cannot be told, for only a keyed hash of them is kept.
    """
    kept, device = view.subscription, view.subscription.device
    external, email = kept.identity(IdentityKind.EXTERNAL), kept.identity(IdentityKind.EMAIL)
    keys = kept.keys and {"p256dh": to_base64url(kept.keys.p256dh), "auth": to_base64url(kept.keys.auth)}
    told = {
        "endpoint": kept.endpoint,
        "keys": keys,
        "platform": None if kept.platform is Platform.WEB else kept.platform,
        "applicationServerKey": public_keys.get(kept.vapid_key),
        "externalId": None if external is None else external.value,
        "email": view.address,
        "withheld": ["email"] if email is not None and view.address is None else None,
        "labels": list(kept.labels) or None,
        "state": kept.state,
        "createdAt": iso(kept.created_at),
        "seenAt": iso(kept.seen_at),
        "lang": device.lang,
        "timezone": device.timezone,
        "standalone": device.standalone,
        "browser": device.browser,
        "browserVersion": device.browser_version,
        "os": device.os,
        "deviceType": device.kind,
        "country": device.country,
        "customData": kept.custom,
        "muted": True if external is not None and external.value in muted else None,
    }
    known = {name: value for name, value in told.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
