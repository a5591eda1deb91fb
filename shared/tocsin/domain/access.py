"""Who an access token speaks for: an app's server, a person at an app, or somebody who administers apps."""

from dataclasses import dataclass
from enum import StrEnum

from tocsin.domain import uuids
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App


class TokenKind(StrEnum):
    """What a token is for; one of a kind never passes as another (KM-2)."""

    SERVICE = "service"
    USER = "user"
    ADMIN = "admin"


class RoleName(StrEnum):
    """Whom an administrator administers: one app, all apps of a tenant, or all there are (KM-3)."""

    APP_ADMIN = "app_admin"
    TENANT_ADMIN = "tenant_admin"
    PLATFORM_ADMIN = "platform_admin"

    def at(self, app: App) -> str:
        """The role as tokens have it that administers this app."""
        match self:
            case RoleName.APP_ADMIN:
                return f"{self}:{uuids.APP.render(app.id)}"
            case RoleName.TENANT_ADMIN:
                return f"{self}:{uuids.TENANT.render(app.tenant)}"
            case RoleName.PLATFORM_ADMIN:
                return self.value


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a valid token says of who shows it.

    subject: the person's id, the app's UUID (SERVICE), or the administrator's name. apps: whom it is for; None: it
    does not say. client_id: of SERVICE, whose token ends with its key. scopes, roles: as they stand in the token.
    """

    kind: TokenKind
    subject: str
    apps: frozenset[AppId] | None = None
    client_id: str | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def administers(self, app: App) -> bool:
        """Whether a role of this token covers the app."""
        return any(role.at(app) in self.roles for role in RoleName)

    def may_speak_at(self, app: AppId) -> bool:
        """Whether the token is for this app, as far as it says for which ones it is."""
        return self.apps is None or app in self.apps
