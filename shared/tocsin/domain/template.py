"""Texts with placeholders (`{{name}}`), and templates, which keep such texts for later (PU-40 to PU-43).

A placeholder is replaced once, by text: what a value holds is never looked at again, so nothing that a customer's
reader calls himself can bring in another value. Names are only looked up; there is no logic.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from tocsin.domain.document import cut
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, TemplateId
from tocsin.domain.notification import MAX_BODY, MAX_TITLE, MAX_URL, Notification
from tocsin.domain.send import Send
from tocsin.domain.subscription import Subscription

MAX_PLACEHOLDERS = 50
MAX_VALUE = 1_024
"""Characters of a value that are shown: 50 of them at most, so a text stays cheap to make whatever they hold."""
MAX_NAME = 64
_NAME = rf"[A-Za-z0-9_.]{{1,{MAX_NAME}}}"
_PLACEHOLDER = re.compile(rf"\{{\{{ *({_NAME}) *\}}\}}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""All control characters but the line feed, and halves of characters, which no UTF-8 can carry."""
_HOST = re.compile(r"https?://[^/?#]+[/?#]")
_DOTS = frozenset({".", ".."})


class MalformedWording(ValueError):
    """What a text with placeholders must be, in words that follow the name of a field."""


@dataclass(frozen=True, slots=True)
class Template:
    """The stored record: texts with placeholders. url None: the site's own page. revision: counts changes."""

    id: TemplateId
    app: AppId
    name: str
    title: str
    body: str
    icon: str | None
    image: str | None
    url: str | None
    created_at: int
    updated_at: int
    revision: int


@dataclass(frozen=True, slots=True)
class Wording:
    """A text taken apart at its placeholders. parts: plain text and names take turns; the first and last are text."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Wording":
        """The parts of a text. Raises MalformedWording."""
        parts = _PLACEHOLDER.split(text)
        if any("{{" in plain or "}}" in plain for plain in parts[::2]):
            raise MalformedWording(
                "must have its placeholders in the form {{name}}: letters, digits, _ and . between two pairs of braces"
            )
        if len(parts) // 2 > MAX_PLACEHOLDERS:
            raise MalformedWording(f"must have at most {MAX_PLACEHOLDERS} placeholders")
        return cls(tuple(parts))

    @property
    def names(self) -> frozenset[str]:
        """What it needs values for."""
        return frozenset(self.parts[1::2])

    def filled(self, values: Mapping[str, str]) -> str:
        """The text; a name without a value leaves nothing behind."""
        parts = list(self.parts)
        parts[1::2] = (values.get(name, "") for name in parts[1::2])
        return "".join(parts)


def is_name(text: str) -> bool:
    """Whether a placeholder can have this name."""
    return re.fullmatch(_NAME, text) is not None


def check_wording(text: str) -> None:
    """Raises MalformedWording where a text cannot be taken apart."""
    Wording.of(text)


def check_worded_url(url: str) -> str:
    """A URL with a letter for each of its placeholders, for the rules of URLs. Raises MalformedWording.

    Scheme and host must be plain text, so that no value can lead anybody elsewhere.
    """
    wording = Wording.of(url)
    if wording.names and not _HOST.match(wording.parts[0]):
        raise MalformedWording("must have scheme and host without placeholders, and a / before the first one")
    if _has_dots(url):
        raise MalformedWording("must not have . or .. between the slashes of its path")
    return wording.filled(dict.fromkeys(wording.names, "x"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notification as somebody is shown it. missing: how many names had no value."""

    notification: Notification
    missing: int


class Renderer:
    """Fills in a notification whose title, body and URL are wordings, for one recipient after the other.

    Values are those of the request, then of the subscription's custom data (`address.city` is looked for under that
    name and then inside of `address`), then `siteName` and `externalId`.
    """

    def __init__(self, notification: Notification, variables: Mapping[str, str], site_name: str) -> None:
        """site_name: the app's name, which also stands for a title that comes out blank."""
        self._notification = notification
        self._title, self._body = Wording.of(notification.title), Wording.of(notification.body)
        self._url = None if notification.url is None else Wording.of(notification.url)
        self._variables = variables
        self._site_name = site_name
        self._names = self._title.names | self._body.names | (self._url.names if self._url else frozenset())

    @property
    def alike(self) -> bool:
        """Whether everybody is shown the same: the request has all the values."""
        return self._names <= self._variables.keys()

    @property
    def unused(self) -> Collection[str]:
        """Values of the request that no text names."""
        return self._variables.keys() - self._names

    def lacking(self, subscription: Subscription) -> Collection[str]:
        """The names that have no value for one recipient."""
        return [name for name in self._names if self._value(name, subscription) is None]

    def to_all(self) -> Notification:
        """For everybody, by the values of the request alone."""
        return self._rendered({name: self._variables[name] for name in self._names}).notification

    def to(self, subscription: Subscription) -> Rendered:
        """For one recipient. The same values always make the same texts, so a repeat shows what the first one did."""
        values = {name: value for name in self._names if (value := self._value(name, subscription)) is not None}
        return self._rendered(values)

    def _value(self, name: str, subscription: Subscription) -> str | None:
        given = self._variables.get(name)
        if given is None:
            given = text_of(_found(subscription.custom or {}, name))
        if given is not None:
            return given
        if name == "siteName":
            return self._site_name
        external = subscription.identity(IdentityKind.EXTERNAL) if name == "externalId" else None
        return None if external is None else external.value

    def _rendered(self, values: Mapping[str, str]) -> Rendered:
        shown = {name: _CONTROL.sub(" ", cut(value, MAX_VALUE)) for name, value in values.items()}
        title = self._title.filled(shown)
        notification = replace(
            self._notification,
            title=cut(title if title.strip() else self._site_name, MAX_TITLE),
            body=cut(self._body.filled(shown), MAX_BODY),
            url=None if self._url is None else _url(self._url, shown),
        )
        return Rendered(notification, len(self._names - values.keys()))


def renderer_of(send: Send) -> Renderer | None:
    """What fills in the texts of a send; None where everybody is shown the same."""
    return None if send.variables is None else Renderer(send.notification, send.variables, send.site_name)


def text_of(value: object) -> str | None:
    """A value as it is shown: a text, a number or a truth value; None for what is none of them."""
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
    return None


def _found(custom: Mapping[str, object], path: str) -> object:
    """What stands in custom data under a name, else where its parts lead."""
    if path in custom:
        return custom[path]
    found: object = custom
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _url(wording: Wording, values: Mapping[str, str]) -> str | None:
    """The URL with its values encoded; None where it would become too long, or lead anywhere else."""
    quoted = {name: quote(value, safe="") for name, value in values.items()}
    url = wording.filled(quoted)
    held = not wording.names or urlsplit(url)[:2] == urlsplit(wording.parts[0])[:2]
    return url if held and len(url) <= MAX_URL and not _has_dots(url) else None


def _has_dots(url: str) -> bool:
    """Whether a part of its path is `.` or `..`, which lead upwards; browsers take %2e for a dot as well."""
    path = re.split(r"[?#]", url, maxsplit=1)[0].lower().replace("%2e", ".").replace("\\", "/")
    return not _DOTS.isdisjoint(path.split("/"))
