"""Clicks, as the service workers of browsers report them: a note is read, and the app is told."""

from tocsin.application.ports import Act, Acts, Chunks, Clock, Events, Inbox, Sends, Subscriptions
from tocsin.application.receipts import click
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId
from tocsin.domain.place_token import place_in
from tocsin.domain.send import Send
from tocsin.domain.tenancy import App


class Clicking:
    """Notes the first click of each recipient."""

    def __init__(
        self,
        sends: Sends,
        chunks: Chunks,
        subscriptions: Subscriptions,
        acts: Acts,
        inbox: Inbox,
        events: Events,
        derivation: Derivation,
        clock: Clock,
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._acts = acts
        self._inbox = inbox
        self._events = events
        self._derivation = derivation
        self._clock = clock

    def clicked(self, app: App, send: SendId, token: str) -> None:
        """Note a click; again changes nothing. send, token: as the message named them, so they may be anything.

        Raises Refused: NOT_FOUND for what is no token of this app and send.
        """
        place = place_in(self._derivation.click_secret(app.id), send, token)
        found = None if place is None else self._sends.get(app.id, send)
        if place is None or found is None:
            raise Refused(Fault.NOT_FOUND, "Message not found")
        now = int(self._clock.now())
        if found.inbox is not None:  # again is harmless, so what fails after this may be reported once more
            self._inbox.mark_read(app.id, found.inbox, found.created_at, found.id, now)
        if not self._acts.first(app.id, found.id, *place, Act.CLICKED):
            return
        if found.traced and app.hooks:
            self._tell(found, *place, now)

    def _tell(self, send: Send, chunk: int, index: int, at: int) -> None:
        frozen = self._chunks.frozen(send.app, send.id, chunk)
        if frozen is not None:
            id_ = frozen.ids[index]
            self._events.emit([click(send, chunk, index, id_, self._subscriptions.get(send.app, id_), at)])
