"""A webhook: where a customer's server is told of events, how that is signed, and what becomes of one that fails.

Signatures are those of Standard Webhooks (standardwebhooks.com); a dialect's own headers come beside them.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import DialectName

OVERLAP_SECONDS = 86_400
"""How long the secret before the present one signs too: the time to change it at the receiver."""
DISABLED_AFTER = 5 * 86_400
"""Seconds of nothing but failures after which a webhook is tried no more."""
TRIES_AT = (0, 60, 360, 1_200, 3_600, 10_800, 28_800, 86_400)
"""When an event is tried, in seconds from the first time: eight tries in 24 hours (BN-27)."""
KEPT_SECONDS = 30 * 86_400
"""How long an event that did not arrive is kept."""
URL_LIMIT = 2048
AUTH_LIMIT = 1024

_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
# What every parser reads alike: no userinfo, port, backslash or control character can hide in it.
_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.-]{1,253})(?::443)?(?:[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_NOT_PUBLIC = frozenset({"localhost", "local", "internal", "localdomain", "home", "lan", "intranet", "private", "corp"})
_AUTH = re.compile(r"[ -~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The stored record: one for each app and dialect.

    url: None when there is none; the secret outlives it. version: which derived secret is live; rotated_at: since when.
    auth: what the customer wants sent as credential, sealed. failing_since: of the first failure after the last
    success. disabled_at: when it was given up. revision: counts changes; a write names the one that it read.
    """

    app: AppId
    dialect: DialectName
    url: str | None = field(repr=False)
    version: int
    rotated_at: int
    auth: bytes | None = field(default=None, repr=False)
    failing_since: int | None = None
    disabled_at: int | None = None
    revision: int = 0

    @property
    def live(self) -> bool:
        """Whether events go there."""
        return self.url is not None and self.disabled_at is None

    def versions(self, now: float) -> tuple[int, ...]:
        """The secrets that sign now, the present one first."""
        rotated_lately = self.version > 1 and now < self.rotated_at + OVERLAP_SECONDS
        return (self.version, self.version - 1) if rotated_lately else (self.version,)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a dialect renders its request from. at: Unix seconds of this try. tries: how many came before it.

    secret: the present one, as the customer knows it (`whsec_...`). auth: the credential that the customer wants sent.
    """

    at: int
    tries: int
    secret: str = field(repr=False)
    auth: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A dialect's body, and its own headers; Content-Type and those of Standard Webhooks are added for all."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class WebhookFormat:
    """What a dialect's webhooks are told, and how that looks: its webhooks.py, with KINDS and request."""

    kinds: frozenset[EventKind]
    request: Callable[[Event, Attempt], WebhookRequest]


class EventState(StrEnum):
    """What is kept of an event that did not arrive. FAILING: it is tried again. DEAD: it was tried too often."""

    FAILING = "failing"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that a webhook did not take yet.

    tries: so far. due_at: of the next one, Unix seconds; None when there is none any more. status: of the last answer,
    None if there was none. milliseconds: how long that took. tried_at: when that was, None before the first try.
    revision: counts changes.
    """

    event: Event
    dialect: DialectName
    tries: int
    due_at: int | None
    expires_at: int
    status: int | None = None
    milliseconds: int | None = None
    tried_at: int | None = None
    revision: int = 0

    @property
    def not_before(self) -> int:
        """When its next try may be (Unix seconds); a job that was queued twice waits for that."""
        if not self.tries or self.tried_at is None:
            return 0
        return self.tried_at + TRIES_AT[self.tries] - TRIES_AT[self.tries - 1]

    @property
    def state(self) -> EventState:
        """Whether it is tried again."""
        return EventState.DEAD if self.due_at is None else EventState.FAILING


def text_of(secret: bytes) -> str:
    """A secret as customers know it."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def fault_of_url(url: str) -> str | None:
    """Why this cannot be a webhook's URL, as what it must be; None when it can. What it resolves to is seen later."""
    if len(url) > URL_LIMIT:
        return f"must be at most {URL_LIMIT} characters"
    match = _URL.fullmatch(url)
    if match is None:
        return "must look like https://host.example/path: no port but 443, no user name, no #fragment"
    labels = match["host"].lower().removesuffix(".").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):  # noqa: PLR2004
        return "must name a host by its full name"
    # A last label like 0x7f is a number to a resolver; no public one begins with a digit.
    if labels[-1] in _NOT_PUBLIC or labels[-1][0].isdigit():
        return "must name a host on the public Internet"
    return None


def host_of(url: str) -> str:
    """The host name in a URL that has no fault."""
    return (urlsplit(url).hostname or "").removesuffix(".")


def fault_of_auth(auth: str) -> str | None:
    """Why this cannot be sent as a credential; None when it can."""
    if len(auth) > AUTH_LIMIT or _AUTH.fullmatch(auth) is None:
        return f"must be 1 to {AUTH_LIMIT} printable ASCII characters"
    return None


def seal_auth(secret: bytes, dialect: DialectName, auth: str) -> bytes:
    """A credential under AES-SIV (RFC 5297), bound to its dialect. secret: 64 bytes."""
    return AESSIV(secret).encrypt(auth.encode(), [dialect.encode()])


def open_auth(secret: bytes, dialect: DialectName, sealed: bytes) -> str | None:
    """The credential; None when it was not sealed for this dialect under this secret."""
    try:
        return AESSIV(secret).decrypt(sealed, [dialect.encode()]).decode()
    except InvalidTag:
        return None
