"""The plaintexts of a send's messages."""

from tocsin.application.jobs import Recipient
from tocsin.domain.derivation import Derivation
from tocsin.domain.document import EVENT_BYTES, Document, preview, whole
from tocsin.domain.notification import Notification, who_token
from tocsin.domain.place_token import Place, place_token
from tocsin.domain.send import Send


class Messages:
    """What each recipient of a send gets: the whole where it fits, else a preview that says how to fetch it."""

    def __init__(self, send: Send, derivation: Derivation) -> None:
        self._send = send
        self._who_secret = derivation.who_secret(send.app)
        self._fetch_secret = derivation.fetch_secret(send.app)
        self._event_secret = derivation.event_secret(send.app)
        self._whole = whole(send.notification, send.id, send.site_url, clicks_only=send.clicks_only)
        self._previews: dict[int, Document] = {}

    def plaintext(self, recipient: Recipient, place: Place, room: int) -> bytes:
        """What to encrypt for a recipient: at most `room` bytes (SMALLEST_ROOM or more). place: what tokens name."""
        who = None if recipient.external_id is None else who_token(self._who_secret, recipient.external_id)
        event = place_token(self._event_secret, self._send.id, place) if self._send.reports_events else None
        message = self._whole_for(recipient).to(who, event=event)
        if len(message) <= room:
            return message
        return self._preview_for(recipient, room).to(who, place_token(self._fetch_secret, self._send.id, place), event)

    def _whole_for(self, recipient: Recipient) -> Document:
        send = self._send
        if recipient.shown is None:
            return self._whole
        return whole(recipient.shown.notification, send.id, send.site_url, clicks_only=send.clicks_only)

    def _preview_for(self, recipient: Recipient, room: int) -> Document:
        if recipient.shown is not None:
            return self._preview(recipient.shown.notification, room)
        if room not in self._previews:
            self._previews[room] = self._preview(self._send.notification, room)
        return self._previews[room]

    def _preview(self, notification: Notification, room: int) -> Document:
        send = self._send
        left = room - (EVENT_BYTES if send.reports_events else 0)
        return preview(notification, send.id, send.site_url, left, clicks_only=send.clicks_only)
