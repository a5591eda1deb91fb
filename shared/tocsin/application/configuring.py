"""Changing an app: its settings, its VAPID keys, and the log of who changed what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from tocsin.application.accounts import VapidPair, checked_contact, new_vapid_key, sealed_vapid_key
from tocsin.application.known_app import known_app
from tocsin.application.ports import (
    Clock,
    Page,
    Randomness,
    Registry,
    SealedVapidKey,
    Stale,
    Subscriptions,
    Unavailable,
    Vault,
)
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.quota import Limits
from tocsin.domain.tenancy import App, DialectName, IdentityMode

_RACES = 8


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different; None leaves a setting as it is. icon: the empty text takes it away."""

    name: str | None = None
    site_url: str | None = None
    origins: tuple[str, ...] | None = None
    contact: str | None = None
    identity: IdentityMode | None = None
    icon: str | None = None
    limits: Limits | None = None
    dialects_on: Mapping[DialectName, bool] | None = None
    statistics: bool | None = None


@dataclass(frozen=True, slots=True)
class VapidKeyUse:
    """A VAPID key and how many active subscriptions were made under it; `present`: new ones are made under it."""

    key: SealedVapidKey
    present: bool
    subscriptions: int


class Configuring:
    """The operator's use cases on one app; every change leaves an audit entry, in the same write."""

    def __init__(
        self, registry: Registry, subscriptions: Subscriptions, vault: Vault, clock: Clock, randomness: Randomness
    ) -> None:
        self._registry = registry
        self._subscriptions = subscriptions
        self._vault = vault
        self._clock = clock
        self._randomness = randomness

    def change(self, app: AppId, changes: Changes, actor: Actor) -> App:
        """Change settings; what is the same already leaves no trace. Takes effect everywhere within a minute.

        Raises Refused: NOT_FOUND, FIELD_INVALID (contact).
        """
        if changes.contact is not None:
            checked_contact(changes.contact)
        for _ in range(_RACES):
            old = known_app(self._registry, app)
            new = _changed(old, changes)
            if new == old:
                return old
            new = replace(new, revision=old.revision + 1)
            try:
                self._registry.change_app(new, self._entry(app, actor, Action.APP_CHANGED, _differences(old, new)))
            except Stale:
                continue
            return new
        raise Unavailable

    def vapid_keys(self, app: AppId) -> Sequence[VapidKeyUse]:
        """The VAPID keys of an app: the present one, then the others, newest first. Raises Refused: NOT_FOUND."""
        present, in_use = known_app(self._registry, app).vapid_key, self._subscriptions.counts(app).by_key
        uses = [VapidKeyUse(key, key.id == present, in_use.get(key.id, 0)) for key in self._registry.vapid_keys(app)]
        return sorted(uses, key=lambda use: not use.present)

    def rotate(self, app: AppId, given: VapidPair | None, actor: Actor, *, present: bool = True) -> VapidKeyUse:
        """Add a VAPID key; present: new subscriptions are made under it. Earlier ones keep theirs, as browsers do.

        Raises Refused: NOT_FOUND, FIELD_INVALID (no key, or no pair), CONFLICT (the app has this key).
        """
        key = new_vapid_key(given)
        for _ in range(_RACES):
            old = known_app(self._registry, app)
            if self._registry.vapid_key(app, key.id) is not None:
                raise Refused(Fault.CONFLICT, "The app has this VAPID key already", field="vapid")
            new = replace(old, revision=old.revision + 1)
            if present:
                new = replace(new, vapid_key=key.id, vapid_public=key.public)
            sealed = sealed_vapid_key(key, new, self._vault, self._now())
            try:
                self._registry.change_app(
                    new, self._entry(app, actor, Action.VAPID_KEY_ADDED, {"vapid_key": key.id}), sealed
                )
            except Stale:
                continue
            return VapidKeyUse(sealed, present, subscriptions=0)
        raise Unavailable

    def adopt(self, app: AppId, given: VapidPair, actor: Actor, *, present: bool) -> VapidKeyUse:
        """The same for a key that the app may have already: then it stays as it is, and asking again changes nothing.

        Raises Refused: NOT_FOUND, FIELD_INVALID (no key, or no pair), CONFLICT (it was retired, or shall be the
        present key and another one is).
        """
        owner, key = known_app(self._registry, app), new_vapid_key(given)
        found = self._registry.vapid_key(app, key.id)
        if found is None:
            return self.rotate(app, given, actor, present=present)
        if found.retired_at is not None:
            raise Refused(Fault.CONFLICT, "This VAPID key of the app was retired", field="vapid")
        if present and owner.vapid_key != key.id:
            raise Refused(Fault.CONFLICT, "The app has this VAPID key, and another one is present", field="present")
        return VapidKeyUse(found, owner.vapid_key == key.id, self._subscriptions.counts(app).by_key.get(key.id, 0))

    def retire(self, app: AppId, key: str, actor: Actor) -> VapidKeyUse:
        """Retire a VAPID key that no active subscription was made under; again changes nothing.

        Raises Refused: NOT_FOUND, CONFLICT (new subscriptions are made under it, or there are still some).
        """
        for _ in range(_RACES):
            owner, found = known_app(self._registry, app), self._registry.vapid_key(app, key)
            if found is None:
                raise Refused(Fault.NOT_FOUND, "VAPID key not found")
            if found.retired_at is not None:
                return VapidKeyUse(found, present=False, subscriptions=0)
            if key == owner.vapid_key:
                raise Refused(Fault.CONFLICT, "This is the app's present VAPID key: add another one first")
            if in_use := self._subscriptions.counts(app).by_key.get(key, 0):
                raise Refused(Fault.CONFLICT, f"Active subscriptions that were made under this VAPID key: {in_use}")
            now = self._now()
            entry = self._entry(app, actor, Action.VAPID_KEY_RETIRED, {"vapid_key": key})
            try:
                self._registry.retire_vapid_key(owner, key, now, entry)
            except Stale:
                continue
            return VapidKeyUse(replace(found, retired_at=now), present=False, subscriptions=0)
        raise Unavailable

    def audit(self, app: AppId, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """Who changed what, newest first. Raises Refused: NOT_FOUND."""
        known_app(self._registry, app)
        return self._registry.audit(app, limit, cursor)

    def _entry(self, app: AppId, actor: Actor, action: Action, details: Mapping[str, object]) -> AuditEntry:
        return AuditEntry(self._randomness.new_id(), app, self._now(), actor, action, details)

    def _now(self) -> int:
        return int(self._clock.now())


def _changed(app: App, changes: Changes) -> App:
    plain = {
        name: value
        for name in ("name", "site_url", "origins", "contact", "identity", "limits", "statistics")
        if (value := getattr(changes, name)) is not None
    }
    new = replace(app, **plain)
    if changes.icon is not None:
        new = replace(new, icon=changes.icon or None)
    if changes.dialects_on is not None:
        off = {name for name, on in changes.dialects_on.items() if not on}
        on = {name for name, on in changes.dialects_on.items() if on}
        new = replace(new, dialects_off=frozenset((app.dialects_off | off) - on))
    return new


def _differences(old: App, new: App) -> dict[str, object]:
    """What was and what is, by setting, in forms that JSON has.

    Of the contact only that it is another one: it is an address, and a log is no place for any.
    """
    settings = [one.name for one in fields(App) if one.name != "revision"]
    changed = {name: (getattr(old, name), getattr(new, name)) for name in settings}
    return {
        name: "changed" if name == "contact" else {"from": _plain(was), "to": _plain(is_)}
        for name, (was, is_) in changed.items()
        if was != is_
    }


def _plain(value: object) -> object:
    match value:
        case Limits():
            return asdict(value)
        case tuple():
            return list(value)
        case frozenset():
            return sorted(value)
        case _:
            return value
