"""Webhooks as customers and the operator set them up."""

from dataclasses import replace

from tocsin.application.jobs import TryAgain
from tocsin.application.known_app import known_app
from tocsin.application.ports import Clock, Events, Hooks, Page, PendingEvents, Randomness, Registry, Stale, Unavailable
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.keep import KEEP, Keep
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import (
    EventState,
    PendingEvent,
    Webhook,
    fault_of_auth,
    fault_of_url,
    open_auth,
    seal_auth,
    text_of,
)

_RACES = 8
_REPLAYED_AT_ONCE = 100


class Webhooks:
    """One webhook for each app and dialect; every change leaves an audit entry, in the same write."""

    def __init__(
        self,
        registry: Registry,
        hooks: Hooks,
        pending: PendingEvents,
        events: Events,
        derivation: Derivation,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._registry = registry
        self._hooks = hooks
        self._pending = pending
        self._events = events
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness

    def get(self, app: AppId, dialect: DialectName) -> Webhook | None:
        """The webhook; None when none was ever set up. One without a URL is one that was taken away."""
        return self._hooks.get(app, dialect)

    def change(
        self,
        app: AppId,
        dialect: DialectName,
        *,
        url: str | Keep | None = KEEP,
        auth: str | Keep | None = KEEP,
        rotate: bool = False,
        actor: Actor,
    ) -> Webhook:
        """Change what is named, and try it again if it was given up. The first change makes the secret.

        url None: there is no webhook; the secret stays. auth None: no credential is sent. rotate: a new secret; the
        one before it signs too for another day. What is so already leaves no trace.
        Raises Refused: NOT_FOUND, FIELD_INVALID (url, auth).
        """
        self._check(url, auth)
        for _ in range(_RACES):
            owner, old = known_app(self._registry, app), self._hooks.get(app, dialect)
            now = int(self._clock.now())
            before = old or Webhook(app, dialect, None, 1, now)
            new = self._changed(before, url, auth, now, rotate=rotate)
            if old is not None and new == old:
                return old
            action = Action.WEBHOOK_ROTATED if rotate else Action.WEBHOOK_CHANGED
            if (stored := self._store(new, old, owner, actor, action)) is not None:
                return stored
        raise Unavailable

    def enable(self, app: AppId, dialect: DialectName, actor: Actor) -> Webhook:
        """Try a webhook again that was given up. Raises Refused: NOT_FOUND (there is none)."""
        for _ in range(_RACES):
            owner, old = known_app(self._registry, app), self._hooks.get(app, dialect)
            if old is None or old.url is None:
                raise Refused(Fault.NOT_FOUND, "There is no webhook")
            if old.disabled_at is None:
                return old
            new = replace(old, disabled_at=None, failing_since=None)
            if (stored := self._store(new, old, owner, actor, Action.WEBHOOK_ENABLED)) is not None:
                return stored
        raise Unavailable

    def disable(self, webhook: Webhook, actor: Actor, reason: str) -> None:
        """Give a webhook up, as it was read; no change if somebody changed it meanwhile."""
        now, owner = int(self._clock.now()), self._registry.app(webhook.app)
        if owner is None:
            return
        new = replace(webhook, disabled_at=now, failing_since=webhook.failing_since or now)
        self._store(new, webhook, owner, actor, Action.WEBHOOK_DISABLED, reason)

    def secret(self, webhook: Webhook) -> str:
        """The secret that signs now, as the customer knows it: `whsec_` and base64."""
        return self.secrets(webhook)[0]

    def secrets(self, webhook: Webhook) -> list[str]:
        """All secrets that sign now, the present one first."""
        derive = self._derivation.webhook_secret
        now = self._clock.now()
        return [text_of(derive(webhook.app, webhook.dialect, version)) for version in webhook.versions(now)]

    def auth(self, webhook: Webhook) -> str | None:
        """The credential that the customer wants sent; None when there is none."""
        if webhook.auth is None:
            return None
        return open_auth(self._derivation.webhook_auth_secret(webhook.app), webhook.dialect, webhook.auth)

    def pending(
        self, app: AppId, dialect: DialectName, state: EventState, limit: int, cursor: str | None
    ) -> Page[PendingEvent]:
        """The events that did not arrive yet. Raises Refused: NOT_FOUND."""
        known_app(self._registry, app)
        return self._pending.listed(app, dialect, state, limit, cursor)

    def replay(self, app: AppId, dialect: DialectName, event: str, actor: Actor) -> PendingEvent:
        """Try an event now and, if that fails, by the whole schedule again. Raises Refused: NOT_FOUND."""
        known_app(self._registry, app)
        found = self._pending.get(app, dialect, event)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Event not found")
        revived = self._revived(found)
        self._note_replay(app, dialect, actor, 1)
        return revived

    def replay_dead(self, app: AppId, dialect: DialectName, actor: Actor) -> int:
        """The same for up to 100 dead events; how many. Again until there is none."""
        known_app(self._registry, app)
        dead = self._pending.listed(app, dialect, EventState.DEAD, _REPLAYED_AT_ONCE, None).items
        for one in dead:
            self._revived(one)
        if dead:
            self._note_replay(app, dialect, actor, len(dead))
        return len(dead)

    def _revived(self, found: PendingEvent) -> PendingEvent:
        revived = replace(found, tries=0, due_at=int(self._clock.now()), revision=found.revision + 1)
        try:
            self._pending.put(revived)
        except Stale:
            return found  # somebody tries it just now
        self._events.again([TryAgain(found.event.app, found.dialect, found.event.id)])
        return revived

    def _note_replay(self, app: AppId, dialect: DialectName, actor: Actor, count: int) -> None:
        details = {"dialect": dialect, "events": count}
        now = int(self._clock.now())
        self._registry.record(AuditEntry(self._randomness.new_id(), app, now, actor, Action.WEBHOOK_REPLAYED, details))

    def _check(self, url: str | Keep | None, auth: str | Keep | None) -> None:
        if isinstance(url, str) and (fault := fault_of_url(url)) is not None:
            raise Refused(Fault.FIELD_INVALID, f"url {fault}", field="url")
        if isinstance(auth, str) and (fault := fault_of_auth(auth)) is not None:
            raise Refused(Fault.FIELD_INVALID, f"auth {fault}", field="auth")

    def _changed(
        self, old: Webhook, url: str | Keep | None, auth: str | Keep | None, now: int, *, rotate: bool
    ) -> Webhook:
        new = old
        if url is not KEEP:
            new = replace(new, url=url)
        if auth is not KEEP:
            key = self._derivation.webhook_auth_secret(old.app)
            new = replace(new, auth=None if auth is None else seal_auth(key, old.dialect, auth))
        if rotate:
            new = replace(new, version=old.version + 1, rotated_at=now)
        named_again = isinstance(url, str) and old.disabled_at is not None
        return replace(new, failing_since=None, disabled_at=None) if new != old or named_again else new

    def _store(
        self, new: Webhook, old: Webhook | None, app: App, actor: Actor, action: Action, reason: str | None = None
    ) -> Webhook | None:
        """What was stored; None if somebody changed either of them since it was read."""
        new = replace(new, revision=0 if old is None else old.revision + 1)
        hooks = app.hooks | {new.dialect} if new.live else app.hooks - {new.dialect}
        changed = None if hooks == app.hooks else replace(app, hooks=hooks, revision=app.revision + 1)
        details: dict[str, object] = {"dialect": new.dialect, "url": _told(new, old), "version": new.version}
        if reason is not None:
            details["reason"] = reason
        now = int(self._clock.now())
        try:
            self._hooks.put(new, changed, AuditEntry(self._randomness.new_id(), app.id, now, actor, action, details))
        except Stale:
            return None
        return new


def _told(new: Webhook, old: Webhook | None) -> str:
    """What became of the URL, which is no text for a log: its path may be a secret of the receiver's."""
    if new.url is None:
        return "none"
    return "same" if old is not None and old.url == new.url else "set"
