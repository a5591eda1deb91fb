"""What the operator does: tenants, apps, API keys and credits."""

from dataclasses import dataclass, field, replace

from tocsin.application.known_app import known_app
from tocsin.application.ports import (
    Clock,
    Credits,
    LedgerEntry,
    Page,
    Randomness,
    ReferenceTaken,
    Registry,
    SealedVapidKey,
    Vault,
)
from tocsin.application.signing import vapid_context
from tocsin.domain.api_key import ID_LENGTH, SECRET_LENGTH, ApiKey, KeyKind, Scope, compose, digest_of
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.quota import Limits
from tocsin.domain.send import Balance
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant
from tocsin.webpush.vapid import InvalidSubject, InvalidVapidKey, VapidKey, check_subject


@dataclass(frozen=True, slots=True)
class VapidPair:
    """A VAPID key to bring along, as text in any form that servers export; public, if given, must belong to it."""

    private: str = field(repr=False)
    public: str | None


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app to be made. vapid None: a key pair is made. dialects_off: the APIs that it has switched off at first."""

    name: str
    site_url: str
    origins: tuple[str, ...]
    contact: str
    identity: IdentityMode
    icon: str | None
    limits: Limits
    vapid: VapidPair | None
    dialects_off: frozenset[DialectName] = frozenset()
    statistics: bool = True


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made. prefix: of its text; says dialect and kind. scopes: some of `possible`, None for all.

    requests_per_minute None: what the dialect says.
    """

    dialect: DialectName
    kind: KeyKind
    prefix: str
    possible: frozenset[Scope]
    name: str
    scopes: frozenset[Scope] | None
    requests_per_minute: int | None = None


