"""What a dialect's reference says beyond its code: one entry for each call, in `<dialect>/reference.py`.

Only the reference imports such a module, so neither examples nor texts are a part of any other function's cold start.
What the code says by itself is not repeated there: paths, bodies, answers, their statuses, and what a body is refused
for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tocsin.application.authenticating import from_a_browser
from tocsin.dialect_kit.contract import Rendered
from tocsin.domain.errors import Fault

Schema: TypeAlias = Mapping[str, object]
Refusals: TypeAlias = Mapping[Fault, str]
"""What can be refused, each with a message as it may come; a dialect that has words of its own for it shows those."""

AHEAD = "0000-00-00"
"""Stands in examples for a day that is ahead, whenever they are read."""
SECRET_KEY: Refusals = {
    Fault.CREDENTIAL_MISSING: "Missing API key",
    Fault.CREDENTIAL_INVALID: "Missing or invalid API key",
    Fault.CREDENTIAL_AMBIGUOUS: "Send exactly one credential",
    Fault.SECRET_KEY_IN_BROWSER: from_a_browser("secret key"),
    Fault.SCOPE_MISSING: "This key lacks the scope push:send",
    Fault.APP_DISABLED: "This API is switched off for the app",
}
"""Of a call with a key for servers."""
PUBLISHABLE_KEY: Refusals = {
    **{fault: message for fault, message in SECRET_KEY.items() if fault is not Fault.SECRET_KEY_IN_BROWSER},
    Fault.ORIGIN_NOT_ALLOWED: "This origin is not on the app's list of allowed origins",
    Fault.RATE_LIMITED: "Too many requests from browsers: more than 30 a minute of this network",
}
"""Of a call with a key for pages."""
JSON_BODY: Refusals = {
    Fault.BODY_NOT_JSON: "The body must be a JSON object",
}
"""Of every call with a body, beside one that is too large or whose members are wrong; nobody has to name them."""
IDEMPOTENCY: Refusals = {
    Fault.FIELD_INVALID: "Idempotency-Key must be 1 to 256 visible ASCII characters",
    Fault.IDEMPOTENCY_MISMATCH: "This Idempotency-Key was used for another request",
    Fault.IDEMPOTENCY_IN_FLIGHT: "The first request with this Idempotency-Key is still running",
}
"""Of every call that sends; nobody has to name them."""
ANY: Refusals = {
    Fault.UNAVAILABLE: "Temporarily unavailable, please try again",
    Fault.INTERNAL: "Internal error",
}
"""Of every call; nobody has to name them."""


def members(**types: str) -> Schema:
    """The schema of an object with these members, all of which are there."""
    return {
        "type": "object",
        "required": [*types],
        "properties": {name: {"type": type_} for name, type_ in types.items()},
    }


@dataclass(frozen=True, slots=True)
class Example:
    """A call as it goes over the wire, and what it is answered when all is well. body, answer: JSON, None for none."""

    summary: str
    answer: object
    body: object = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter that a route reads by hand, or what else there is to say of one in a path."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What there is to say of a method of a path.

    credentials: names of the reference's schemes, any of which will do; none for a call without a credential.
    sends: it takes an Idempotency-Key and tells X-Send-Id. answer: its schema, where the route's type does not say it.
    media_types: of answers that are no JSON, by status. form: the schema of a form that it reads.
    others: refusals that are not in the dialect's own form, by a name.
    """

    credentials: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    sends: bool = False
    answer: Schema | None = None
    media_types: Mapping[int, str] = field(default_factory=dict)
    form: Schema | None = None
    others: Mapping[str, Rendered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """calls: by method and path as the route has it, "POST /v1/send"; those of a resource in the order of its page.

    schemes: security schemes by name, in OpenAPI's words, where the dialect's kinds of key do not say all; `x-form` is
    what the text of one looks like.
    rate_headers: headers on every answer to a caller who is known, by name.
    """

    calls: Mapping[str, Call]
    schemes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rate_headers: Mapping[str, str] = field(default_factory=dict)
