"""Bringing in the subscriptions that another system kept, together with the VAPID key that they were made under."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tocsin.application.accounts import VapidPair
from tocsin.application.configuring import Configuring
from tocsin.application.following import Following
from tocsin.application.identifying import Identifying
from tocsin.application.lines import Line, Told, check_times, recipient_keys_of, vapid_key_of
from tocsin.application.ports import (
    BulkWriter,
    Change,
    Clock,
    Imports,
    Randomness,
    Registry,
    SealedVapidKey,
    SideBySide,
    Stale,
    Subscriptions,
    Unavailable,
)
from tocsin.domain import address
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.importing import Brought, Import, ImportId, RefusedLine, Tally, merged
from tocsin.domain.subscription import Subscription, SubscriptionState, recounted
from tocsin.domain.tenancy import App
from tocsin.webpush.encryption import InvalidKeys
from tocsin.webpush.origins import InvalidEndpoint

AT_ONCE = 500
"""Lines between two notes of how far an import is."""
SECONDS = 12
"""After this a call begins nothing more: a request has 29 s, and the caller goes on where this one ended."""
_RACES = 8


@dataclass(frozen=True, slots=True)
class NewImport:
    """An import to be made: under a pair that is brought along, or under a key that the app has, by its id.

    present: new subscriptions are made under the pair from now on.
    """

    pair: VapidPair | None
    vapid_key: str | None
    present: bool
    keeps_addresses: bool
    total: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What one call did. next: where the next one begins; tally and refused: of this call's lines."""

    next: int
    tally: Tally
    refused: Sequence[RefusedLine]


