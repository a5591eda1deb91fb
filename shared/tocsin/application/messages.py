"""The plaintexts of a send's push messages."""

from tocsin.application.jobs import Recipient
from tocsin.domain.derivation import Derivation
from tocsin.domain.notification import payload, who_token
from tocsin.domain.send import Send
from tocsin.webpush.encryption import MAX_PLAINTEXT
from tocsin.webpush.origins import PushService

SMALLEST_ROOM = 2641


def room_of(service: PushService) -> int:
    """The most bytes of plaintext that a push service takes."""
    return MAX_PLAINTEXT


class Messages:
    """The plaintexts of one send, each made once."""

    def __init__(self, send: Send, derivation: Derivation) -> None:
        self._send = send
        self._secret = derivation.who_secret(send.app)
        self._payloads: dict[str | None, bytes] = {}

    def plaintext(self, recipient: Recipient, chunk: int, index: int, room: int) -> bytes:
        """The message for one recipient."""
        who = recipient.external_id
        if who not in self._payloads:
            token = None if who is None else who_token(self._secret, who)
            self._payloads[who] = payload(self._send.notification, self._send.id, self._send.site_url, token)
        return self._payloads[who]
