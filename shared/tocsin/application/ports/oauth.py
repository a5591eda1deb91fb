"""Servers that issue tokens: Google's, for the service accounts of customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId


@dataclass(frozen=True, slots=True)
class OauthAnswer:
    """An answer of at most 64 KiB; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class OauthServers(Protocol):
    """Small requests to such servers, over TLS, without following redirects."""

    def post_form(self, url: str, form: Mapping[str, str]) -> OauthAnswer:
        """POST a form. Raises Unavailable: no answer within four seconds, or too long a one."""


@dataclass(frozen=True, slots=True)
class SealedServiceAccount:
    """A Google service account at rest. ciphertext: its private key under the vault's key.

    project: of Firebase, whose devices it reaches. key_id: Google's name of the key. created_at: Unix seconds.
    """

    project: str
    email: str
    key_id: str
    ciphertext: bytes
    created_at: int


class ServiceAccounts(Protocol):
    """The service accounts of apps, at most one each. An audit entry is stored with the change, or neither is."""

    def get(self, app: AppId) -> SealedServiceAccount | None:
        """The app's, or None. A consistent read."""

    def put(self, app: AppId, account: SealedServiceAccount, audit: AuditEntry) -> None:
        """Store it in place of any earlier one."""

    def remove(self, app: AppId, audit: AuditEntry) -> bool:
        """Forget it; False, and no change, when there is none."""
