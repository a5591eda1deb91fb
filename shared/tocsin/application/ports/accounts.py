"""Tenants, apps and keys, and the vault for their secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.ports.surroundings import Page
from tocsin.domain.api_key import ApiKey
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import App, Tenant


@dataclass(frozen=True, slots=True)
class SealedVapidKey:
    """A VAPID key at rest. public: base64url; ciphertext: the private scalar under the vault's key.

    retired_at: since when nobody may subscribe under it any more (Unix seconds).
    """

    id: str
    public: str
    ciphertext: bytes
    created_at: int
    retired_at: int | None = None


class Registry(Protocol):
    """Tenants, their apps, and the keys that open them. Listings are newest first and may lag a moment behind.

    An audit entry that a method is given is stored together with the change, or neither is.
    """

    def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant."""

    def tenant(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants. Raises MalformedCursor."""

    def add_app(self, app: App, key: SealedVapidKey, audit: AuditEntry) -> None:
        """Store a new app together with its first VAPID key: both or neither."""

    def change_app(self, new: App, audit: AuditEntry, key: SealedVapidKey | None = None) -> None:
        """Store a changed app where the revision before it was read, with a further VAPID key if there is one.

        Raises Stale: somebody else changed it in between.
        """

    def app(self, app: AppId) -> App | None:
        """The app, or None."""

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant. Raises MalformedCursor."""

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""

    def vapid_keys(self, app: AppId) -> Sequence[SealedVapidKey]:
        """All VAPID keys of an app, newest first."""

    def retire_vapid_key(self, app: App, key: str, at: int, audit: AuditEntry) -> bool:
        """Retire a key that is not the app's present one; False, and no change, when it is that, or retired, or absent.

        Raises Stale: the app was changed since it was read.
        """

    def add_key(self, key: ApiKey, audit: AuditEntry) -> bool:
        """Store a new API key; False, and nothing stored, when its id is taken."""

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, revoked ones included. Raises MalformedCursor."""

    def revoke_key(self, app: AppId, key: KeyId, at: int, audit: AuditEntry) -> bool:
        """Revoke a key of this app; False, and no change, when the app has no such key or it is revoked already."""

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used."""

    def record(self, entry: AuditEntry) -> None:
        """Store an audit entry that belongs to no change in the registry."""

    def audit(self, app: AppId, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """The audit log of an app. Raises MalformedCursor."""


class Vault(Protocol):
    """Encryption of secrets at rest, bound to a context: what was sealed for one app opens for no other."""

    def seal(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """The ciphertext."""

    def open(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext. Raises WrongContext when it was sealed for something else."""


class WrongContext(Exception):
    """A ciphertext that was not sealed for this context."""
