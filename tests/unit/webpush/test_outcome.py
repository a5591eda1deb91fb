"""What each push service's answer means: one test a cell of the table of statuses."""

import json
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.origins import PushService
from tocsin.webpush.outcome import MAX_RETRY_AFTER, Outcome, PushResponse, Verdict, judge

NOW = 1_800_000_000
APPLE, FCM, MOZILLA, WNS = PushService.APPLE, PushService.FCM, PushService.MOZILLA, PushService.WNS
ACCEPTED, GONE, THROTTLED, REJECTED = Outcome.ACCEPTED, Outcome.GONE, Outcome.THROTTLED, Outcome.REJECTED
UNAUTHORIZED, FORBIDDEN, TOO_LARGE = Outcome.UNAUTHORIZED, Outcome.FORBIDDEN, Outcome.TOO_LARGE
UNAVAILABLE = Outcome.UNAVAILABLE

MISMATCH_TEXT = (
    "the VAPID credentials in the authorization header do not correspond "
    "to the credentials used to create the subscriptions."
)
CONFLICT = "Ttl value conflicts with X-WNS-Cache-Policy."


def verdict(service: PushService, status: int, says: str = "", **headers: str) -> Verdict:
    """Judge an answer in which `says` stands where that service puts its word."""
    body = says.encode()
    if service is APPLE and says:
        body = json.dumps({"reason": says, "timestamp": 1}).encode()
    if service is MOZILLA and says:
        body = json.dumps({"code": status, "errno": int(says), "error": "e", "message": "m", "more_info": "h"}).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(service, PushResponse(status, names, body), NOW)


CELLS: list[tuple[PushService, int, str, Outcome, str]] = [
    # accepted
    *(
        (service, status, "", ACCEPTED, f"status {status}")
        for service in PushService
        for status in (200, 201, 202, 204)
    ),
    # redirects are not followed
    *(
        (service, status, "", REJECTED, f"status {status}")
        for service in PushService
        for status in (301, 302, 303, 307, 308)
    ),
    # 400
    *(
        (APPLE, 400, word, REJECTED, word)
        for word in ("BadTtl", "BadUrgency", "BadWebPushTopic", "BadWebPushRequest", "BadAuthorizationHeader")
    ),
    (APPLE, 400, "VapidPkHashMismatch", FORBIDDEN, "VapidPkHashMismatch"),
    (FCM, 400, "", REJECTED, "status 400"),
    (FCM, 400, "UnauthorizedRegistration", REJECTED, "UnauthorizedRegistration"),
    *((MOZILLA, 400, str(n), REJECTED, f"errno {n}") for n in (101, 108, 110, 111, 112, 113, 114)),
    # 401
    (FCM, 401, "", UNAUTHORIZED, "status 401"),
    (FCM, 401, "<title>UnauthorizedRegistration</title>", UNAUTHORIZED, "UnauthorizedRegistration"),
    (MOZILLA, 401, "109", UNAUTHORIZED, "errno 109"),
    (WNS, 401, "", UNAUTHORIZED, "status 401"),
    # 403
    *(
        (APPLE, 403, w, FORBIDDEN, w)
        for w in ("BadJwtToken", "BadVapidPublicKey", "VapidPkHashMismatch", "BadAuthorizationHeader")
    ),
    (FCM, 403, MISMATCH_TEXT, FORBIDDEN, "VapidKeyMismatch"),
    (FCM, 403, "invalid JWT provided", FORBIDDEN, "status 403"),
    (WNS, 403, "", FORBIDDEN, "status 403"),
    # 404 and 410
    (APPLE, 404, "BadPath", GONE, "BadPath"),
    (FCM, 404, "", GONE, "status 404"),
    (FCM, 404, "A valid push subscription endpoint should be specified: NotRegistered", GONE, "NotRegistered"),
    (MOZILLA, 404, "102", GONE, "errno 102"),
    (WNS, 404, "", GONE, "status 404"),
    (APPLE, 410, "Unregistered", GONE, "Unregistered"),
    (FCM, 410, "push subscription has unsubscribed or expired.", GONE, "NotRegistered"),
    *((MOZILLA, 410, str(n), GONE, f"errno {n}") for n in (103, 105, 106)),
    (WNS, 410, "", GONE, "status 410"),
    # 406 and 429
    (WNS, 406, "", THROTTLED, "status 406"),
    (APPLE, 429, "TooManyRequests", THROTTLED, "TooManyRequests"),
    *((service, 429, "", THROTTLED, "status 429") for service in PushService),
    # 413
    (APPLE, 413, "PayloadTooLarge", TOO_LARGE, "PayloadTooLarge"),
    (FCM, 413, "", TOO_LARGE, "status 413"),
    (MOZILLA, 413, "104", TOO_LARGE, "errno 104"),
    (WNS, 413, "", TOO_LARGE, "status 413"),
    # 5xx
    (APPLE, 500, "InternalServerError", UNAVAILABLE, "InternalServerError"),
    (MOZILLA, 500, "999", UNAVAILABLE, "errno 999"),
    *((MOZILLA, 502, str(n), UNAVAILABLE, f"errno {n}") for n in (900, 901, 902, 903)),
    (APPLE, 503, "ServiceUnavailable", UNAVAILABLE, "ServiceUnavailable"),
    (APPLE, 503, "Shutdown", UNAVAILABLE, "Shutdown"),
    (MOZILLA, 503, "201", UNAVAILABLE, "errno 201"),
    (MOZILLA, 503, "202", UNAVAILABLE, "errno 202"),
    *(
        (service, status, "", UNAVAILABLE, f"status {status}")
        for service in PushService
        for status in (500, 502, 503, 504)
    ),
    # not in anybody's table
    *((FCM, status, "", REJECTED, f"status {status}") for status in (402, 405, 411, 415, 418, 451)),
    *((FCM, status, "", UNAVAILABLE, f"status {status}") for status in (408, 425, 501, 505, 529, 599, 600, 999)),
]


