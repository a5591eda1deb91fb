"""GET /v2/push/service (CS-35); it says whether push is enabled, so it answers while it is not (CS-4)."""

import re
import unicodedata

from fastapi import APIRouter

from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialects.cloudsignal.callers import ServiceReader
from tocsin.dialects.cloudsignal.dialect import NAME
from tocsin.domain.tenancy import App

router = APIRouter()


class ServiceReply(WireModel):
    """The app and how many it reaches. Null: a limit where there is none (CS-25), contact_email where it is a page."""

    service_id: str
    organization_id: str
    service_identifier: str
    service_name: str
    vapid_public_key: str
    contact_email: str | None
    notifications_enabled: bool
    is_active: bool
    hourly_notification_limit: int | None
    daily_notification_limit: int | None
    active_registrations: int
    push_subscribers: int


@router.get("/v2/push/service")
def get_service(caller: ServiceReader, engine: EngineDependency) -> ServiceReply:
    """The caller's own service."""
    app, active = caller.app, engine.listing.counts(caller.app.id).active
    return ServiceReply(
        service_id=render("svc", app.id),
        organization_id=render("org", app.tenant),
        service_identifier=_identifier(app),
        service_name=app.name,
        vapid_public_key=app.vapid_public,
        contact_email=_address(app.contact),
        notifications_enabled=NAME not in app.dialects_off,
        is_active=True,
        hourly_notification_limit=app.limits.hourly,
        daily_notification_limit=app.limits.daily,
        active_registrations=active,
        push_subscribers=active,  # an active client is one whose subscription can be sent to
    )


def _address(contact: str) -> str | None:
    return contact.removeprefix("mailto:") if contact.startswith("mailto:") else None


def _identifier(app: App) -> str:
    """The name as it could stand in a URL; the id where the name has no Latin letter or digit."""
    plain = unicodedata.normalize("NFKD", app.name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or render("svc", app.id)
