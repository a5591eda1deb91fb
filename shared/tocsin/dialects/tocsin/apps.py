"""The operator's routes of apps: making and changing them, and the log of who did."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from tocsin.application.accounts import NewApp
from tocsin.application.configuring import Changes
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.contract import Dialect
from tocsin.dialect_kit.dependencies import DialectsDependency, EngineDependency
from tocsin.dialect_kit.fields import AppUrl, Name, WebOrigin, own_origin, web_origin
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, TenantInPath, operator
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.dialects.tocsin.vapid_keys import VapidRequest
from tocsin.domain.audit import AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.quota import LIMITS_OF, Limits, Plan, plan_of
from tocsin.domain.tenancy import App, DialectName, IdentityMode

router = APIRouter(prefix="/admin", dependencies=[operator])

Notifications = Annotated[int, Field(ge=0, le=1_000_000_000)]
Origins = Annotated[list[WebOrigin], Field(max_length=50)]
Identity = Literal["off", "report", "required"]
Value = TypeVar("Value")


def _given(value: object) -> object:
    if value is None:
        raise ValueError("must not be null")
    return value


Change = Annotated[Value | None, BeforeValidator(_given)]
"""A setting that stays as it is when it is left out; null would be no value of it."""


class LimitsRequest(ExactModel):
    """The most notifications in a clock hour, in a day and in a calendar month, UTC; null: as many as one likes."""

    hourly: Notifications | None
    daily: Notifications | None
    monthly: Notifications | None = None

    def to_limits(self) -> Limits:
        """The core's form."""
        return Limits(self.hourly, self.daily, self.monthly)


class LimitedRequest(ExactModel):
    """What may name a plan, or limits of one's own."""

    plan: Change[Annotated[Plan, Field(strict=False)]] = None
    limits: Change[LimitsRequest] = None

    def to_limits(self) -> Limits | None:
        """The core's form; None when neither is named. Raises Refused: FIELD_INVALID (both)."""
        if self.plan is not None and self.limits is not None:
            raise Refused(Fault.FIELD_INVALID, "limits must be left out where a plan is named", field="limits")
        if self.plan is not None:
            return LIMITS_OF[self.plan]
        return None if self.limits is None else self.limits.to_limits()


class AppRequest(LimitedRequest):
    """An app to be made. contact: the VAPID subject, a mailto: or https: URI that push services can reach us by.

    origins: of the pages that may subscribe; the site's own unless some are named. statistics: whether browsers report
    which of its messages were displayed, clicked and dismissed.
    """

    name: Name
    site_url: AppUrl
    origins: Origins | None = None
    contact: str
    identity: Identity = "required"
    icon: AppUrl | None = None
    vapid: VapidRequest | None = None
    statistics: bool = True

    def to_new_app(self, default: Limits, off: frozenset[DialectName]) -> NewApp:
        """The core's form. default: the limits, where the request has none. off: the dialects that it starts without.

        Raises Refused: FIELD_INVALID.
        """
        return NewApp(
            name=self.name,
            site_url=self.site_url,
            origins=_distinct([_origin_of(self.site_url)] if self.origins is None else self.origins),
            contact=self.contact,
            identity=IdentityMode(self.identity),
            icon=self.icon,
            limits=self.to_limits() or default,
            vapid=self.vapid.to_pair() if self.vapid else None,
            dialects_off=off,
            statistics=self.statistics,
        )


class AppChanges(LimitedRequest):
    """What is to be different about an app. icon: null takes it away. dialects: which APIs its keys open, by name."""

    name: Change[Name] = None
    site_url: Change[AppUrl] = None
    origins: Change[Origins] = None
    contact: Change[str] = None
    identity: Change[Identity] = None
    icon: AppUrl | None = None
    dialects: Change[dict[str, bool]] = None
    statistics: Change[bool] = None

    def to_changes(self, known: Collection[str]) -> Changes:
        """The core's form. known: the dialects that can be switched. Raises Refused: FIELD_INVALID."""
        if self.dialects is not None and not self.dialects.keys() <= set(known):
            names = ", ".join(sorted(known))
            raise Refused(Fault.FIELD_INVALID, f"dialects must be among: {names}", field="dialects")
        icon_taken_away = "icon" in self.model_fields_set and self.icon is None
        return Changes(
            name=self.name,
            site_url=self.site_url,
            origins=None if self.origins is None else _distinct(self.origins),
            contact=self.contact,
            identity=None if self.identity is None else IdentityMode(self.identity),
            icon="" if icon_taken_away else self.icon,
            limits=self.to_limits(),
            dialects_on={DialectName(name): on for name, on in (self.dialects or {}).items()},
            statistics=self.statistics,
        )


