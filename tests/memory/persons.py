"""People, their inboxes and their enrolment codes in memory."""

from collections.abc import Sequence
from dataclasses import replace

from tests.memory.pages import page, place
from tests.memory.storage import Storage
from tocsin.application.ports import Clock, EnrolmentCode, Page, Stale
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.note import Note
from tocsin.domain.person import Person

NOTE_SECONDS = 90 * 86_400


class MemoryPersons:
    """The Persons port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, app: AppId, external_id: str) -> Person | None:
        """The person, or None."""
        return self._storage.persons.get((app, external_id))

    def put(self, new: Person, old: Person | None) -> None:
        """Store `new` where `old` was read. Raises Stale."""
        with self._storage.lock:
            stored = self.get(new.app, new.external_id)
            if (stored and stored.revision) != (old and old.revision):
                raise Stale
            self._storage.persons[new.app, new.external_id] = new

    def remove(self, app: AppId, external_id: str) -> None:
        """Remove the record, if there is one."""
        self._storage.persons.pop((app, external_id), None)

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Person]:
        """Who is subscribed, newest first. Raises MalformedCursor."""
        with self._storage.lock:
            mine = [one for one in self._storage.persons.values() if one.app == app and one.subscribed]
        return page(mine, lambda one: place(one.created_at, one.id), limit, cursor)


class MemoryInbox:
    """The Inbox port; its notes are those of the stored sends."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def notes(self, app: AppId, person: str, limit: int) -> Sequence[Note]:
        """The newest notes of a person, newest first."""
        now = self._clock.now()
        with self._storage.lock:
            mine = [one for one in self._storage.notes.values() if (one.app, one.person) == (app, person)]
        kept = [one for one in mine if one.created_at + NOTE_SECONDS > now]
        return sorted(kept, key=lambda one: (one.created_at, one.send), reverse=True)[:limit]

    def mark_read(self, app: AppId, person: str, created_at: int, send: SendId, at: int) -> bool:
        """Note when it was read; False if it was read before or is not there."""
        with self._storage.lock:
            note = self._storage.notes.get((app, person, send))
            if note is None or (note.created_at, note.read_at) != (created_at, 0):
                return False
            self._storage.notes[app, person, send] = replace(note, read_at=at)
            return True

    def clear(self, app: AppId, person: str) -> None:
        """Remove all notes of a person."""
        with self._storage.lock:
            for name, note in list(self._storage.notes.items()):
                if (note.app, note.person) == (app, person):
                    del self._storage.notes[name]


class MemoryCodes:
    """The Codes port."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def live(self, app: AppId, person: str) -> EnrolmentCode | None:
        """The code of a person that may be used again and again, or None."""
        return next((one for one in self._of(app, person) if not one.once), None)

    def find(self, digest: str) -> EnrolmentCode | None:
        """The code with this digest, used or not, or None."""
        found = self._storage.codes.get(digest)
        return None if found is None or found.expires_at <= self._clock.now() else found

    def add(self, code: EnrolmentCode) -> None:
        """Store a code. Raises Stale: another one is live."""
        with self._storage.lock:
            if not code.once and self.live(code.app, code.person) is not None:
                raise Stale
            self._storage.codes[code.digest] = code

    def use(self, code: EnrolmentCode) -> bool:
        """Note that a code for one device was used."""
        with self._storage.lock:
            found = self._storage.codes.get(code.digest)
            if found is None or found.used:
                return False
            self._storage.codes[code.digest] = replace(found, used=True)
            return True

    def revoke(self, app: AppId, person: str) -> int:
        """Remove all codes of a person."""
        with self._storage.lock:
            found = self._of(app, person)
            for one in found:
                del self._storage.codes[one.digest]
            return len(found)

    def _of(self, app: AppId, person: str) -> list[EnrolmentCode]:
        now = self._clock.now()
        return [
            one
            for one in self._storage.codes.values()
            if (one.app, one.person) == (app, person) and one.expires_at > now
        ]
