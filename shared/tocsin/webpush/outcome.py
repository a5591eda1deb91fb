"""What a push service's answer means for the message and for the subscription."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from tocsin.webpush.origins import PushService

# A wait that is longer is cut: a service that errs must not park a send for days.
MAX_RETRY_AFTER = 3600


class Outcome(StrEnum):
    """What follows from an answer, as far as the protocol goes."""

    ACCEPTED = "accepted"  # taken over by the push service; not yet shown to anybody
    GONE = "gone"  # the subscription is dead: drop it
    THROTTLED = "throttled"  # wait, then try again
    REJECTED = "rejected"  # this message will never be taken; the subscription stays
    UNAUTHORIZED = "unauthorized"  # a new token and one retry
    FORBIDDEN = "forbidden"  # the VAPID key or its token is wrong here; no retry
    TOO_LARGE = "too_large"  # the body is over this service's limit
    UNAVAILABLE = "unavailable"  # the service is in trouble: try again later


@dataclass(frozen=True, slots=True)
class PushResponse:
    """An answer: header names in lower case, the first 1 KiB of the body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome; the service's own word for it or `status <n>`; seconds to wait (0-3600) if it asked for a wait."""

    outcome: Outcome
    reason: str
    retry_after: int | None


_RETRIED = {Outcome.THROTTLED, Outcome.UNAVAILABLE}
_APPLE_REASON = re.compile(rb'"reason"\s*:\s*"([A-Za-z]{1,64})"')
_AUTOPUSH_ERRNO = re.compile(rb'"errno"\s*:\s*([0-9]{1,4})(?![0-9])')
_RETRY_AT_ONCE = "errno 202"  # autopush: the client may repeat the request immediately
_WNS_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,_()'-]{0,79}", re.ASCII)
_FCM_PHRASES = (
    (b"UnauthorizedRegistration", "UnauthorizedRegistration"),
    (b"NotRegistered", "NotRegistered"),
    (b"unsubscribed or expired", "NotRegistered"),
    (b"do not correspond", "VapidKeyMismatch"),
)
_SECONDS = re.compile(r"[+-]?[0-9]+", re.ASCII)


def judge(service: PushService, response: PushResponse, now: int) -> Verdict:
    """Tell what an answer means; `now` (Unix seconds) is for a Retry-After that is a date. Total: never raises."""
    if response.status in _PLAINLY_ACCEPTED and service is not PushService.WNS:
        return _PLAINLY_ACCEPTED[response.status]
    reason = _reason(service, response) or f"status {response.status}"
    outcome = _outcome(response.status)
    if reason == "VapidPkHashMismatch":  # Apple sends it with 400 as well as with 403
        outcome = Outcome.FORBIDDEN
    retry_after = None
    if outcome in _RETRIED:
        retry_after = _retry_after(response.headers.get("retry-after"), now)
        if retry_after is None and reason == _RETRY_AT_ONCE:
            retry_after = 0
    return Verdict(outcome, reason, retry_after)


# Nearly all answers: none of these services adds anything to them.
_PLAINLY_ACCEPTED = {status: Verdict(Outcome.ACCEPTED, f"status {status}", None) for status in (200, 201, 202, 204)}
_BY_STATUS = {
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    404: Outcome.GONE,
    406: Outcome.THROTTLED,  # WNS throttles with 406
    408: Outcome.UNAVAILABLE,
    410: Outcome.GONE,
    413: Outcome.TOO_LARGE,
    425: Outcome.UNAVAILABLE,
    429: Outcome.THROTTLED,
}


def _outcome(status: int) -> Outcome:
    if known := _BY_STATUS.get(status):
        return known
    match status // 100:
        case 2:
            return Outcome.ACCEPTED
        case 3 | 4:  # a redirect is never followed: endpoints are checked against the known push services
            return Outcome.REJECTED
        case _:
            return Outcome.UNAVAILABLE


def _reason(service: PushService, response: PushResponse) -> str | None:
    match service:
        case PushService.APPLE:
            found = _APPLE_REASON.search(response.body)
            return found[1].decode("ascii") if found else None
        case PushService.MOZILLA:
            found = _AUTOPUSH_ERRNO.search(response.body)
            return f"errno {int(found[1])}" if found else None
        case PushService.FCM:
            return next((word for phrase, word in _FCM_PHRASES if phrase in response.body), None)
        case PushService.WNS:
            return _wns_reason(response)
        case PushService.FCM_V1:
            return None  # see tocsin.webpush.fcm


def _wns_reason(response: PushResponse) -> str | None:
    """Find the word in WNS's headers; its bodies are empty. A 2xx that was dropped is still accepted, but says so."""
    status = response.headers.get("x-wns-status", "")
    notification = response.headers.get("x-wns-notificationstatus", "")
    description = response.headers.get("x-wns-error-description", "")
    match _outcome(response.status):
        case Outcome.ACCEPTED:
            words = ["" if notification == "received" else notification]
        case Outcome.THROTTLED:
            words = [status, notification, description]
        case _:
            words = [description, status, notification]
    return next((word for word in words if _WNS_WORD.fullmatch(word)), None)


def _retry_after(value: str | None, now: int) -> int | None:
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        # Nine digits are past the cap already, and int() refuses texts of thousands of digits.
        seconds = int(text) if len(text) <= 9 else (-1 if text[0] == "-" else MAX_RETRY_AFTER)  # noqa: PLR2004
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = int(date.replace(tzinfo=date.tzinfo or UTC).timestamp()) - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0), MAX_RETRY_AFTER)
