"""FCM HTTP v1: devices that are reached by a registration token instead of a Web Push subscription.

A token stands where a subscription has its endpoint, as `fcm:<token>`: no URL that anything could be led to.
"""

import re

from tocsin.webpush.origins import Endpoint, InvalidEndpoint, PushService
from tocsin.webpush.outcome import Outcome, PushResponse, Verdict, judge
from tocsin.webpush.request import PushHeaders

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
NO_RETRY_AFTER = 60
"""Seconds to wait where FCM throttles without saying how long (its documentation, "Throttling and quotas")."""
SCHEME = "fcm:"
_TOKEN = re.compile(r"[A-Za-z0-9_:%.-]{1,4096}", re.ASCII)
_CODE = re.compile(rb'"errorCode"\s*:\s*"([A-Z_]{1,40})"')
_STATUS = re.compile(rb'"status"\s*:\s*"([A-Z_]{1,40})"')
_OF_THE_TOKEN = re.compile(rb"registration token|message\.token")
_FIELD = re.compile(rb'"field"\s*:\s*"')
_UNREGISTERED, _NO_APNS_KEY, _OF_ANOTHER_SENDER = "UNREGISTERED", "THIRD_PARTY_AUTH_ERROR", "SENDER_ID_MISMATCH"


def is_token(endpoint: str) -> bool:
    """Whether this stands for a registration token."""
    return endpoint.startswith(SCHEME)


def token_in(endpoint: str) -> str:
    """The registration token. Raises InvalidEndpoint."""
    token = endpoint.removeprefix(SCHEME)
    if not is_token(endpoint) or not _TOKEN.fullmatch(token):
        raise InvalidEndpoint("the registration token is malformed")
    return token


def token_endpoint(endpoint: str, app: str) -> Endpoint:
    """Where a token's device is reached; each app has its own project, and so its own pace. Raises InvalidEndpoint."""
    token_in(endpoint)
    return Endpoint(endpoint, f"{SCHEME}{app}", PushService.FCM_V1)


def send_url(project: str) -> str:
    """Where messages for a project's devices go."""
    return f"https://fcm.googleapis.com/v1/projects/{project}/messages:send"


def headers_of(access_token: str) -> PushHeaders:
    """The headers of a message. Raises UnsafeRequest."""
    return PushHeaders(("Authorization", f"Bearer {access_token}"), ("Content-Type", "application/json"))


def judge_fcm(response: PushResponse, now: int) -> Verdict:
    """Tell what an answer means, with FCM's own word for it where it has one. Total: never raises.

    https://firebase.google.com/docs/cloud-messaging/error-codes
    """
    plain = judge(PushService.FCM_V1, response, now)
    if plain.outcome is Outcome.ACCEPTED:
        return plain
    code = _word(_CODE, response.body)
    reason = code or _word(_STATUS, response.body) or plain.reason
    match response.status:
        case 400:
            return _of_argument(response.body, reason)
        # Another sender's device fails alone: whoever may register one must not be able to hold up all others.
        case 401 | 403 if code in {_NO_APNS_KEY, _OF_ANOTHER_SENDER}:
            return Verdict(Outcome.REJECTED, reason, None)
        case 404 if code != _UNREGISTERED:
            # It is the project that is not there, and no device may be lost by that.
            return Verdict(Outcome.FORBIDDEN, reason, None)
        case 429 if plain.retry_after is None:
            return Verdict(Outcome.THROTTLED, reason, NO_RETRY_AFTER)
        case _:
            return Verdict(plain.outcome, reason, plain.retry_after)


def _of_argument(body: bytes, reason: str) -> Verdict:
    """A refused request: for its token, for a field that is named, or for what FCM does not name: the size."""
    if _OF_THE_TOKEN.search(body):
        return Verdict(Outcome.GONE, f"{reason} token", None)
    if _FIELD.search(body):
        return Verdict(Outcome.REJECTED, f"{reason} field", None)
    return Verdict(Outcome.TOO_LARGE, reason, None)


def _word(pattern: re.Pattern[bytes], body: bytes) -> str | None:
    found = pattern.search(body)
    return found[1].decode("ascii") if found else None
