"""Tenants and their apps."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from tocsin.domain.ids import AppId, TenantId
from tocsin.domain.quota import Limits

_SUBDOMAINS = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")

DialectName = NewType("DialectName", str)
"""The name of one of the APIs that Tocsin speaks: its folder's name. Which there are is known only at the outside."""


class IdentityMode(StrEnum):
    """What a browser must show before it may subscribe under somebody's name (PS-20).

    OFF asks for nothing; REPORT accepts everything and counts what could not be proved; REQUIRED refuses it.
    """

    OFF = "off"
    REPORT = "report"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer of this deployment; owns apps."""

    id: TenantId
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class App:
    """What is sent for and paid from: a PS tenant. Its id is public (it stands in web pages).

    site_url: where a tap leads when a notification names no target. origins: web origins whose pages may subscribe.
    contact: the VAPID subject (RFC 8292 section 2.1). vapid_key: id of the key that new subscriptions are made under.
    An origin may name all subdomains (https://*.shop.example). identity_version: which of the app's derived identity
    secrets is live. limits: for the dialects that count notifications by hour and day. dialects_off: which APIs refuse
    this app's keys. revision: counts changes; a write names the revision that it read. hooks: which dialects have a
    webhook that events go to. statistics: new sends ask browsers to report what became of each message.
    """

    id: AppId
    tenant: TenantId
    name: str
    site_url: str
    origins: tuple[str, ...]
    contact: str
    identity: IdentityMode
    identity_version: int
    vapid_key: str
    vapid_public: str
    icon: str | None
    limits: Limits
    dialects_off: frozenset[DialectName]
    created_at: int
    revision: int = 0
    hooks: frozenset[DialectName] = frozenset()
    statistics: bool = True

    def allows(self, origin: str) -> bool:
        """Whether pages of this web origin may call the publishable routes (CS-5)."""
        return origin in self.origins or any(_covers(allowed, origin) for allowed in self.origins)


def _covers(allowed: str, origin: str) -> bool:
    """Whether `allowed` is a wildcard for the origin: any subdomain, at any depth, but not the domain itself."""
    scheme, wildcard, domain = allowed.partition("://*.")
    own_scheme, _, host = origin.partition("://")
    if not wildcard or scheme != own_scheme or not host.endswith(f".{domain}"):
        return False
    return _SUBDOMAINS.fullmatch(host.removesuffix(f".{domain}")) is not None
