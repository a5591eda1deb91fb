"""The plaintexts of a send's messages."""

from tocsin.application.jobs import Recipient
from tocsin.domain.derivation import Derivation
from tocsin.domain.document import CLICK_BYTES, Document, preview, whole
from tocsin.domain.notification import who_token
from tocsin.domain.place_token import place_token
from tocsin.domain.send import Send


class Messages:
    """What each recipient of a send gets: the whole where it fits, else a preview that says how to fetch it."""

    def __init__(self, send: Send, derivation: Derivation) -> None:
        self._send = send
        self._who_secret = derivation.who_secret(send.app)
        self._fetch_secret = derivation.fetch_secret(send.app)
        self._click_secret = derivation.click_secret(send.app)
        self._whole = whole(send.notification, send.id, send.site_url)
        self._previews: dict[int, Document] = {}

    def plaintext(self, recipient: Recipient, chunk: int, index: int, room: int) -> bytes:
        """What to encrypt for a recipient: at most `room` bytes (SMALLEST_ROOM or more).

        chunk, index: the recipient's place in the send, which a token names.
        """
        who = None if recipient.external_id is None else who_token(self._who_secret, recipient.external_id)
        click = place_token(self._click_secret, self._send.id, chunk, index) if self._send.reports_clicks else None
        message = self._whole.to(who, click=click)
        if len(message) <= room:
            return message
        if room not in self._previews:
            send = self._send
            left = room - (CLICK_BYTES if send.reports_clicks else 0)
            self._previews[room] = preview(send.notification, send.id, send.site_url, left)
        return self._previews[room].to(who, place_token(self._fetch_secret, self._send.id, chunk, index), click)
