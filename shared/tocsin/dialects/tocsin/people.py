"""The operator's routes of people: what is kept of one, to hand it over or to erase it, and tokens that name one.

All are POST, so that no name of a person stands in a URL, where logs and proxies would keep it.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, model_validator

from tocsin.application.listing import SubscriptionView
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import ExternalId
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.domain.identity import IdentityKind
from tocsin.domain.note import Note
from tocsin.domain.person import Person

router = APIRouter(prefix="/admin/apps/{app}", dependencies=[operator])


class PersonRequest(ExactModel):
    """Exactly one of: email, external_id."""

    email: str | None = None
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _one(self) -> "PersonRequest":
        if (self.email is None) == (self.external_id is None):
            raise ValueError("must have exactly one of email, external_id")
        return self

    def named(self) -> tuple[IdentityKind, str]:
        """The core's form."""
        if self.external_id is not None:
            return IdentityKind.EXTERNAL, self.external_id
        return IdentityKind.EMAIL, self.email or ""


class TokenRequest(ExactModel):
    """Whom a token is to name, by the customer's own id."""

    user_id: ExternalId
    ttl_seconds: Annotated[int, Field(ge=60, le=3600)] = 3600


@router.post("/people/export")
def export(
    app: AppInPath,
    body: Annotated[PersonRequest, json_body(PersonRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Everything that is stored of a person."""
    kept = engine.people.export(engine.accounts.app(app), *body.named(), actor)
    return {
        "subscriptions": [_subscription(view) for view in kept.subscriptions],
        "persons": [_person(person) for person in kept.persons],
        "notifications": [_note(note) for note in kept.notes],
    }


@router.post("/people/erase")
def erase(
    app: AppInPath,
    body: Annotated[PersonRequest, json_body(PersonRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Remove everything that is stored of a person."""
    return {"erased": engine.people.erase(engine.accounts.app(app), *body.named(), actor)}


@router.post("/user-tokens", status_code=201)
def issue_user_token(
    app: AppInPath, body: Annotated[TokenRequest, json_body(TokenRequest)], engine: EngineDependency
) -> dict[str, object]:
    """A token by which a page shows once that it speaks for a person; it is kept nowhere."""
    token, expires_at = engine.user_tokens.issue(engine.accounts.app(app), body.user_id, body.ttl_seconds)
    return {"token": token.text, "expires_at": iso(expires_at)}


def _subscription(view: SubscriptionView) -> dict[str, object]:
    """All that is kept, apart from our own counters of changes.

    The endpoint is data on the person. The browser's keys (p256dh, auth) are not: they are secrets between the browser
    and whoever may encrypt for it, tell nothing of anybody, and would only be one more copy that can be lost.
    """
    kept, accepted_at = view.subscription, view.subscription.activity.accepted_at
    return {
        "id": render("sub", kept.id),
        "state": kept.state,
        "endpoint": kept.endpoint,
        "vapid_key": kept.vapid_key,
        "identities": {identity.kind: identity.value for identity in kept.identities},
        "email": view.address,
        "tags": list(kept.labels),
        "device": {
            "lang": kept.device.lang,
            "timezone": kept.device.timezone,
            "standalone": kept.device.standalone,
            "browser": kept.device.browser,
            "browser_version": kept.device.browser_version,
            "os": kept.device.os,
            "kind": kept.device.kind,
            "country": kept.device.country,
        },
        "custom": kept.custom,
        "platform": kept.platform,
        "notifications": view.notified,
        "last_notification_at": _time(accepted_at),
        "created_at": iso(kept.created_at),
        "updated_at": iso(kept.updated_at),
        "seen_at": iso(kept.seen_at),
        "subscribed_at": _time(kept.subscribed_at),
        "imported_at": _time(kept.imported_at),
        "replaced_by": None if kept.replaced_by is None else render("sub", kept.replaced_by),
    }


def _person(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "external_id": person.external_id,
        "subscribed": person.subscribed,
        "muted": person.muted,
        "enrolled": person.enrolled,
        "created_at": iso(person.created_at),
        "updated_at": iso(person.updated_at),
    }


def _note(note: Note) -> dict[str, object]:
    return {
        "id": render("snd", note.send),
        "external_id": note.person,
        "title": note.title,
        "text": note.body,
        "created_at": iso(note.created_at),
        "read_at": _time(note.read_at or None),
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
