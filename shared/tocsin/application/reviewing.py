"""Looking at the sends of an app that came in through one API."""

from collections.abc import Sequence

from tocsin.application.ports import Sends
from tocsin.application.settling import Progress, Settling
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.tenancy import DialectName


class Reviewing:
    """Tells how sends are going, without all that sending itself needs."""

    def __init__(self, sends: Sends, settling: Settling) -> None:
        self._sends = sends
        self._settling = settling

    def send(self, app: AppId, dialect: DialectName, send_id: SendId) -> Progress | None:
        """How far a send came; None: there is none, or it did not come in through this API by itself."""
        found = self._sends.get(app, send_id)
        return None if found is None or found.source != dialect else self._settling.progress(found)

    def sends(
        self, app: AppId, dialect: DialectName, limit: int, cursor: str | None
    ) -> tuple[Sequence[Progress], str | None]:
        """A page of sends, newest first, and the cursor of the next one. Raises MalformedCursor."""
        page = self._sends.listed(app, [dialect], limit, cursor)
        return [self._settling.progress(send) for send in page.items], page.cursor