@router.post("/tenants/{tenant}/apps", status_code=201)
def create_app(
    tenant: TenantInPath,
    body: Annotated[AppRequest, json_body(AppRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
    dialects: DialectsDependency,
) -> dict[str, object]:
    """Make an app, with a VAPID key of its own. identity_secret is told now and never again."""
    off = frozenset(name for name, dialect in dialects.items() if dialect.off_at_first)
    app, identity_secret = engine.accounts.create_app(tenant, body.to_new_app(engine.default_limits, off), actor)
    return {**_app(app, engine.public_url, dialects), "identity_secret": identity_secret}


@router.get("/tenants/{tenant}/apps")
def list_apps(
    tenant: TenantInPath,
    engine: EngineDependency,
    dialects: DialectsDependency,
    cursor: Cursor,
    limit: Limit = 100,
) -> dict[str, object]:
    """The apps of a tenant, newest first."""
    page = engine.accounts.apps(tenant, limit, cursor)
    return {
        "apps": [_app(app, engine.public_url, dialects) for app in page.items],
        "next_cursor": next_cursor(page.cursor),
    }


@router.get("/apps/{app}")
def get_app(app: AppInPath, engine: EngineDependency, dialects: DialectsDependency) -> dict[str, object]:
    """One app."""
    return _app(engine.accounts.app(app), engine.public_url, dialects)


@router.patch("/apps/{app}")
def change_app(
    app: AppInPath,
    body: Annotated[AppChanges, json_body(AppChanges)],
    actor: OperatorActor,
    engine: EngineDependency,
    dialects: DialectsDependency,
) -> dict[str, object]:
    """Change an app; takes effect everywhere within a minute (X-1). What is so already leaves no trace."""
    changes = body.to_changes(_switchable(dialects))
    return _app(engine.configuring.change(app, changes, actor), engine.public_url, dialects)


@router.get("/apps/{app}/audit")
def list_audit(app: AppInPath, engine: EngineDependency, cursor: Cursor, limit: Limit = 100) -> dict[str, object]:
    """Who changed what of an app, newest first."""
    page = engine.configuring.audit(app, limit, cursor)
    return {"entries": [_entry(entry) for entry in page.items], "next_cursor": next_cursor(page.cursor)}


def _origin_of(site_url: str) -> str:
    """The site's own origin. Raises Refused: FIELD_INVALID, where no browser would let its pages subscribe."""
    try:
        return web_origin(own_origin(site_url))
    except ValueError as error:
        message = "site_url must be https (http only for localhost), or origins must name pages that are"
        raise Refused(Fault.FIELD_INVALID, message, field="site_url") from error


_PREFIXES = {
    "subscription": "sub",
    "send": "snd",
    "import": "imp",
    "campaign": "camp",
    "template": "tmpl",
    "segment": "seg",
    "flow": "flow",
}


def _told(name: str, value: object) -> object:
    """An id in the form that it has everywhere else."""
    prefix = _PREFIXES.get(name)
    return value if prefix is None or not isinstance(value, str) else render(prefix, value)


def _distinct(origins: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(origins))


def _switchable(dialects: Mapping[DialectName, Dialect]) -> list[DialectName]:
    """A dialect without keys is how everything else is reached: it has no switch."""
    return sorted(name for name, dialect in dialects.items() if dialect.keys)


def _app(app: App, public_url: str, dialects: Mapping[DialectName, Dialect]) -> dict[str, object]:
    id_ = render("app", app.id)
    return {
        "id": id_,
        "tenant": render("ten", app.tenant),
        "name": app.name,
        "site_url": app.site_url,
        "origins": list(app.origins),
        "contact": app.contact,
        "identity": app.identity,
        "icon": app.icon,
        "plan": plan_of(app.limits),
        "limits": asdict(app.limits),
        "statistics": app.statistics,
        "dialects": {name: name not in app.dialects_off for name in _switchable(dialects)},
        "ids": {name: dialect.app_id(app.id) for name, dialect in sorted(dialects.items()) if dialect.app_id},
        "vapid_public_key": app.vapid_public,
        "vapid_key_id": app.vapid_key,
        "sdk": f"{public_url}/sdk.js?app={id_}",
        "worker": f"{public_url}/sw.js?app={id_}",
        "created_at": iso(app.created_at),
    }


def _entry(entry: AuditEntry) -> dict[str, object]:
    return {
        "at": iso(entry.at),
        "actor": entry.actor.name,
        "request_id": entry.actor.request_id,
        "action": entry.action,
        "details": {name: _told(name, value) for name, value in entry.details.items()},
    }
