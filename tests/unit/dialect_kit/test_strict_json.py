"""One strict way to read JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.dialect_kit.strict_json import load_object
from tocsin.domain.errors import Fault, Refused

MALFORMED = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"1",
    b'{"a": 1, "a": 2}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 1e400}',
    b'{"a": "\\ud800"}',
    b'{"\\udfff": 1}',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"a": "\xff"}',
    b'{"a":' * 17 + b"1" + b"}" * 17,
    b"[" * 100_000,
    b'{"a": ' + b"9" * 5000 + b"}",
    b"{'a': 1}",
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_not_one_plain_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        load_object(body)
    assert caught.value.fault is Fault.BODY_NOT_JSON
    assert caught.value.message.startswith("The body must be a JSON object")


def test_an_object_is_read_as_it_stands() -> None:
    assert load_object('{"a": [1, 2.5, true, null, {"b": "ü🎉"}]}'.encode()) == {
        "a": [1, 2.5, True, None, {"b": "ü🎉"}]
    }


@given(st.binary(max_size=200))
def test_no_body_at_all_makes_it_crash(body: bytes) -> None:
    try:
        read = load_object(body)
    except Refused:
        return
    assert isinstance(read, dict)
