"""API keys: their form, and what is kept of them.

A key reads `<prefix>_<8 id><43 secret><6 checksum>`, all base62: the id finds the record in one read, the checksum
turns a typing mistake away before any read, and only the SHA-256 of the whole is kept: 256 random bits need no slow
hash.
"""

import re
import string
import zlib
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.tenancy import DialectName

BASE62 = string.digits + string.ascii_letters
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 43, 6
_FORM = re.compile(rf"([a-z]{{2,8}})_([0-9A-Za-z]{{{ID_LENGTH}}})([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{6}})")


class KeyKind(StrEnum):
    """SECRET for servers, PUBLISHABLE for browsers, SERVICE for trusted callers who bypass credits (PS-8)."""

    SECRET = "secret"  # noqa: S105 - a name, not a secret
    PUBLISHABLE = "publishable"
    SERVICE = "service"


class Scope(StrEnum):
    """What a key may do; which of them a key can have is its dialect's matter."""

    SEND = "push:send"
    SUBSCRIBE = "push:subscribe"
    UNSUBSCRIBE = "push:unsubscribe"
    CLIENTS_READ = "clients:read"
    CLIENTS_WRITE = "clients:write"
    SERVICE_READ = "service:read"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of an API key. digest: hex SHA-256 of the whole key; last_four: for people to tell keys apart.

    requests_per_minute: of those requests that its dialect limits; None for what the dialect says.
    """

    id: KeyId
    tenant: TenantId
    app: AppId
    dialect: DialectName
    kind: KeyKind
    scopes: frozenset[Scope]
    name: str
    digest: str
    last_four: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None
    requests_per_minute: int | None = None


def digest_of(key: str) -> str:
    """What is stored of a key: the hex SHA-256 of its text."""
    return sha256(key.encode()).hexdigest()


def compose(prefix: str, key_id: str, secret: str) -> str:
    """The text of a key; key_id and secret are base62 of the lengths above."""
    body = f"{prefix}_{key_id}{secret}"
    return body + _checksum(body)


def id_in(key: str) -> tuple[str, KeyId] | None:
    """Prefix and id of a key's text; None if it cannot be a key of ours (wrong form or checksum)."""
    match = _FORM.fullmatch(key)
    if match is None or _checksum(key[:-CHECKSUM_LENGTH]) != match[4]:
        return None
    return match[1], KeyId(match[2])


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return digits