@pytest.mark.parametrize(("service", "status", "says", "outcome", "reason"), CELLS)
def test_each_answer_has_one_meaning(
    service: PushService, status: int, says: str, outcome: Outcome, reason: str
) -> None:
    found = verdict(service, status, says)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "reason"),
    [
        (201, {"x_wns_notificationstatus": "received", "x_wns_status": "received"}, ACCEPTED, "status 201"),
        (201, {"x_wns_notificationstatus": "dropped"}, ACCEPTED, "dropped"),
        (200, {"x_wns_notificationstatus": "channelthrottled"}, ACCEPTED, "channelthrottled"),
        (400, {"x_wns_status": "dropped", "x_wns_error_description": CONFLICT}, REJECTED, CONFLICT),
        (400, {"x_wns_notificationstatus": "dropped"}, REJECTED, "dropped"),
        (406, {"x_wns_status": "appthrottled", "x_wns_notificationstatus": "dropped"}, THROTTLED, "appthrottled"),
        (406, {"x_wns_status": "channelthrottled"}, THROTTLED, "channelthrottled"),
        (410, {"x_wns_error_description": "The channel has expired"}, GONE, "The channel has expired"),
        (403, {"x_wns_error_description": "see https://example.com/?token=secret"}, FORBIDDEN, "status 403"),
        (403, {"x_wns_error_description": "a\r\nb", "x_wns_status": "x" * 81}, FORBIDDEN, "status 403"),
    ],
)
def test_wns_speaks_in_headers(status: int, headers: dict[str, str], outcome: Outcome, reason: str) -> None:
    found = verdict(WNS, status, **headers)
    assert (found.outcome, found.reason) == (outcome, reason)


