"""Field types that several dialects share; the messages name what is wrong, never what was sent."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tocsin.domain.identity import MAX_EXTERNAL
from tocsin.domain.notification import MAX_BODY, MAX_TITLE, MAX_URL

MAX_APP_URL = 512
MAX_LABELS = 100
Value = TypeVar("Value")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""A host as browsers write it in Origin: lower case, international names in their ASCII form; no wildcards."""
_WILDCARD = "https://*."
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?(?::\d+)?")
"""At least two labels, and no address. So `https://*.com` is refused, but neither `https://*.co.uk` nor a host that
strangers share: whose a domain is stands in no name, and the list of such (publicsuffix.org) keeps changing."""


@dataclass(frozen=True, slots=True, eq=False)  # hashable, as annotations have to be
class Rule(Generic[Value]):
    """A validator that can also say in JSON Schema what it asks for, as far as that can; the reference tells it."""

    check: Callable[[Value], Value]
    schema: Mapping[str, object]

    def __call__(self, value: Value) -> Value:
        """The value. Raises ValueError."""
        return self.check(value)


def text(most: int) -> Rule[str]:
    """A validator: not blank, at most `most` code points."""

    def check(value: str) -> str:
        if not value.strip():
            raise ValueError("must not be empty")
        if len(value) > most:
            raise ValueError(f"must be at most {most} characters")
        return value

    return Rule(check, {"minLength": 1, "maxLength": most, "pattern": r"\S"})


def json_object(most: int) -> Rule[Mapping[str, object]]:
    """A validator: an object of at most `most` bytes as compact JSON."""

    def check(value: Mapping[str, object]) -> Mapping[str, object]:
        if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > most:
            raise ValueError(f"must be at most {most} bytes of compact JSON")
        return value

    return Rule(check, {"description": f"At most {most:,} bytes of compact JSON."})


def entries(most: int) -> Rule[list[str]]:
    """A validator: a list of 1 to `most` entries."""

    def check(value: list[str]) -> list[str]:
        if not 1 <= len(value) <= most:
            raise ValueError(f"must have 1 to {most} entries")
        return value

    return Rule(check, {"minItems": 1, "maxItems": most})


def web_url(value: str, most: int = MAX_URL) -> str:
    """A validator: an absolute http or https URL of at most 2,048 characters, without white space or user name."""
    message = f"must be an http or https URL of at most {most} characters"
    if len(value) > most or any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError(message)
    try:
        parts = urlsplit(value)
        acceptable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        _ = parts.port  # raises ValueError when it is no port
    except ValueError:
        acceptable = False
    if not acceptable or "\\" in value:
        raise ValueError(message)
    return value


def web_origin(value: str) -> str:
    """A validator: scheme, host and port of a web page, in the form that browsers send; http only for localhost.

    `https://*.` before a domain stands for all its subdomains (CS-5).
    """
    if value.startswith(_WILDCARD):
        _exact_origin("https://" + value.removeprefix(_WILDCARD))
        if not _DOMAIN.fullmatch(value.removeprefix(_WILDCARD)):
            raise ValueError("must name a domain such as shop.example after https://*.")
        return value
    return _exact_origin(value)


def _exact_origin(value: str) -> str:
    message = "must be an origin such as https://shop.example, without a slash at its end (http only for localhost)"
    try:
        parts = urlsplit(web_url(value))
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise ValueError(message) from None
    if not _HOST.fullmatch(parts.hostname or "") or parts.port == 0:
        raise ValueError(message)
    local = parts.hostname in {"localhost", "127.0.0.1"}
    if value != f"{parts.scheme}://{parts.hostname}{port}" or (parts.scheme == "http" and not local):
        raise ValueError(message)
    if (parts.scheme, parts.port) in {("https", 443), ("http", 80)}:
        raise ValueError("must leave out the scheme's own port, as browsers do")
    return value


def own_origin(url: str) -> str:
    """The origin of a page at this URL, as browsers send it."""
    parts = urlsplit(url)
    port = "" if parts.port in {None, 443 if parts.scheme == "https" else 80} else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


Title = Annotated[str, AfterValidator(text(MAX_TITLE))]
Body = Annotated[str, AfterValidator(text(MAX_BODY))]
WebUrl = Annotated[str, AfterValidator(Rule(web_url, {"format": "uri", "maxLength": MAX_URL}))]
AppUrl = Annotated[str, AfterValidator(partial(web_url, most=MAX_APP_URL))]
"""A URL that goes along with every message of an app, so it must leave room for the message."""
WebOrigin = Annotated[str, AfterValidator(web_origin)]
Name = Annotated[str, AfterValidator(text(100))]
ExternalId = Annotated[str, AfterValidator(text(MAX_EXTERNAL))]
"""The customer's own name of a person (X-2)."""
Label = Annotated[str, Field(min_length=1, max_length=64)]
"""A label (audience tag) of a subscription."""
Labels = Annotated[list[Label], Field(max_length=MAX_LABELS)]
