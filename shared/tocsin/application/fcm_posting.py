"""Posting to the devices of an app's Firebase project, which are reached by registration tokens."""

from tocsin.application.fcm_access import FcmAccess, NoAccess
from tocsin.application.jobs import Recipient
from tocsin.application.posting import Post, Unsent, ttl_left
from tocsin.application.targets import Target
from tocsin.domain.derivation import Derivation
from tocsin.domain.fcm_message import FcmMessage, fcm_message, fcm_preview
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import Place, place_token
from tocsin.domain.send import Send
from tocsin.webpush.fcm import headers_of, judge_fcm, send_url, token_in
from tocsin.webpush.outcome import PushResponse, Verdict
from tocsin.webpush.request import PushHeaders, PushRequest
from tocsin.webpush.room import SMALLEST_ROOM, room_of


class FcmPosting:
    """FCM HTTP v1, in the name of the app's service account. The access token has been looked after before."""

    def __init__(self, send: Send, access: FcmAccess, derivation: Derivation) -> None:
        self._send = send
        self._access = access
        self._fetch_secret = derivation.fetch_secret(send.app)
        self._event_secret = derivation.event_secret(send.app)
        self._headers: dict[str, PushHeaders] = {}
        self._messages: dict[tuple[int, int, int | None], FcmMessage] = {}

    def post(self, target: Target, place: tuple[int, int], now: float, *, short: bool) -> Post | Unsent:
        """The request to a device."""
        access = self._access.access(self._send.app)
        if isinstance(access, NoAccess):
            return Unsent(access.reason, access.until)
        room, whole, send = room_of(target.endpoint.service), self._message(target.recipient, now, None), self._send
        recipient = Place(*place, target.endpoint.service)
        if short:
            room = SMALLEST_ROOM
        message, fetch = whole, None
        if whole.payload > room:
            message = self._message(target.recipient, now, room)
            fetch = place_token(self._fetch_secret, send.id, recipient)
        event = place_token(self._event_secret, send.id, recipient) if send.reports_events else None
        if access.token not in self._headers:
            self._headers[access.token] = headers_of(access.token)
        body = message.to(token_in(target.endpoint.url), fetch, event)
        request = PushRequest(send_url(access.project), self._headers[access.token], body)
        return Post(request, access.token, message.payload > SMALLEST_ROOM)

    def judge(self, _: Target, response: PushResponse, now: int, /) -> Verdict:
        """What an answer means."""
        return judge_fcm(response, now)

    def renew(self, signed: str) -> None:
        """Ask for another access token at once, so that nothing has to wait for it later."""
        self._access.renew(self._send.tenant, self._send.app, signed)

    def _message(self, recipient: Recipient, now: float, room: int | None) -> FcmMessage:
        """The whole, or a preview where there is so much room."""
        life = self._life(now)
        if recipient.shown is not None:
            return self._made(recipient.shown.notification, *life, room)
        if (*life, room) not in self._messages:
            self._messages[*life, room] = self._made(self._send.notification, *life, room)
        return self._messages[*life, room]

    def _made(self, notification: Notification, ttl: int, end: int, room: int | None) -> FcmMessage:
        send = self._send
        if room is None:
            return fcm_message(notification, send.id, send.site_url, ttl, end, clicks_only=send.clicks_only)
        return fcm_preview(notification, send.id, send.site_url, ttl, end, room, clicks_only=send.clicks_only)

    def _life(self, now: float) -> tuple[int, int]:
        """The seconds that are left, and when they end (Unix seconds) by Apple's meaning: 0 is "now or never"."""
        ttl = ttl_left(self._send, now)
        return ttl, int(now) + ttl if self._send.notification.ttl else 0
