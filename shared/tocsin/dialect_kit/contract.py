"""What a dialect is: one folder, with one module for each capability it has routes for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import DialectName

if TYPE_CHECKING:
    from starlette.requests import Request

    from tocsin.application.engine import Engine


class Capability(StrEnum):
    """What a function of the deployment serves; `<dialect>/<capability>.py` holds a dialect's routes for it."""

    SEND = "send"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    BEACONS = "beacons"
    SUBSCRIBERS = "subscribers"
    QUOTA = "quota"
    CAMPAIGNS = "campaigns"
    ACCOUNT = "account"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A refusal in a dialect's own form; the body is sent as JSON."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyForm:
    """How a dialect's API keys of one kind look and what they can do.

    prefix: how their text starts. header: what carries them, in lower case. scopes: all that such a key can have; also
    what it gets when none are asked for. told: what an app is told of the text of its new key, where that is not all.
    """

    prefix: str
    header: str
    scopes: frozenset[Scope]
    told: Callable[[AppId, str], str] = lambda _app, text: text


@dataclass(frozen=True, slots=True)
class Dialect:
    """One of the APIs that Tocsin speaks.

    prefixes: the paths it owns; a path belongs to the dialect with the longest prefix that matches whole segments.
    keys: its API keys by kind; a kind that is absent cannot be made for it.
    render: a total function, so that every error on its paths has its own shape.
    off_at_first: a new app has it switched off. app_id: its own form of an app's id, where its callers need one.
    met: called where a function has routes of this dialect and none of them answers, before the 404 or 405 is told: who
    calls may be refused for another reason first.
    """

    name: DialectName
    prefixes: tuple[str, ...]
    keys: Mapping[KeyKind, KeyForm]
    render: Callable[[Refused], Rendered]
    met: "Callable[[Request, Engine], object] | None" = None
    off_at_first: bool = False
    app_id: Callable[[AppId], str] | None = None


def owns(prefix: str, path: str) -> bool:
    """Whether a path lies under a prefix, by whole segments; the prefix "/" owns everything."""
    return prefix in {"/", path} or path.startswith(prefix + "/")
