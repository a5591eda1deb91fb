"""Handing the whole of a message that was too long to the service worker that was sent a preview (X-6)."""

from tocsin.application.ports import Act, Acts, Clock, Sends
from tocsin.domain.derivation import Derivation
from tocsin.domain.document import whole
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId
from tocsin.domain.place_token import place_in
from tocsin.domain.send import Course
from tocsin.domain.tenancy import App


class Fetching:
    """Gives each recipient the whole message once, until the send's TTL ends."""

    def __init__(self, sends: Sends, acts: Acts, derivation: Derivation, clock: Clock) -> None:
        self._sends = sends
        self._acts = acts
        self._derivation = derivation
        self._clock = clock

    def message(self, app: App, send: SendId, token: str) -> bytes:
        """The whole document (JSON). send, token: as the preview named them, so they may be anything.

        Raises Refused: NOT_FOUND for what is no token of this app and send, SPENT for one that was used or is over.
        """
        place = place_in(self._derivation.fetch_secret(app.id), send, token)
        if place is None:
            raise Refused(Fault.NOT_FOUND, "Message not found")
        found = self._sends.get(app.id, send)
        if (
            found is None
            or self._clock.now() >= found.expires_at
            or found.course is Course.CANCELLED
            # Before the answer, which may get lost: then the preview is shown, and never is a message given out twice.
            or not self._acts.first(app.id, send, *place, Act.FETCHED)
        ):
            raise Refused(Fault.SPENT, "This message was fetched before, or its time is over")
        return whole(found.notification, found.id, found.site_url).to(None)
