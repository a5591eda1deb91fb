"""Posting to the devices of an app's Firebase project, which are reached by registration tokens."""

from tocsin.application.fcm_access import FcmAccess, NoAccess
from tocsin.application.posting import Post, Unsent, ttl_left
from tocsin.application.targets import Target
from tocsin.domain.derivation import Derivation
from tocsin.domain.fcm_message import FcmMessage, fcm_message, fcm_preview
from tocsin.domain.place_token import place_token
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
        self._click_secret = derivation.click_secret(send.app)
        ttl = send.notification.ttl
        self._expires_at = send.created_at + ttl if ttl else 0  # by Apple's meaning: 0 is "now or never"
        self._headers: dict[str, PushHeaders] = {}
        self._messages: dict[tuple[int, int | None], FcmMessage] = {}

    def post(self, target: Target, place: tuple[int, int], now: float, *, short: bool) -> Post | Unsent:
        """The request to a device."""
        access = self._access.access(self._send.app)
        if isinstance(access, NoAccess):
            return Unsent(access.reason, access.until)
        room, whole, send = room_of(target.endpoint.service), self._whole(now), self._send.id
        if short:
            room = SMALLEST_ROOM
        message, fetch = whole, None
        if whole.payload > room:
            message, fetch = self._preview(now, room), place_token(self._fetch_secret, send, *place)
        click = place_token(self._click_secret, send, *place) if self._send.reports_clicks else None
        if access.token not in self._headers:
            self._headers[access.token] = headers_of(access.token)
        body = message.to(token_in(target.endpoint.url), fetch, click)
        request = PushRequest(send_url(access.project), self._headers[access.token], body)
        return Post(request, access.token, message.payload > SMALLEST_ROOM)

    def judge(self, _: Target, response: PushResponse, now: int, /) -> Verdict:
        """What an answer means."""
        return judge_fcm(response, now)

    def renew(self, signed: str) -> None:
        """Ask for another access token at once, so that nothing has to wait for it later."""
        self._access.renew(self._send.tenant, self._send.app, signed)

    def _whole(self, now: float) -> FcmMessage:
        send, ttl = self._send, ttl_left(self._send, now)
        if (ttl, None) not in self._messages:
            self._messages[ttl, None] = fcm_message(send.notification, send.id, send.site_url, ttl, self._expires_at)
        return self._messages[ttl, None]

    def _preview(self, now: float, room: int) -> FcmMessage:
        send, ttl = self._send, ttl_left(self._send, now)
        if (ttl, room) not in self._messages:
            self._messages[ttl, room] = fcm_preview(
                send.notification, send.id, send.site_url, ttl, self._expires_at, room
            )
        return self._messages[ttl, room]
