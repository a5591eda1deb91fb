"""One strict way to read JSON: no duplicate keys, no NaN, no deep nesting, no lone surrogates."""

import json

from tocsin.domain.errors import Fault, Refused

MAX_DEPTH = 16


class _Malformed(ValueError):
    pass


def load_object(body: bytes) -> dict[str, object]:
    """The JSON object in a request's body. Raises Refused: BODY_NOT_JSON, saying what is wrong with it."""
    value = _load(body, "object")
    if not isinstance(value, dict):
        raise Refused(Fault.BODY_NOT_JSON, "The body must be a JSON object")
    return value


def load_list(body: bytes) -> list[object]:
    """The JSON list in a request's body. Raises Refused: BODY_NOT_JSON, saying what is wrong with it."""
    value = _load(body, "list")
    if not isinstance(value, list):
        raise Refused(Fault.BODY_NOT_JSON, "The body must be a JSON list")
    return value


def _load(body: bytes, wanted: str) -> object:
    try:
        text = body.decode("utf-8")
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        _check(value, 1)
    except (ValueError, RecursionError) as error:
        raise Refused(Fault.BODY_NOT_JSON, f"The body must be a JSON {wanted}{_reason(error)}") from error
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Malformed("a key stands in it twice")
    return found


def _no_constant(name: str) -> object:
    raise _Malformed(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise _Malformed("a number is too large")
    return number


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Malformed(f"it is nested more than {MAX_DEPTH} deep")
    match value:
        case str():
            _check_text(value)
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check(item, depth + 1)
        case list():
            for item in value:
                _check(item, depth + 1)
        case _:
            pass


def _check_text(text: str) -> None:
    # Lone surrogates can be written in JSON but not encoded in UTF-8: they would fail later, where nobody expects it.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _Malformed("a text holds half of a surrogate pair")


def _reason(error: Exception) -> str:
    match error:
        case _Malformed():
            return f": {error}"
        case json.JSONDecodeError():
            return f": line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return " in UTF-8"
        case _:
            return ""
