"""What people read of what they were sent."""

from collections.abc import Sequence

from tocsin.application.ports import Clock, Inbox, Sends
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.note import Note

SHOWN = 100


class Reading:
    """The inbox of a person."""

    def __init__(self, inbox: Inbox, sends: Sends, clock: Clock) -> None:
        self._inbox = inbox
        self._sends = sends
        self._clock = clock

    def notes(self, app: AppId, person: str) -> Sequence[Note]:
        """The newest hundred, newest first."""
        return self._inbox.notes(app, person, SHOWN)

    def read(self, app: AppId, person: str, send_id: SendId) -> None:
        """Note that a person opened one; what was read before keeps its time. Raises Refused: NOT_FOUND."""
        send = self._sends.get(app, send_id)
        if send is None or send.inbox != person:
            raise Refused(Fault.NOT_FOUND, "Notification not found")
        self._inbox.mark_read(app, person, send.created_at, send.id, int(self._clock.now()))
