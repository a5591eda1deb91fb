"""The token of a recipient: nobody else can make one, and it is good for one place of one send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.ids import SendId
from tocsin.domain.place_token import TOKEN_LENGTH, Place, place_in, place_token
from tocsin.webpush.encoding import from_base64url, to_base64url
from tocsin.webpush.origins import PushService

SECRET = b"of one app"
SEND, OTHER = SendId("a0" * 12), SendId("b0" * 12)
PLACES = st.builds(Place, st.integers(0, 2**24 - 1), st.integers(0, 2**16 - 1), st.sampled_from(PushService))


@given(PLACES)
def test_a_token_names_the_place_that_it_was_made_for(place: Place) -> None:
    token = place_token(SECRET, SEND, place)
    assert len(token) == TOKEN_LENGTH
    assert place_in(SECRET, SEND, token) == place


@given(PLACES, st.integers(0, 18 * 8 - 1))
def test_a_token_with_any_bit_changed_is_none(place: Place, bit: int) -> None:
    number = int.from_bytes(from_base64url(place_token(SECRET, SEND, place)), "big") ^ 1 << bit
    assert place_in(SECRET, SEND, to_base64url(number.to_bytes(18, "big"))) is None


def test_a_token_is_of_one_app_and_one_send() -> None:
    token = place_token(SECRET, SEND, Place(3, 7, PushService.FCM))
    assert place_in(b"of another", SEND, token) is None
    assert place_in(SECRET, OTHER, token) is None


@pytest.mark.parametrize("text", ["", "A", "A" * 24, "A" * 23, "A" * 64, "ü" * 24, "!" * 24, "AAAAAAA"])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert place_in(SECRET, SEND, text) is None


@given(st.text(max_size=64))
def test_whatever_is_shown_is_a_token_or_none(text: str) -> None:
    assert place_in(SECRET, SEND, text) is None
