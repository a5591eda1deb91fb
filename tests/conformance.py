"""Every answer that a test gets is held against its dialect's OpenAPI document, in this process and deployed.

So whatever any test provokes has to be documented: its status, its headers, each member of its body.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema_rs import Draft202012Validator

from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.documents import document, documented

if TYPE_CHECKING:
    from tests.http_api import Answer


@dataclass(frozen=True, slots=True)
class KnownPath:
    """A path of a dialect's document. operations: by method in upper case."""

    dialect: DialectName
    template: str
    operations: Mapping[str, Any]

    def owns(self, path: str) -> bool:
        """Whether this is the one that a path is routed to."""
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.template), path) is not None


def check(method: str, path: str, answer: "Answer") -> None:
    """Raises AssertionError: the path, decoded, is in a document, but not such an answer."""
    known = next((one for one in _paths() if one.owns(path)), None)
    if known is None:
        return
    what = f"{method} {known.template} answered {answer.status}"
    if method not in known.operations:
        # A dialect may say first that the key is wrong.
        assert 400 <= answer.status < 500, f"{what}, and has no such method"
        allowed = set(answer.headers.get("allow", "").split(", "))
        assert answer.status != 405 or allowed >= set(known.operations), f"{what}, but allows only {allowed}"
        return
    response = known.operations[method]["responses"].get(str(answer.status))
    assert response is not None, f"{what}, which no document says: is a fault left out of {known.dialect}/reference.py?"
    for name, header in response.get("headers", {}).items():
        value = answer.headers.get(name.lower())
        assert value is not None or not header.get("required"), f"{what} without {name}"
        if value is not None:
            number = header["schema"].get("type") == "integer"
            _hold(int(value) if number else value, header["schema"], known.dialect, f"{what} with {name}")
    content, kind = response.get("content"), answer.headers.get("content-type", "").partition(";")[0]
    if content is None:
        assert not answer.body, f"{what} with a body"
        return
    assert kind in content, f"{what} as {kind or 'nothing'}, not as {' or '.join(content)}"
    if kind == "application/json":
        _hold(answer.json, content[kind]["schema"], known.dialect, what)


def _hold(value: object, schema: Mapping[str, Any], dialect: DialectName, what: str) -> None:
    error = next(_validator(dialect, json.dumps(schema)).iter_errors(value), None)
    place = "" if error is None else ".".join(map(str, error.instance_path))
    assert error is None, f"{what}, but {place or 'it'}: {error.message}"


@cache
def _paths() -> list[KnownPath]:
    """Paths without variables first, as they are routed."""
    found = [
        KnownPath(name, template, {method.upper(): operation for method, operation in item.items()})
        for name in documented()
        for template, item in _document(name)["paths"].items()
    ]
    return sorted(found, key=lambda known: known.template.count("{"))


@cache
def _validator(dialect: DialectName, schema: str) -> Draft202012Validator:
    components = _document(dialect)["components"]
    return Draft202012Validator({**_closed(json.loads(schema)), "components": _closed(components)})


def _document(dialect: DialectName) -> Mapping[str, Any]:
    """Empty where a route is not in the reference: one test says so, and not every test."""
    try:
        return document(dialect, "") or {}
    except LookupError:
        return {"paths": {}}


def _closed(value: Any) -> Any:
    """A schema without unnamed members: clients must take new ones, but we must not forget to tell of them."""
    match value:
        case {"properties": dict(), **rest} if "additionalProperties" not in rest:
            return {**{name: _closed(member) for name, member in value.items()}, "additionalProperties": False}
        case dict():
            return {name: _closed(member) for name, member in value.items()}
        case list():
            return [_closed(member) for member in value]
        case _:
            return value