class Accounts:
    """The operator's use cases."""

    def __init__(
        self,
        registry: Registry,
        credits: Credits,  # noqa: A002 - the domain's word
        vault: Vault,
        derivation: Derivation,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._credits = credits
        self._vault = vault
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness

    def create_tenant(self, name: str) -> Tenant:
        """A new tenant."""
        tenant = Tenant(TenantId(self._randomness.new_id()), name, self._now())
        self._registry.add_tenant(tenant)
        return tenant

    def tenant(self, tenant: TenantId) -> Tenant:
        """A tenant. Raises Refused: NOT_FOUND."""
        found = self._registry.tenant(tenant)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Tenant not found")
        return found

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants, newest first."""
        return self._registry.tenants(limit, cursor)

    def create_app(self, tenant: TenantId, new: NewApp, actor: Actor) -> tuple[App, str]:
        """A new app of a tenant, and its identity secret, which is told only now.

        Raises Refused: NOT_FOUND, FIELD_INVALID (contact, vapid).
        """
        self.tenant(tenant)
        contact, key = checked_contact(new.contact), new_vapid_key(new.vapid)
        app = App(
            id=AppId(self._randomness.new_id()),
            tenant=tenant,
            name=new.name,
            site_url=new.site_url,
            origins=new.origins,
            contact=contact,
            identity=new.identity,
            identity_version=1,
            vapid_key=key.id,
            vapid_public=key.public,
            icon=new.icon,
            limits=new.limits,
            dialects_off=new.dialects_off,
            created_at=self._now(),
            statistics=new.statistics,
        )
        sealed = sealed_vapid_key(key, app, self._vault, app.created_at)
        self._registry.add_app(app, sealed, self._entry(app.id, actor, Action.APP_CREATED, name=app.name))
        return app, self._derivation.identity_secret(app.id, app.identity_version).decode()

    def app(self, app: AppId) -> App:
        """An app. Raises Refused: NOT_FOUND."""
        return known_app(self._registry, app)

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant, newest first. Raises Refused: NOT_FOUND."""
        self.tenant(tenant)
        return self._registry.apps(tenant, limit, cursor)

    def create_key(self, app: AppId, new: NewKey, actor: Actor) -> tuple[ApiKey, str]:
        """A new API key, and its text, which is told only now (PS-5).

        Raises Refused: NOT_FOUND, FIELD_INVALID (a scope that this kind of key cannot have).
        """
        owner = self.app(app)
        scopes = new.possible if new.scopes is None else new.scopes
        if not scopes or not scopes <= new.possible:
            raise Refused(
                Fault.FIELD_INVALID, f"scopes of a {new.kind} key: {', '.join(sorted(new.possible))}", field="scopes"
            )
        while True:
            key_id = KeyId(self._randomness.base62(ID_LENGTH))
            text = compose(new.prefix, key_id, self._randomness.base62(SECRET_LENGTH))
            key = ApiKey(
                id=key_id,
                tenant=owner.tenant,
                app=app,
                dialect=new.dialect,
                kind=new.kind,
                scopes=scopes,
                name=new.name,
                digest=digest_of(text),
                last_four=text[-4:],
                created_at=self._now(),
                last_used_at=None,
                revoked_at=None,
                requests_per_minute=new.requests_per_minute,
            )
            details = {"key": key.id, "dialect": key.dialect, "kind": key.kind, "name": key.name}
            if self._registry.add_key(key, self._entry(app, actor, Action.KEY_CREATED, **details)):
                return key, text

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, newest first, without their text. Raises Refused: NOT_FOUND."""
        self.app(app)
        return self._registry.keys(app, limit, cursor)

    def revoke_key(self, app: AppId, key: KeyId, actor: Actor) -> ApiKey:
        """Revoke a key; it stops working within a minute, and a repeat changes nothing. Raises Refused: NOT_FOUND."""
        now = self._now()
        self._registry.revoke_key(app, key, now, self._entry(app, actor, Action.KEY_REVOKED, key=key))
        found = self._registry.key(key)
        if found is None or found.app != app:
            raise Refused(Fault.NOT_FOUND, "Key not found")
        return found if found.revoked_at is not None else replace(found, revoked_at=now)

    def grant(self, app: AppId, amount: int, reference: str, actor: Actor) -> tuple[Balance, bool]:
        """Add credits once for each reference; the balance, and whether this call added them (PS-33).

        Raises Refused: NOT_FOUND, CONFLICT (the reference stands for another amount).
        """
        self.app(app)
        try:
            added = self._credits.grant(app, amount, reference, self._now(), actor.request_id)
        except ReferenceTaken as error:
            raise Refused(Fault.CONFLICT, "This reference was used for another amount", field="reference") from error
        return self._credits.balance(app), added

    def balance(self, app: AppId) -> Balance:
        """The credits of an app. Raises Refused: NOT_FOUND."""
        self.app(app)
        return self._credits.balance(app)

    def ledger(self, app: AppId, limit: int, cursor: str | None) -> Page[LedgerEntry]:
        """Every grant, reservation and settlement of an app, newest first. Raises Refused: NOT_FOUND."""
        self.app(app)
        return self._credits.ledger(app, limit, cursor)

    def _entry(self, app: AppId, actor: Actor, action: Action, **details: str) -> AuditEntry:
        return AuditEntry(self._randomness.new_id(), app, self._now(), actor, action, details)

    def _now(self) -> int:
        return int(self._clock.now())


def checked_contact(contact: str) -> str:
    """A contact that push services take as VAPID subject. Raises Refused: FIELD_INVALID."""
    try:
        return check_subject(contact)
    except InvalidSubject as error:
        reason = error.reason.removeprefix("subject ")
        raise Refused(Fault.FIELD_INVALID, f"contact {reason}", field="contact") from error


def new_vapid_key(given: VapidPair | None) -> VapidKey:
    """The key that is brought along, or a new one. Raises Refused: FIELD_INVALID."""
    if given is None:
        return VapidKey.generate()
    try:
        return VapidKey.from_text(given.private, given.public)
    except InvalidVapidKey as error:
        raise Refused(Fault.FIELD_INVALID, f"vapid: {error.reason}", field="vapid") from error


def sealed_vapid_key(key: VapidKey, app: App, vault: Vault, at: int) -> SealedVapidKey:
    """A key of an app as it is stored."""
    return SealedVapidKey(key.id, key.public, vault.seal(key.private_raw, vapid_context(app.tenant, app.id)), at)
