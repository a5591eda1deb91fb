"""Who is calling: an API key leads to an app, a kind and scopes."""

import contextlib
import hmac
from dataclasses import dataclass

from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock, Meter, Registry, Unavailable
from tocsin.application.remembering import Remembered
from tocsin.domain.api_key import ApiKey, KeyKind, Scope, digest_of, id_in
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId
from tocsin.domain.tenancy import App, DialectName

CACHE_SECONDS = 30
"""A revoked key stops working within a minute; this is what a container may remember of that minute."""
TOUCH_SECONDS = 600
_INVALID = "Missing or invalid API key"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. key: what request windows go by. requests_per_minute: None for the dialect's own."""

    app: App
    kind: KeyKind
    scopes: frozenset[Scope]
    key: str
    requests_per_minute: int | None = None

    def require(self, scope: Scope) -> None:
        """Raises Refused: SCOPE_MISSING."""
        if scope not in self.scopes:
            raise Refused(Fault.SCOPE_MISSING, f"This key lacks the scope {scope}")


def from_a_browser(what: str) -> str:
    """What is told of a secret that no browser should know."""
    instead = "web pages use /sdk.js, or a publishable key if this API has one"
    return f"This is a {what} and came from a browser. Revoke it: {instead}"


class Authenticating:
    """Turns credentials into callers, remembering for 30 s what it read, and also that there was nothing.

    So a flood of one bad key costs a read in 30 s. A new key works at once all the same: its id is random, and nobody
    can have asked for it before it was made.
    """

    def __init__(self, registry: Registry, clock: Clock, meter: Meter, service_key: str, operator_key: str) -> None:
        self._registry = registry
        self._clock = clock
        self._meter = meter
        self._service_key = service_key
        self._operator_key = operator_key
        self._keys: Remembered[KeyId, tuple[ApiKey, App] | None] = Remembered(clock)
        self._apps: Remembered[AppId, App | None] = Remembered(clock)
        self._touched: Remembered[KeyId, int] = Remembered(clock)

    def caller(self, key: str, dialect: DialectName, *, from_browser: bool, though_disabled: bool = False) -> Caller:
        """The caller that an API key of this dialect stands for.

        though_disabled: also while the app has this dialect switched off. Raises Refused: CREDENTIAL_INVALID (unknown,
        revoked, or another dialect's: all alike), SECRET_KEY_IN_BROWSER, APP_DISABLED.
        """
        caller = self._opened(key, dialect)
        self._require_server(caller, "secret key", from_browser=from_browser)
        if not though_disabled:
            _require_enabled(caller.app, dialect)
        self._touch(KeyId(caller.key))
        return caller

    def holder(
        self, key: KeyId, app: AppId, dialect: DialectName, *, from_browser: bool, though_disabled: bool = False
    ) -> Caller:
        """The caller to whose key a token was issued: the token ends when the key does.

        Raises Refused: CREDENTIAL_INVALID (unknown, revoked, another app's or dialect's: all alike),
        SECRET_KEY_IN_BROWSER, APP_DISABLED.
        """
        found = self._keys.get_or_read(key, CACHE_SECONDS, lambda: self._key(key))
        if found is None or found[1].id != app or not _is_live(found[0], dialect):
            raise Refused(Fault.CREDENTIAL_INVALID, _INVALID)
        record, owner = found
        caller = Caller(owner, record.kind, record.scopes, record.id, record.requests_per_minute)
        self._require_server(caller, "server's token", from_browser=from_browser)
        if not though_disabled:
            _require_enabled(owner, dialect)
        return caller

    def trusted_service(self, key: str, app: AppId, dialect: DialectName, *, from_browser: bool) -> Caller | None:
        """The platform's own service caller, which may send for an app; None when the key is not the platform's (PS-8).

        Raises Refused: FIELD_INVALID (no such app), SECRET_KEY_IN_BROWSER, APP_DISABLED.
        """
        if not self.is_service_key(key):
            return None
        if from_browser:
            raise Refused(Fault.SECRET_KEY_IN_BROWSER, "The service key must never be used in a browser")
        found = self.app(app)
        if found is None:
            raise Refused(Fault.FIELD_INVALID, "X-Tenant-Id names no tenant", field="X-Tenant-Id")
        _require_enabled(found, dialect)
        return Caller(found, KeyKind.SERVICE, frozenset({Scope.SEND}), f"service.{app}")

    def is_service_key(self, key: str) -> bool:
        """Whether this is the platform's service key."""
        return bool(self._service_key) and hmac.compare_digest(key.encode(), self._service_key.encode())

    def operator(self, key: str, *, from_browser: bool) -> None:
        """Raises Refused unless the key is the operator's: CREDENTIAL_INVALID, SECRET_KEY_IN_BROWSER."""
        if not self._operator_key or not hmac.compare_digest(key.encode(), self._operator_key.encode()):
            raise Refused(Fault.CREDENTIAL_INVALID, "Missing or invalid operator key")
        if from_browser:
            raise Refused(Fault.SECRET_KEY_IN_BROWSER, "The operator key must never be used in a browser")

    def app(self, app: AppId) -> App | None:
        """An app as it was at most 30 s ago, or None."""
        return self._apps.get_or_read(app, CACHE_SECONDS, lambda: self._registry.app(app))

    def _require_server(self, caller: Caller, what: str, *, from_browser: bool) -> None:
        if from_browser and caller.kind is not KeyKind.PUBLISHABLE:
            self._meter.count(Metric.SECRET_KEY_IN_BROWSER)
            raise Refused(Fault.SECRET_KEY_IN_BROWSER, from_a_browser(what))

    def _opened(self, key: str, dialect: DialectName) -> Caller:
        parts = id_in(key)
        found = None if parts is None else self._keys.get_or_read(parts[1], CACHE_SECONDS, lambda: self._key(parts[1]))
        if found is None or not _opens(found[0], digest_of(key), dialect):
            raise Refused(Fault.CREDENTIAL_INVALID, _INVALID)
        record, app = found
        return Caller(app, record.kind, record.scopes, record.id, record.requests_per_minute)

    def _key(self, key: KeyId) -> tuple[ApiKey, App] | None:
        record = self._registry.key(key)
        app = None if record is None else self._registry.app(record.app)
        return None if record is None or app is None else (record, app)

    def _touch(self, key: KeyId) -> None:
        if self._touched.get(key) is None:
            now = int(self._clock.now())
            self._touched.put(key, now, now + TOUCH_SECONDS)
            # Not knowing when a key was last used is no reason to refuse its owner.
            with contextlib.suppress(Unavailable):
                self._registry.touch_key(key, now)


def _require_enabled(app: App, dialect: DialectName) -> None:
    if dialect in app.dialects_off:
        raise Refused(Fault.APP_DISABLED, "This API is switched off for the app")


def _opens(record: ApiKey, digest: str, dialect: DialectName) -> bool:
    return hmac.compare_digest(record.digest, digest) and _is_live(record, dialect)


def _is_live(record: ApiKey, dialect: DialectName) -> bool:
    return record.dialect == dialect and record.revoked_at is None
