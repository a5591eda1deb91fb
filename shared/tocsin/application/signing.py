"""The VAPID keys of apps, ready to sign with."""

import threading

from tocsin.application.ports import Registry, Vault, WrongContext
from tocsin.domain.ids import AppId, TenantId
from tocsin.webpush.vapid import InvalidVapidKey, VapidKey, VapidTokens


def vapid_context(tenant: TenantId, app: AppId) -> dict[str, str]:
    """What a sealed VAPID key is bound to."""
    return {"tenant": tenant, "app": app, "purpose": "vapid"}


class Signing:
    """Authorization headers by RFC 8292, for all threads. Keys are opened once and kept while the process lives."""

    def __init__(self, registry: Registry, vault: Vault) -> None:
        self._registry = registry
        self._vault = vault
        self._keys: dict[tuple[AppId, str], VapidKey | None] = {}
        self._tokens = VapidTokens()
        self._lock = threading.Lock()

    def authorization(self, tenant: TenantId, app: AppId, key: str, subject: str, origin: str, now: int) -> str | None:
        """The header's value for this key and push service; None when the app has no such key."""
        with self._lock:
            opened = self._key(tenant, app, key)
            return None if opened is None else self._tokens.authorization(opened, subject, origin, now)

    def opens(self, tenant: TenantId, app: AppId, key: str) -> bool:
        """Open a key ahead of its use; False when it cannot be opened. One that the app does not have is no trouble."""
        with self._lock:
            try:
                self._key(tenant, app, key)
            except (WrongContext, InvalidVapidKey):
                return False
            return True

    def forget(self, refused: str) -> None:
        """Sign anew next time: a push service refused this header. No change if it was replaced already."""
        with self._lock:
            self._tokens.forget(refused)

    def _key(self, tenant: TenantId, app: AppId, key: str) -> VapidKey | None:
        if (app, key) not in self._keys:
            sealed = self._registry.vapid_key(app, key)
            self._keys[app, key] = (
                None
                if sealed is None
                else VapidKey.from_raw(self._vault.open(sealed.ciphertext, vapid_context(tenant, app)))
            )
        return self._keys[app, key]
