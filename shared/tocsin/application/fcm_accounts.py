"""The operator's use cases on the service account by which an app reaches phones."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.application.fcm_access import fcm_context
from tocsin.application.known_app import known_app
from tocsin.application.ports import (
    Clock,
    Randomness,
    Registry,
    SealedServiceAccount,
    ServiceAccounts,
    Subscriptions,
    Vault,
)
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.service_account import InvalidServiceAccount, parse_service_account
from tocsin.domain.subscription import FCM_KEY


@dataclass(frozen=True, slots=True)
class FcmUse:
    """A service account, and how many active devices of its app are reached by it."""

    account: SealedServiceAccount
    devices: int


class FcmAccounts:
    """One service account for each app; a change takes effect everywhere within a minute."""

    def __init__(
        self,
        registry: Registry,
        accounts: ServiceAccounts,
        subscriptions: Subscriptions,
        vault: Vault,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._accounts = accounts
        self._subscriptions = subscriptions
        self._vault = vault
        self._clock = clock
        self._randomness = randomness

    def get(self, app: AppId) -> FcmUse:
        """The app's. Raises Refused: NOT_FOUND."""
        known_app(self._registry, app)
        found = self._accounts.get(app)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "The app has no FCM service account")
        return self._use(app, found)

    def put(self, app: AppId, file: Mapping[str, str], actor: Actor) -> FcmUse:
        """Keep what is used of a service account's file, in place of any earlier one's.

        Raises Refused: NOT_FOUND, FIELD_INVALID.
        """
        owner = known_app(self._registry, app)
        try:
            account = parse_service_account(file)
        except InvalidServiceAccount as error:
            raise Refused(Fault.FIELD_INVALID, f"{error.member} {error.rule}", field=error.member) from None
        ciphertext = self._vault.seal(account.private_key, fcm_context(owner.tenant, app))
        sealed = SealedServiceAccount(account.project, account.email, account.key_id, ciphertext, self._now())
        details = {"project": account.project, "key": account.key_id}
        self._accounts.put(app, sealed, self._entry(app, actor, Action.FCM_ACCOUNT_SET, details))
        return self._use(app, sealed)

    def remove(self, app: AppId, actor: Actor) -> None:
        """Forget the app's: its phones are not reached any more. Raises Refused: NOT_FOUND."""
        known_app(self._registry, app)
        if not self._accounts.remove(app, self._entry(app, actor, Action.FCM_ACCOUNT_REMOVED, {})):
            raise Refused(Fault.NOT_FOUND, "The app has no FCM service account")

    def _use(self, app: AppId, account: SealedServiceAccount) -> FcmUse:
        return FcmUse(account, self._subscriptions.counts(app).by_key.get(FCM_KEY, 0))

    def _entry(self, app: AppId, actor: Actor, action: Action, details: Mapping[str, object]) -> AuditEntry:
        return AuditEntry(self._randomness.new_id(), app, self._now(), actor, action, details)

    def _now(self) -> int:
        return int(self._clock.now())