def test_a_word_is_found_in_a_body_that_was_cut_at_one_kibibyte() -> None:
    body = b'{"code":410,"errno":106,"message":"' + b"x" * 1000
    assert judge(MOZILLA, PushResponse(410, {}, body), NOW).reason == "errno 106"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"reason":5}', b'{"reason":"two words"}', b'{"reason":"' + b"a" * 65 + b'"}', b"\xff\xfe"],
)
def test_a_body_that_says_nothing_usable_leaves_the_status(body: bytes) -> None:
    assert judge(APPLE, PushResponse(403, {}, body), NOW) == Verdict(FORBIDDEN, "status 403", None)


def test_a_number_that_is_no_errno_of_autopush_is_not_cut_to_one() -> None:
    assert judge(MOZILLA, PushResponse(503, {}, b'{"errno": 20299}'), NOW).reason == "status 503"


def test_an_errno_inside_a_quoted_message_is_not_one() -> None:
    body = json.dumps({"message": 'said "errno": 202 today'}).encode()
    assert judge(MOZILLA, PushResponse(503, {}, body), NOW).reason == "status 503"


def http_date(offset: int) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + offset, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        ("120", 120),
        (" 900 ", 900),
        ("3600", 3600),
        ("3601", MAX_RETRY_AFTER),
        ("999999999", MAX_RETRY_AFTER),
        ("9" * 5000, MAX_RETRY_AFTER),
        ("-1", 0),
        ("-" + "9" * 5000, 0),
        (http_date(90), 90),
        (http_date(0), 0),
        (http_date(-500), 0),
        (http_date(86400), MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Friday, 15-Jan-27 08:01:30 GMT", 90),
        ("Fri Jan 15 08:01:30 2027", 90),
        ("", None),
        ("soon", None),
        ("1.5", None),
        ("1e400", None),
        ("120, 240", None),
        ("٣", None),
        ("Fri, 99 Foo 2027 08:00:00 GMT", None),
        ("Fri, 15 Jan 2027 08:01:30 +9999999", None),
    ],
)
@pytest.mark.parametrize(("service", "status"), [(FCM, 429), (APPLE, 503), (WNS, 406), (MOZILLA, 500)])
def test_retry_after_in_seconds_or_as_a_date_within_an_hour(
    service: PushService, status: int, value: str, seconds: int | None
) -> None:
    assert verdict(service, status, retry_after=value).retry_after == seconds


def test_a_date_without_a_zone_is_in_utc_wherever_this_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert verdict(FCM, 429, retry_after="Fri Jan 15 08:01:30 2027").retry_after == 90
    finally:
        monkeypatch.undo()
        time.tzset()


def test_mozilla_allows_one_immediate_retry() -> None:
    assert verdict(MOZILLA, 503, "202").retry_after == 0
    assert verdict(MOZILLA, 503, "202", retry_after="120").retry_after == 120
    assert verdict(MOZILLA, 503, "201").retry_after is None


@pytest.mark.parametrize("status", [201, 301, 400, 401, 403, 404, 410, 413])
def test_a_wait_means_nothing_where_nothing_is_retried(status: int) -> None:
    assert verdict(FCM, status, retry_after="60").retry_after is None


WORDS = st.text(max_size=60) | st.sampled_from(["120", "-5", http_date(5), "received", "dropped"])
NAMES = ("retry-after", "x-wns-status", "x-wns-notificationstatus", "x-wns-error-description")


@given(
    st.sampled_from(PushService),
    st.integers(0, 1000),
    st.dictionaries(st.sampled_from(NAMES), WORDS),
    st.binary(max_size=200),
)
def test_no_answer_breaks_the_judge(service: PushService, status: int, headers: dict[str, str], body: bytes) -> None:
    found = judge(service, PushResponse(status, headers, body), NOW)
    assert 1 <= len(found.reason) <= 80
    assert found.reason.isascii()
    assert found.reason.isprintable()
    assert found.retry_after is None or 0 <= found.retry_after <= MAX_RETRY_AFTER
