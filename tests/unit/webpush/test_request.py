"""The request to a push service: what RFC 8030 and each service want, and no way to smuggle a header in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.message import PushMessage, Urgency
from tocsin.webpush.origins import PushService, parse_endpoint
from tocsin.webpush.request import PushHeaders, PushRequest, UnsafeRequest, headers_of

FCM = "https://fcm.googleapis.com/fcm/send/abc"
WNS = "https://wns2-par02p.notify.windows.com/w/?token=a%2bb"


def headers(
    url: str = FCM, ttl: int = 60, urgency: Urgency = Urgency.NORMAL, topic: str | None = None
) -> dict[str, str]:
    message = PushMessage(ttl, urgency, topic)
    return dict(headers_of(parse_endpoint(url).service, message, "vapid t=a, k=b"))


def test_a_request_carries_the_encrypted_body_to_the_endpoint_as_it_is_stored() -> None:
    request = PushRequest(WNS, PushHeaders(), b"\x00\xff")
    assert (request.url, request.body) == (WNS, b"\x00\xff")


def test_the_headers_of_rfc_8030() -> None:
    assert headers(ttl=2419200, urgency=Urgency.VERY_LOW, topic="abcd") == {
        "Authorization": "vapid t=a, k=b",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": "2419200",
        "Urgency": "very-low",
        "Topic": "abcd",
    }


def test_ttl_is_there_even_when_it_is_zero() -> None:
    assert headers(ttl=0)["TTL"] == "0"


def test_no_topic_no_header() -> None:
    assert "Topic" not in headers()


@pytest.mark.parametrize(("ttl", "policy"), [(0, "no-cache"), (1, "cache"), (2419200, "cache")])
def test_wns_is_told_to_cache_exactly_when_there_is_a_ttl(ttl: int, policy: str) -> None:
    assert headers(WNS, ttl=ttl)["X-WNS-Cache-Policy"] == policy


def test_the_cache_policy_is_for_wns_only() -> None:
    assert "X-WNS-Cache-Policy" not in headers(FCM, ttl=0)


CONTROL = st.sampled_from([chr(code) for code in (*range(32), 127, 128, 0x85, 0xA0, 0x2028, 0xFF0A)])


@pytest.mark.row("X-8")
@given(st.text(), CONTROL, st.text())
def test_nothing_that_could_end_a_header_is_ever_built(before: str, control: str, after: str) -> None:
    value = before + control + after
    with pytest.raises(UnsafeRequest) as refusal:
        PushHeaders(("Authorization", value))
    assert str(refusal.value) == "unsafe value of Authorization"
    with pytest.raises(UnsafeRequest):
        PushHeaders((value, "x"))
    with pytest.raises(UnsafeRequest):
        PushRequest(FCM + value, PushHeaders(), b"")


@pytest.mark.parametrize("value", ["", " ", "x\r\nTopic: y", "x\n", "x\x00", "\tx", " x", "x ", "vapid\rt=", "é"])
def test_an_authorization_from_elsewhere_passes_the_same_gate(value: str) -> None:
    with pytest.raises(UnsafeRequest):
        headers_of(PushService.FCM, PushMessage(0, Urgency.LOW, None), value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://fcm.googleapis.com/x",
        "https://",
        "https://a b/c",
        "https://host",
        "https://host/",
        "file:///etc/passwd",
    ],
)
def test_a_request_is_for_https_only(url: str) -> None:
    with pytest.raises(UnsafeRequest):
        PushRequest(url, PushHeaders(), b"")


def test_a_request_does_not_show_in_a_log_line() -> None:
    assert repr(PushRequest(FCM, PushHeaders(("Authorization", "secret")), b"secret")) == "PushRequest()"
