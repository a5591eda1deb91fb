"""The VAPID keys of apps, ready to sign with."""

from tocsin.application.ports import Registry, Vault
from tocsin.domain.ids import AppId, TenantId
from tocsin.webpush.vapid import VapidKey, VapidTokens


def vapid_context(tenant: TenantId, app: AppId) -> dict[str, str]:
    """What a sealed VAPID key is bound to."""
    return {"tenant": tenant, "app": app, "purpose": "vapid"}


class Signing:
    """Authorization headers by RFC 8292. Keys are opened once and kept as long as the process lives."""

    def __init__(self, registry: Registry, vault: Vault) -> None:
        self._registry = registry
        self._vault = vault
        self._keys: dict[tuple[AppId, str], VapidKey | None] = {}
        self._tokens = VapidTokens()

    def authorization(self, tenant: TenantId, app: AppId, key: str, subject: str, origin: str, now: int) -> str | None:
        """The header's value for this key and push service; None when the app has no such key."""
        opened = self._key(tenant, app, key)
        return None if opened is None else self._tokens.authorization(opened, subject, origin, now)

    def forget(self, key: str, origin: str) -> None:
        """Sign anew next time: a push service refused the token."""
        self._tokens.forget(key, origin)

    def _key(self, tenant: TenantId, app: AppId, key: str) -> VapidKey | None:
        if (app, key) not in self._keys:
            sealed = self._registry.vapid_key(app, key)
            self._keys[app, key] = (
                None
                if sealed is None
                else VapidKey.from_raw(self._vault.open(sealed.ciphertext, vapid_context(tenant, app)))
            )
        return self._keys[app, key]
