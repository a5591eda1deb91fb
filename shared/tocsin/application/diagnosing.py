"""Why a notification does or does not arrive at one subscription: findings in words for people (CS-38)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tocsin.application.known_app import known_app
from tocsin.application.listing import EVERY_STATE, Listing, SubscriptionView
from tocsin.application.ports import Clock, Quotas, Registry
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.subscription import MAX_REJECTIONS, Counts, SubscriptionState
from tocsin.domain.tenancy import App, DialectName
from tocsin.webpush.encryption import MAX_PLAINTEXT

MANY_EXPIRED = 0.25
"""The share of an app's subscriptions from which on expired ones are worth a look."""


class Check(StrEnum):
    """What is looked at."""

    API_ENABLED = "api_enabled"
    SUBSCRIPTION_ACTIVE = "subscription_active"
    PERMISSION = "permission"
    VAPID_KEY = "vapid_key"
    HOURLY_QUOTA = "hourly_quota"
    DAILY_QUOTA = "daily_quota"
    MONTHLY_QUOTA = "monthly_quota"
    ALLOWED_ORIGINS = "allowed_origins"
    EXPIRED_SHARE = "expired_share"
    PAYLOAD_SIZE = "payload_size"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to. detail: what is the case and, unless `ok`, what to do."""

    check: Check
    ok: bool
    detail: str


class Diagnosing:
    """Looks at everything that decides whether a subscription is reached."""

    def __init__(self, registry: Registry, listing: Listing, quotas: Quotas, clock: Clock) -> None:
        self._registry = registry
        self._listing = listing
        self._quotas = quotas
        self._clock = clock

    def examine(self, app: App, subscription: SubscriptionId, dialect: DialectName) -> Sequence[Finding]:
        """One finding for each check, whatever it came to. Raises Refused: NOT_FOUND."""
        view, current = self._listing.get(app.id, subscription), known_app(self._registry, app.id)
        return [
            _enabled(current, dialect),
            _active(view),
            _permission(view),
            self._vapid_key(current, view),
            *self._quota(current),
            _origins(current),
            _expired_share(self._listing.counts(app.id)),
            _PAYLOAD,
        ]

    def _vapid_key(self, app: App, view: SubscriptionView) -> Finding:
        name = view.subscription.vapid_key
        if name == app.vapid_key:
            return Finding(Check.VAPID_KEY, ok=True, detail="It was made under the app's present VAPID key.")
        key = self._registry.vapid_key(app.id, name)
        if key is None or key.retired_at is not None:
            detail = (
                "It was made under a VAPID key that is retired. Messages signed with that key would still arrive, but "
                "the subscription cannot be renewed under it: the person has to subscribe anew at the next visit."
            )
            return Finding(Check.VAPID_KEY, ok=False, detail=detail)
        detail = (
            "It was made under an earlier VAPID key of the app. Messages to it are still signed with that key and "
            "arrive; the browser changes to the present key when the person visits the site again."
        )
        return Finding(Check.VAPID_KEY, ok=True, detail=detail)

    def _quota(self, app: App) -> Sequence[Finding]:
        now = int(self._clock.now())
        usage = self._quotas.usage(app.id, now)
        return [
            _window(check, window, usage.of(window), app.limits.of(window), now)
            for check, window in (
                (Check.HOURLY_QUOTA, QuotaWindow.HOUR),
                (Check.DAILY_QUOTA, QuotaWindow.DAY),
                (Check.MONTHLY_QUOTA, QuotaWindow.MONTH),
            )
        ]


def _enabled(app: App, dialect: DialectName) -> Finding:
    ok = dialect not in app.dialects_off
    told = (
        "Push notifications are enabled."
        if ok
        else "Push notifications are switched off: let the operator enable them."
    )
    return Finding(Check.API_ENABLED, ok, told)


def _active(view: SubscriptionView) -> Finding:
    heard = _time(view.last_active)
    match view.subscription.state:
        case SubscriptionState.ACTIVE:
            accepted = view.subscription.activity.accepted_at
            single = "" if accepted is None else f" A push service took a notification for it on {_time(accepted)}."
            return Finding(Check.SUBSCRIPTION_ACTIVE, ok=True, detail=f"The subscription is active.{single}")
        case SubscriptionState.INACTIVE:
            detail = (
                f"The person turned notifications off on this browser; it was last active on {heard}. Only they can"
            )
            detail += " turn them on again, on your site."
        case SubscriptionState.EXPIRED:
            detail = (
                "Its push service reported that the subscription is gone (404 or 410), so it is not sent to any more; "
                f"it was last active on {heard}. It comes back when the person visits your site and subscribes again."
            )
        case SubscriptionState.BOUNCED:
            detail = (
                f"Its push service refused {MAX_REJECTIONS} notifications in a row for good, so it is not sent to any "
                f"more; it was last active on {heard}. It comes back when the person visits your site and subscribes "
                "again."
            )
        case SubscriptionState.UNREGISTERED:
            detail = (
                f"It was unregistered with a key of yours; it was last active on {heard}. It comes back when the "
                "person turns notifications on again, on your site."
            )
    return Finding(Check.SUBSCRIPTION_ACTIVE, ok=False, detail=detail)


def _permission(view: SubscriptionView) -> Finding:
    match view.subscription.state:
        case SubscriptionState.EXPIRED:
            detail = (
                "The person probably took the permission back, cleared the browser's data or removed the app: that is "
                "what an expired subscription mostly means. Ask again on your site, after a press on a button."
            )
        case SubscriptionState.INACTIVE:
            detail = "The person does not want notifications any more. Ask again only if they press a button for it."
        case _:
            detail = (
                "Nothing says that the permission was taken back. If it is, the push service tells at the next "
                "notification, and the subscription becomes expired."
            )
            return Finding(Check.PERMISSION, ok=True, detail=detail)
    return Finding(Check.PERMISSION, ok=False, detail=detail)


def _window(check: Check, window: QuotaWindow, used: int, limit: int | None, now: int) -> Finding:
    if limit is None:
        return Finding(check, ok=True, detail=f"There is no limit for the {window}.")
    if used < limit:
        return Finding(check, ok=True, detail=f"{limit - used} of {limit} notifications are left in this {window}.")
    ends = _time(window.end(now))
    detail = f"All {limit} notifications of this {window} are used: wait until {ends}, or ask the operator for more."
    return Finding(check, ok=False, detail=detail)


def _origins(app: App) -> Finding:
    listed = ", ".join(app.origins)
    if any(origin.startswith("https://") for origin in app.origins):
        detail = f"Pages of these origins may subscribe: {listed}. The one that it was made on must be among them."
        return Finding(Check.ALLOWED_ORIGINS, ok=True, detail=detail)
    detail = (
        "No https origin is allowed"
        + (f" (only {listed})" if listed else "")
        + ", so no public page can subscribe: let the operator add your site's origin."
    )
    return Finding(Check.ALLOWED_ORIGINS, ok=False, detail=detail)


def _expired_share(counts: Counts) -> Finding:
    everybody = counts.of(EVERY_STATE)
    share = counts.expired / everybody if everybody else 0.0
    detail = f"{counts.expired} of the app's {everybody} subscriptions are expired ({share:.0%}); they are not sent to."
    if share < MANY_EXPIRED:
        return Finding(Check.EXPIRED_SHARE, ok=True, detail=detail)
    detail += (
        " That is many: check that your pages load the SDK at each visit, which renews them, and unregister those "
        "that will not come back."
    )
    return Finding(Check.EXPIRED_SHARE, ok=False, detail=detail)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


_PAYLOAD = Finding(
    Check.PAYLOAD_SIZE,
    ok=True,
    detail=(
        f"A notification of up to {MAX_PLAINTEXT} bytes, with its texts, links and data together as JSON in UTF-8, is "
        "pushed whole. Of a longer one the browser gets the beginning, and its service worker fetches the whole from "
        "here before it shows anything; if that fails or takes over 3 seconds, it shows the beginning."
    ),
)
