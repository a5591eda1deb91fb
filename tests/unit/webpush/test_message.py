"""TTL, urgency and topic within the limits of every push service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.message import MAX_TTL, PushMessage, Urgency, topic_of


def message(ttl: int = 60, topic: str | None = None) -> PushMessage:
    return PushMessage(ttl, Urgency.NORMAL, topic)


@pytest.mark.parametrize("ttl", [0, 1, MAX_TTL])
def test_any_ttl_up_to_four_weeks(ttl: int) -> None:
    assert message(ttl=ttl).ttl == ttl


@pytest.mark.parametrize("ttl", [-1, MAX_TTL + 1])
def test_a_ttl_that_a_push_service_would_not_keep_is_refused(ttl: int) -> None:
    with pytest.raises(ValueError, match="TTL"):
        message(ttl=ttl)


@pytest.mark.parametrize("topic", ["ab", "abc", "abcd", "a-_9" * 8])
def test_topics_of_whole_base64url(topic: str) -> None:
    assert message(topic=topic).topic == topic


@pytest.mark.parametrize(
    "topic", ["", "a", "abcde", "a" * 9, "a" * 13, "a" * 33, "a b", "a=", "ab+c", "abc\r\n", "äbcd"]
)
def test_topics_that_apple_cannot_decode_are_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        message(topic=topic)


@given(st.text())
def test_any_text_has_a_topic_that_every_service_takes(text: str) -> None:
    topic = topic_of(text)
    assert message(topic=topic).topic == topic
    assert len(topic) == 32


def test_equal_texts_have_equal_topics_and_others_do_not() -> None:
    assert topic_of("order-1") == topic_of("order-1") != topic_of("order-2")


def test_lone_surrogates_have_a_topic_too() -> None:
    assert len(topic_of("\ud800")) == 32


def test_a_payload_does_not_show_in_a_log_line() -> None:
    assert "hello" not in repr(message())
