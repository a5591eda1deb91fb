"""The people whom apps know by names of their own, what they were sent, and the codes that bring their devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.ports.surroundings import Page
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.note import Note
from tocsin.domain.person import Person


class Persons(Protocol):
    """The records of people, found right after a write by the external id."""

    def get(self, app: AppId, external_id: str) -> Person | None:
        """The person, or None."""

    def put(self, new: Person, old: Person | None) -> None:
        """Store `new` where `old` was read (None: where nothing was). Raises Stale: somebody else wrote in between."""

    def remove(self, app: AppId, external_id: str) -> None:
        """Remove the record, if there is one."""

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Person]:
        """Who is subscribed, newest first; may lag a moment behind. Raises MalformedCursor."""


class Inbox(Protocol):
    """The notes that sends leave with a person, for 90 days. A send stores its own (`Sends.reserve`)."""

    def notes(self, app: AppId, person: str, limit: int) -> Sequence[Note]:
        """The newest notes of a person, newest first."""

    def mark_read(self, app: AppId, person: str, created_at: int, send: SendId, at: int) -> bool:
        """Note when it was read; False, and no change, if it was read before or is not there."""

    def clear(self, app: AppId, person: str) -> None:
        """Remove all notes of a person."""


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """What is kept of a code that enrols devices under a person's name. digest: hex SHA-256 of its text.

    seed: what the text follows from. once: it enrols one device only. used: it has done so. expires_at: Unix seconds.
    """

    app: AppId
    person: str
    digest: str
    seed: str
    expires_at: int
    once: bool = False
    used: bool = False


class Codes(Protocol):
    """Enrolment codes. What has expired counts as absent."""

    def live(self, app: AppId, person: str) -> EnrolmentCode | None:
        """The code of a person that may be used again and again, or None."""

    def find(self, digest: str) -> EnrolmentCode | None:
        """The code with this digest, used or not, or None."""

    def add(self, code: EnrolmentCode) -> None:
        """Store a code, as the live one unless it is for one device. Raises Stale: another one is live by now."""

    def use(self, code: EnrolmentCode) -> bool:
        """Note that a code for one device was used; False, and no change, if it was before or is gone."""

    def revoke(self, app: AppId, person: str) -> int:
        """Remove all codes of a person; how many there were."""
