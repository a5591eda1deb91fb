"""How a recipient is posted to: what to send, what the answer means, and what to do when it was refused for its key."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tocsin.application.messages import Messages
from tocsin.application.signing import Signing
from tocsin.application.targets import Target
from tocsin.domain.derivation import Derivation
from tocsin.domain.place_token import Place
from tocsin.domain.send import Origin, Send
from tocsin.webpush.encryption import encrypt
from tocsin.webpush.message import PushMessage, topic_of
from tocsin.webpush.origins import PushService
from tocsin.webpush.outcome import PushResponse, Verdict, judge
from tocsin.webpush.request import PushHeaders, PushRequest, headers_of
from tocsin.webpush.room import SMALLEST_ROOM, room_of

NO_KEY = "no such VAPID key"


class Post(NamedTuple):
    """A request, and what it is signed with. long: whether it could be made shorter."""

    request: PushRequest
    signed: str
    long: bool


@dataclass(frozen=True, slots=True)
class Unsent:
    """Why there is nothing to post. until: Unix seconds, when it is worth another try; None: it is not."""

    reason: str
    until: int | None = None


class Posting(Protocol):
    """One way to reach recipients of a send. place: chunk and index of the recipient, which tokens name."""

    def post(self, target: Target, place: tuple[int, int], now: float, *, short: bool) -> Post | Unsent:
        """The request to a recipient. short: in no more than SMALLEST_ROOM."""

    def judge(self, target: Target, response: PushResponse, now: int, /) -> Verdict:
        """What an answer means."""

    def renew(self, signed: str) -> None:
        """What the next post is signed with must be another than this, which was refused. Never raises."""


def ttl_left(send: Send, now: float) -> int:
    """The seconds that a push service may keep the message: a retry is late (RFC 8030 section 5.2).

    A campaign may have rested for days, so its time counts from each POST.
    """
    ttl = send.notification.ttl
    return ttl if send.origin is Origin.CAMPAIGN else max(0, ttl - (int(now) - send.created_at))


class WebPosting:
    """Web Push: encrypted for the user agent, signed with the VAPID key that it subscribed under."""

    def __init__(self, send: Send, signing: Signing, derivation: Derivation) -> None:
        self._send = send
        self._signing = signing
        self._topic = topic_of(send.notification.tag or send.id)
        self._messages = Messages(send, derivation)
        self._headers: dict[tuple[PushService, str, int], PushHeaders] = {}

    def post(self, target: Target, place: tuple[int, int], now: float, *, short: bool) -> Post | Unsent:
        """The request to a recipient."""
        send, recipient, service = self._send, target.recipient, target.endpoint.service
        authorization = self._signing.authorization(
            send.tenant, send.app, recipient.vapid_key, send.contact, target.endpoint.origin, int(now)
        )
        if authorization is None or recipient.keys is None:
            return Unsent(NO_KEY)
        plaintext = self._messages.plaintext(
            recipient, Place(*place, service), SMALLEST_ROOM if short else room_of(service)
        )
        headers = self._headers_for(service, authorization, now)
        request = PushRequest(target.endpoint.url, headers, encrypt(plaintext, recipient.keys))
        return Post(request, authorization, len(plaintext) > SMALLEST_ROOM)

    def judge(self, target: Target, response: PushResponse, now: int, /) -> Verdict:
        """What an answer means."""
        return judge(target.endpoint.service, response, now)

    def renew(self, signed: str) -> None:
        """Sign anew next time."""
        self._signing.forget(signed)

    def _headers_for(self, service: PushService, authorization: str, now: float) -> PushHeaders:
        ttl = ttl_left(self._send, now)
        known = self._headers.get((service, authorization, ttl))
        if known is None:
            message = PushMessage(ttl, self._send.notification.urgency, self._topic)
            known = self._headers[service, authorization, ttl] = headers_of(service, message, authorization)
        return known