class Importing:
    """The use cases of an import. Ids follow from endpoints, so whatever is repeated changes nothing."""

    def __init__(
        self,
        imports: Imports,
        bulk: BulkWriter,
        side_by_side: SideBySide,
        subscriptions: Subscriptions,
        registry: Registry,
        configuring: Configuring,
        identifying: Identifying,
        following: Following,
        derivation: Derivation,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._imports = imports
        self._bulk = bulk
        self._side_by_side = side_by_side
        self._subscriptions = subscriptions
        self._registry = registry
        self._configuring = configuring
        self._identifying = identifying
        self._following = following
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness

    def begin(self, app: App, wanted: NewImport, actor: Actor) -> Import:
        """Make an import; a pair that is brought along becomes a key of the app, unless it is one.

        Raises Refused: FIELD_INVALID (no key, or no pair, or none of the app's), CONFLICT (the key was retired).
        """
        key = self._key(app, wanted, actor)
        now = self._now()
        new = Import(
            ImportId(self._randomness.new_id()), app.id, key, wanted.keeps_addresses, wanted.total, now, updated_at=now
        )
        self._imports.add(new, self._entry(new, actor, Action.IMPORT_STARTED, {"vapid_key": key}))
        return new

    def get(self, app: AppId, name: ImportId) -> Import:
        """How far an import is. Raises Refused: NOT_FOUND."""
        found = self._imports.get(app, name)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Import not found")
        return found

    def take(self, app: App, name: ImportId, first: int, lines: Sequence[Told]) -> Taken:
        """Take lines, as many as there is time for. first: the number of the first one, from 1.

        Lines that were read already are passed over. Raises Refused: NOT_FOUND, CONFLICT (lines before these are
        missing, the import is over, its key was retired, or another call is at work on it).
        """
        import_, began = self.get(app.id, name), self._clock.now()
        if import_.finished_at is not None:
            raise Refused(Fault.CONFLICT, "This import is finished: begin another one")
        if first > import_.next:
            raise Refused(Fault.CONFLICT, f"The next line of this import is {import_.next}", field="from")
        keys = {key.id: key for key in self._registry.vapid_keys(app.id)}
        if keys[import_.vapid_key].retired_at is not None:
            raise Refused(Fault.CONFLICT, "The VAPID key of this import was retired: begin another one")
        tally, refused, rest = Tally(), list[RefusedLine](), lines[import_.next - first :]
        for start in range(0, len(rest), AT_ONCE):
            if start and self._clock.now() - began > SECONDS:
                break
            part = rest[start : start + AT_ONCE]
            became, not_taken = self._take(app, import_, part, keys)
            import_ = import_.having_read(import_.next + len(part), became, not_taken, self._now())
            try:
                self._imports.put(import_)
            except Stale as error:
                raise Refused(Fault.CONFLICT, "Another call is at work on this import") from error
            tally += became
            refused += not_taken
        return Taken(import_.next, tally, refused)

    def finish(self, app: AppId, name: ImportId, actor: Actor) -> Import:
        """End an import; again changes nothing. Raises Refused: NOT_FOUND, CONFLICT (lines are missing)."""
        for _ in range(_RACES):
            found = self.get(app, name)
            if found.finished_at is not None:
                return found
            if found.total is not None and found.next <= found.total:
                raise Refused(Fault.CONFLICT, f"Lines are missing: the next one is {found.next} of {found.total}")
            now, tally = self._now(), found.tally
            ended = replace(found, finished_at=now, updated_at=now, revision=found.revision + 1)
            details = {
                "imported": tally.imported,
                "updated": tally.updated,
                "unchanged": tally.unchanged,
                "refused": tally.refused,
            }
            try:
                self._imports.put(ended, self._entry(found, actor, Action.IMPORT_FINISHED, details))
            except Stale:
                continue
            return ended
        raise Unavailable

    def _key(self, app: App, wanted: NewImport, actor: Actor) -> str:
        if wanted.pair is not None:
            return self._configuring.adopt(app.id, wanted.pair, actor, present=wanted.present).key.id
        found = None if wanted.vapid_key is None else self._registry.vapid_key(app.id, wanted.vapid_key)
        if found is None or found.retired_at is not None:
            message = "vapid_key must be the id of a VAPID key of this app that is in use"
            raise Refused(Fault.FIELD_INVALID, message, field="vapid_key")
        return found.id

    def _take(
        self, app: App, import_: Import, lines: Sequence[Told], keys: Mapping[str, SealedVapidKey]
    ) -> tuple[Tally, tuple[RefusedLine, ...]]:
        brought: dict[SubscriptionId, Brought] = {}
        read, refused = 0, list[RefusedLine]()
        for number, told in enumerate(lines, import_.next):
            if told is None:
                continue
            try:
                if isinstance(told, str):
                    raise Refused(Fault.FIELD_INVALID, told)
                one = self._brought(app, import_, told, keys)
            except Refused as refusal:
                refused.append(RefusedLine(number, refusal.message))
            except (InvalidEndpoint, InvalidKeys) as error:
                refused.append(RefusedLine(number, error.reason))
            else:
                read += 1
                brought[one.id] = one  # of several for one endpoint the last counts
        imported, updated = self._store(app, import_, brought)
        return Tally(imported, updated, read - imported - updated, len(refused)), tuple(refused)

    def _store(self, app: App, import_: Import, brought: Mapping[SubscriptionId, Brought]) -> tuple[int, int]:
        """How many are new, and how many became different."""
        broadcasts = self._subscriptions.broadcasts(app.id)
        left, new, different = list(brought), 0, 0
        for _ in range(_RACES):
            if not left:
                return new, different
            known = self._subscriptions.load(app.id, left)
            changes: list[Change] = []
            repeated: list[Subscription] = []
            for name in left:
                old = known.get(name)
                made = merged(brought[name], old, import_, self._now())
                if made is not None:
                    changes.append((recounted(made, old, broadcasts), old))
                elif old is not None and old.imported_at is not None and old.imported_at >= import_.started_at:
                    repeated.append(old)  # stored by a call whose end nobody saw
            stale = set(self._bulk.put_each(changes)) if changes else set()
            stored = [change for change in changes if change[0].id not in stale]
            self._follow(app, stored)
            here = [*(made for made, _ in stored), *repeated]
            self._mute(app, [one for one in here if brought[one.id].muted])
            new += sum(old is None for _, old in stored)
            different += sum(old is not None for _, old in stored)
            left = list(stale)
        raise Unavailable

    def _follow(self, app: App, stored: Sequence[Change]) -> None:
        """Let people's records follow. Each person once: two at a time would only meet."""
        new = [made for made, old in stored if old is None and made.state is SubscriptionState.ACTIVE]
        names = [made.identity(IdentityKind.EXTERNAL) for made in new]
        people = list(dict.fromkeys(name.value for name in names if name is not None))
        self._side_by_side(lambda person: self._following.joined(app, person), people)
        self._following.changed(app, [change for change in stored if change[1] is not None])

    def _mute(self, app: App, subscriptions: Sequence[Subscription]) -> None:
        def silence(person: str) -> None:
            with contextlib.suppress(Refused):  # who has no device that can be sent to needs no silence
                self._following.mute(app, person, muted=True)

        names = (one.identity(IdentityKind.EXTERNAL) for one in subscriptions)
        self._side_by_side(silence, list(dict.fromkeys(name.value for name in names if name is not None)))

    def _brought(self, app: App, import_: Import, line: Line, keys: Mapping[str, SealedVapidKey]) -> Brought:
        """A line, checked. Raises what is wrong with it: Refused, InvalidEndpoint, InvalidKeys."""
        check_times(line, self._now())
        recipient_keys = recipient_keys_of(line)
        id_ = self._derivation.subscription_id(app.id, line.endpoint)
        sealed = None
        if import_.keeps_addresses and line.email is not None:
            sealed = address.seal(self._derivation.address_secret(app.id), id_, line.email.strip())
        return Brought(
            id_,
            line.platform,
            line.endpoint,
            recipient_keys,
            vapid_key_of(line, import_, keys),
            line.state,
            self._identities(app, line),
            line.labels,
            line.device,
            line.custom,
            sealed,
            line.created_at,
            line.seen_at,
            line.muted,
        )

    def _identities(self, app: App, line: Line) -> tuple[Identity, ...]:
        named = ((IdentityKind.EXTERNAL, line.external_id), (IdentityKind.EMAIL, line.email))
        return tuple(self._identifying.identity(app, kind, name) for kind, name in named if name is not None)

    def _entry(self, of: Import, actor: Actor, action: Action, details: Mapping[str, object]) -> AuditEntry:
        about = {"import": of.id, **details}
        return AuditEntry(self._randomness.new_id(), of.app, self._now(), actor, action, about)

    def _now(self) -> int:
        return int(self._clock.now())
