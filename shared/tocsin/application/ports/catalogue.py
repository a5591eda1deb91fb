"""What an app's owner makes and keeps: campaigns, templates, segments, flows."""

from typing import Generic, Protocol, TypeVar

from tocsin.application.ports.surroundings import Page
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId


class Kept(Protocol):
    """What a catalogue can keep. revision: 0 when it is new, one more with each change."""

    @property
    def id(self) -> str: ...
    @property
    def app(self) -> AppId: ...
    @property
    def created_at(self) -> int: ...
    @property
    def revision(self) -> int: ...


Entry = TypeVar("Entry", bound=Kept)


class Catalogue(Protocol, Generic[Entry]):
    """All things of one kind. A change comes with its audit entry, in one step."""

    def get(self, app: AppId, name: str) -> Entry | None:
        """The one with this id, or None. A consistent read."""

    def put(self, new: Entry, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read. Raises Stale."""

    def remove(self, known: Entry, audit: AuditEntry | None = None) -> None:
        """Remove it as it was read. Raises Stale."""

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Entry]:
        """Newest first; may lag a moment. A page of large ones may be shorter than asked. Raises MalformedCursor."""
