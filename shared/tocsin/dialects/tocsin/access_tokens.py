"""The operator's route of access tokens, for customers who have no issuer of their own (KM-2, KM-3)."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field, model_validator

from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import ExternalId
from tocsin.dialects.tocsin.callers import AppInPath, operator
from tocsin.domain.access import RoleName

router = APIRouter(prefix="/admin/apps/{app}", dependencies=[operator])


class AccessTokenRequest(ExactModel):
    """Whom a token is for. user: a person at this app. admin: who holds roles, of this app, its tenant, or all apps.

    user_id: the customer's own name of the person, or of the administrator, for the audit log.
    """

    type: Literal["user", "admin"]
    user_id: ExternalId | None = None
    roles: Annotated[list[Annotated[RoleName, Field(strict=False)]], Field(min_length=1)] | None = None
    ttl_seconds: Annotated[int, Field(ge=60, le=3600)] = 900

    @model_validator(mode="after")
    def _whole(self) -> "AccessTokenRequest":
        if self.type == "user" and (self.user_id is None or self.roles is not None):
            raise ValueError("must have user_id, and no roles, where type is user")
        if self.type == "admin" and self.roles is None:
            raise ValueError("must have roles where type is admin")
        return self


@router.post("/access-tokens", status_code=201)
def issue_access_token(
    app: AppInPath,
    body: Annotated[AccessTokenRequest, json_body(AccessTokenRequest)],
    engine: EngineDependency,
) -> dict[str, object]:
    """A token by which a person registers devices, or an administrator configures push; it is kept nowhere."""
    found, tokens = engine.accounts.app(app), engine.access_tokens
    if body.roles is None:
        issued = tokens.for_user(found, body.user_id or "", body.ttl_seconds)
    else:
        issued = tokens.for_admin(found, body.user_id or "administrator", frozenset(body.roles), body.ttl_seconds)
    return {"access_token": issued.text, "token_type": "bearer", "expires_in": issued.seconds}
