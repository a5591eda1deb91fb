"""GET and PATCH /push/config/{app_id} (KM-5 to KM-10), and enrolling a user ahead of any device (KM-19)."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from tocsin.application.configuring import Changes
from tocsin.application.engine import Engine
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import text
from tocsin.dialects.keymaster.callers import Administration, Administrator
from tocsin.dialects.keymaster.dialect import NAME
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import MAX_EXTERNAL
from tocsin.domain.keep import KEEP
from tocsin.domain.quota import Limits
from tocsin.domain.tenancy import App
from tocsin.domain.webhook import Webhook, fault_of_url

router = APIRouter()

DEFAULT_DAILY = 10_000
MAX_DAILY = 1_000_000_000
FIRST_SHOWN_VERSION = 2
"""The first enabling makes a new secret, so a version below it says that push was never enabled (KM-7)."""


def _given(value: object) -> object:
    if value is None:
        raise ValueError("must not be null")
    return value


class ConfigRequest(WireModel):
    """What is to be different; what is left out stays. webhook_url: null takes it away.

    daily_quota: notifications to one person each, in a UTC day; 0 blocks all. regenerate_webhook_secret: our addition
    (KM-8).
    """

    enabled: Annotated[bool | None, BeforeValidator(_given)] = None
    webhook_url: str | None = None
    daily_quota: Annotated[int | None, Field(ge=0, le=MAX_DAILY), BeforeValidator(_given)] = None
    regenerate_webhook_secret: bool | None = None


class ConfigReply(WireModel):
    """The settings. daily_quota: null before anybody made a setting, or where the operator allows any number."""

    enabled: bool
    webhook_url: str | None
    webhook_secret: str | None
    daily_quota: int | None


class StatusReply(ConfigReply):
    """The settings, how many devices there are, and what counts against the quota today."""

    device_count: int
    notifications_today: int


@router.patch("/push/config/{app_id}")
def change_config(
    administrator: Administrator, body: Annotated[ConfigRequest, json_body(ConfigRequest)], engine: EngineDependency
) -> ConfigReply:
    """Change the settings of an app; takes effect everywhere within a minute."""
    app = engine.accounts.app(administrator.app.id)
    webhook = engine.webhooks.get(app.id, NAME)
    first = body.enabled is True and not _was_enabled(webhook)
    if body.regenerate_webhook_secret and not (first or _was_enabled(webhook)):
        message = "regenerate_webhook_secret needs a secret: it is made when push is first enabled"
        raise Refused(Fault.FIELD_INVALID, message, field="regenerate_webhook_secret")
    # First what may be refused, then what can be repeated: a new secret each time would end the overlap of two.
    if body.webhook_url is not None and (fault := fault_of_url(body.webhook_url)) is not None:
        raise Refused(Fault.FIELD_INVALID, f"webhook_url {fault}", field="webhook_url")
    changes = Changes(
        limits=_limits(app, body.daily_quota, engine.default_limits, first=first),
        dialects_on=None if body.enabled is None else {NAME: body.enabled},
    )
    app = engine.configuring.change(app.id, changes, administrator.actor)
    rotate = first or bool(body.regenerate_webhook_secret)
    return _settings(app, _change_webhook(engine, administrator, body, webhook, rotate=rotate), engine)


@router.get("/push/config/{app_id}")
def get_config(administrator: Administrator, engine: EngineDependency) -> StatusReply:
    """The settings of an app, and how it stands today."""
    app = engine.accounts.app(administrator.app.id)
    return StatusReply(
        **_settings(app, engine.webhooks.get(app.id, NAME), engine).model_dump(),
        device_count=engine.listing.counts(app.id).active,
        notifications_today=engine.quotas.usage(app.id, int(engine.clock.now())).daily,
    )


@router.put("/push/apps/{app_id}/users/{user_id:path}")
def enrol_user(administrator: Administrator, user_id: str, engine: EngineDependency) -> dict[str, object]:
    """Let a user be sent to before any device of theirs is there; our addition."""
    try:
        text(MAX_EXTERNAL)(user_id)
    except ValueError as error:
        raise Refused(Fault.FIELD_INVALID, f"user_id {error}", field="user_id") from error
    engine.membership.enrol(administrator.app.id, user_id)
    return {"user_id": user_id, "enrolled": True}


def _change_webhook(
    engine: Engine, administrator: Administration, body: ConfigRequest, old: Webhook | None, *, rotate: bool
) -> Webhook | None:
    url = body.webhook_url if "webhook_url" in body.model_fields_set else KEEP
    if (url is KEEP or (url is None and old is None)) and not rotate:
        return old
    return engine.webhooks.change(administrator.app.id, NAME, url=url, rotate=rotate, actor=administrator.actor)


def _limits(app: App, asked: int | None, default: Limits, *, first: bool) -> Limits | None:
    """The app's limits with another daily one; where nobody ever chose any, enabling sets the document's own."""
    if asked is None and first and app.limits in (default, Limits(None, None)):
        asked = DEFAULT_DAILY
    return None if asked is None else Limits(app.limits.hourly, asked, app.limits.monthly)


def _settings(app: App, webhook: Webhook | None, engine: Engine) -> ConfigReply:
    enabled = NAME not in app.dialects_off
    untouched = webhook is None and not enabled and app.limits == engine.default_limits
    return ConfigReply(
        enabled=enabled,
        webhook_url=None if webhook is None else webhook.url,
        webhook_secret=engine.webhooks.secret(webhook) if webhook is not None and _was_enabled(webhook) else None,
        daily_quota=None if untouched else app.limits.daily,
    )


def _was_enabled(webhook: Webhook | None) -> bool:
    return webhook is not None and webhook.version >= FIRST_SHOWN_VERSION
