"""Handing the whole of a message that was too long to the service worker that was sent a preview (X-6)."""

from tocsin.application.audience import still_meant
from tocsin.application.ports import Chunks, Clock, Fetches, Sends, Subscriptions
from tocsin.domain.derivation import Derivation
from tocsin.domain.document import whole
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import Place, place_in
from tocsin.domain.send import Course, Send
from tocsin.domain.template import renderer_of
from tocsin.domain.tenancy import App


class Fetching:
    """Gives each recipient the whole message once, until the send's TTL ends."""

    def __init__(
        self,
        sends: Sends,
        chunks: Chunks,
        subscriptions: Subscriptions,
        fetches: Fetches,
        derivation: Derivation,
        clock: Clock,
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._fetches = fetches
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
            or (shown := self._shown(found, place)) is None
            # Before the answer, which may get lost: then the preview is shown, and never is a message given out twice.
            or not self._fetches.first(app.id, send, place.chunk, place.index)
        ):
            raise Refused(Fault.SPENT, "This message was fetched before, or its time is over")
        return whole(shown, found.id, found.site_url).to(None)

    def _shown(self, send: Send, place: Place) -> Notification | None:
        """What the recipient at this place is shown; None where a personal text is for somebody else by now."""
        renderer = renderer_of(send)
        if renderer is None:
            return send.notification
        frozen = self._chunks.frozen(send.app, send.id, place.chunk)
        one = None if frozen is None else self._subscriptions.get(send.app, frozen.ids[place.index])
        return renderer.to(one).notification if one is not None and still_meant(send, one) else None
