"""FCM HTTP v1: registration tokens, and what each answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.firebase import PROJECT, refusal, token
from tests.memory.transport import Reply
from tocsin.webpush.fcm import NO_RETRY_AFTER, headers_of, is_token, judge_fcm, send_url, token_endpoint, token_in
from tocsin.webpush.origins import InvalidEndpoint, PushService, parse_endpoint
from tocsin.webpush.outcome import Outcome, PushResponse, Verdict
from tocsin.webpush.request import PushRequest, UnsafeRequest

NOW = 1_800_000_000
NO_TOKEN_TEXT = "The registration token is not a valid FCM registration token"
HTML = Reply(502, body=b"<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>")


def judged(reply: Reply, **headers: str) -> Verdict:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge_fcm(PushResponse(reply.status, names, reply.body), NOW)


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (Reply(200, body=b'{"name": "projects/x/messages/0:1"}'), Outcome.ACCEPTED, "status 200"),
        (refusal(404, "NOT_FOUND", "UNREGISTERED"), Outcome.GONE, "UNREGISTERED"),
        (refusal(404, "NOT_FOUND"), Outcome.FORBIDDEN, "NOT_FOUND"),
        (Reply(404, body=b"<html>"), Outcome.FORBIDDEN, "status 404"),
        (
            refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", NO_TOKEN_TEXT),
            Outcome.GONE,
            "INVALID_ARGUMENT token",
        ),
        (
            refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.token"),
            Outcome.GONE,
            "INVALID_ARGUMENT token",
        ),
        (refusal(400, "INVALID_ARGUMENT", field="message.data[0].value"), Outcome.REJECTED, "INVALID_ARGUMENT field"),
        (refusal(400, "INVALID_ARGUMENT"), Outcome.TOO_LARGE, "INVALID_ARGUMENT"),
        (refusal(401, "UNAUTHENTICATED"), Outcome.UNAUTHORIZED, "UNAUTHENTICATED"),
        (refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), Outcome.REJECTED, "THIRD_PARTY_AUTH_ERROR"),
        (refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Outcome.REJECTED, "SENDER_ID_MISMATCH"),
        (refusal(403, "PERMISSION_DENIED"), Outcome.FORBIDDEN, "PERMISSION_DENIED"),
        (refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Outcome.THROTTLED, "QUOTA_EXCEEDED"),
        (refusal(500, "INTERNAL", "INTERNAL"), Outcome.UNAVAILABLE, "INTERNAL"),
        (refusal(503, "UNAVAILABLE", "UNAVAILABLE"), Outcome.UNAVAILABLE, "UNAVAILABLE"),
        (HTML, Outcome.UNAVAILABLE, "status 502"),
        (Reply(302), Outcome.REJECTED, "status 302"),
    ],
)
def test_what_fcm_answers_means(reply: Reply, outcome: Outcome, reason: str) -> None:
    verdict = judged(reply)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_throttled_message_waits_as_long_as_it_is_asked_to_and_else_a_minute() -> None:
    throttled = refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
    assert judged(throttled, retry_after="17").retry_after == 17
    assert judged(throttled).retry_after == NO_RETRY_AFTER == 60
    assert judged(refusal(503, "UNAVAILABLE"), retry_after="5").retry_after == 5
    assert judged(refusal(503, "UNAVAILABLE")).retry_after is None


@given(st.integers(100, 999), st.binary(max_size=80), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_no_answer_breaks_the_judge(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert judge_fcm(PushResponse(status, headers, body), NOW).reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fcm:",
        "fcm:a b",
        "fcm:a\n",
        "fcm:é",
        "fcm://x",
        f"fcm:{'a' * 4097}",
        "FCM:abc",
        "https://fcm.googleapis.com/fcm/send/x",
    ],
)
def test_what_is_no_registration_token_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        token_in(text)
    assert refused.value.reason == "the registration token is malformed"


@pytest.mark.parametrize("text", ["a", "a" * 4096, token(1), "AZaz09_:%.-"])
def test_a_registration_token_is_kept_as_it_is(text: str) -> None:
    assert token_in(f"fcm:{text}") == text


def test_a_token_is_no_url_that_anything_could_be_sent_to() -> None:
    endpoint = token_endpoint(f"fcm:{token(1)}", "app-1")
    assert is_token(endpoint.url)
    assert endpoint.service is PushService.FCM_V1
    assert token(1) not in repr(endpoint)
    with pytest.raises(UnsafeRequest):
        PushRequest(endpoint.url, headers_of("x"), b"")
    with pytest.raises(InvalidEndpoint):
        parse_endpoint(endpoint.url)


def test_each_app_has_a_pace_of_its_own() -> None:
    assert token_endpoint("fcm:a", "app-1").origin != token_endpoint("fcm:a", "app-2").origin


def test_an_access_token_that_could_end_a_header_is_not_sent() -> None:
    with pytest.raises(UnsafeRequest):
        headers_of("ya29\r\nX: 1")


def test_messages_go_to_the_project() -> None:
    assert send_url(PROJECT) == "https://fcm.googleapis.com/v1/projects/shop-12345/messages:send"
