"""Recognisable secrets: made up here, planted in requests, and looked for where they must not be."""

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.routes import KnownRoute
from tocsin.dialect_kit.credentials import credential_headers
from tocsin.entrypoints.registry import dialects

# What a field's name says about what people put into it; anything else is a text.
PRIVATE_FIELDS = ("email", "proof", "mac", "token", "secret", "private")


@dataclass(slots=True)
class Canaries:
    """What was planted. data: what a table holds by its nature; secret: what nothing of ours may hold as it came."""

    data: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)

    def text(self, what: str) -> str:
        """Something that is stored as data: letters and digits, the same for the same thing."""
        return self.data.setdefault(what, _mark("d"))

    def hidden(self, what: str, given: str = "") -> str:
        """Something that is not stored as it came: made up, or given by the product or a simulator."""
        return self.secret.setdefault(what, given or _mark("s"))

    def address(self, what: str) -> str:
        """An e-mail address; its local part is the mark."""
        return f"{self.hidden(what)}@example.com"

    def headers(self) -> dict[str, str]:
        """What any client may send along."""
        return {
            "User-Agent": f"Agent {self.hidden('user agent')}",
            "Referer": f"https://shop.example/?{self.hidden('referrer')}",
            "Cookie": f"session={self.hidden('cookie')}",
            "X-Forwarded-For": self.hidden("forwarded"),
            "X-Request-Id": self.hidden("request id"),
            "X-Tenant-Id": self.hidden("tenant header"),
            "Idempotency-Key": self.hidden("idempotency key"),
        }

    def credentials(self) -> Iterator[dict[str, str]]:
        """A made-up key in each header that could hold one."""
        for name in credential_headers(dialects().values()):
            mark = self.hidden(f"key in {name}")
            yield presented(f"sk_{mark}{mark}", name)

    def found(self, planted: Iterable[str], text: str) -> list[str]:
        """Which of these things stand in a text, plainly or in Base64."""
        known = self.data | self.secret
        return [what for what in planted if any(form in text for form in _forms(known[what]))]


def presented(key: str, header: str) -> dict[str, str]:
    """A key as its header holds it."""
    return {header: f"Bearer {key}" if header == "authorization" else key}


def bodies(canaries: Canaries, route: KnownRoute) -> list[object]:
    """Bodies for a route: shaped as it asks, with members nobody knows, not JSON, not an object, and of wrong types."""
    mark = canaries.text("body")
    shaped = {} if route.body is None else _shaped(route.body.model_json_schema(), canaries)
    strange: dict[str, object] = {
        "webhook_url": f"https://{mark}.example/hook",
        "callback": {"authorization": mark},
        mark: mark,
    }
    wrong: dict[str, object] = {**{name: {mark: [mark]} for name in shaped}, **strange}
    return [shaped, shaped | strange, json.dumps(shaped)[:-1].encode() + mark.encode(), [mark], wrong]


def _shaped(schema: Mapping[str, Any], canaries: Canaries) -> dict[str, Any]:
    definitions = schema.get("$defs", {})
    filled: dict[str, Any] = _filled("body", schema, definitions, canaries)
    return filled


def _filled(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any], canaries: Canaries) -> Any:
    """A value of this schema that holds as many canaries as it can."""
    match schema:
        case {"$ref": str(where)}:
            value = _filled(name, definitions[where.rpartition("/")[2]], definitions, canaries)
        case {"type": "object"}:  # before anyOf, which may only say what goes with what
            members = schema.get("properties", {})
            value = {name: _filled(name, member, definitions, canaries) for name, member in members.items()}
        case {"anyOf": [first, *_]}:
            value = _filled(name, first, definitions, canaries)
        case {"const": value} | {"enum": [value, *_]}:
            pass
        case {"type": "array"}:
            value = [_filled(name, schema.get("items", {}), definitions, canaries)]
        case {"type": "integer" | "number"}:
            value = schema.get("minimum", 1)
        case {"type": "boolean"}:
            value = True
        case _:
            value = _text(name, canaries)
    return value


def _text(name: str, canaries: Canaries) -> str:
    if "email" in name:
        return canaries.address("address in a body")
    if any(part in name.lower() for part in PRIVATE_FIELDS):
        return canaries.hidden(f"{name} in a body")
    return canaries.text("body")


def _mark(kind: str) -> str:
    return f"cnry{kind}{secrets.token_hex(8)}"


def _forms(text: str) -> Iterator[str]:
    """A text as it is, and as the middle of its Base64 at each of the three places that it can start at."""
    yield text
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + text.encode()).decode()
        yield encoded[4:-4]
