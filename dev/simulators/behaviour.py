"""Scripted answers: what a push service does instead of what it would do."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dev.simulators.push_services import Reply

_FIELDS = frozenset({"status", "headers", "body", "times", "delay_ms", "hang", "most_bytes"})
_MAX_DELAY_MS = 600_000
_FOREVER_S = 86_400


class InvalidBehaviour(ValueError):
    """The script makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A script for the next requests that pass every strict check.

    `reply` None leaves the answer (and the delivery) as it is; with a reply nothing is delivered. `times` None lasts
    until the script is replaced. `hang` holds the connection and delivers nothing. A body of more than `most_bytes` is
    too large.
    """

    reply: Reply | None
    times: int | None
    delay_ms: int
    hang: bool
    most_bytes: int | None

    async def pause(self) -> None:
        """Wait as the script says, before the answer is sent."""
        await asyncio.sleep(_FOREVER_S if self.hang else self.delay_ms / 1000)


@dataclass(slots=True)
class Behaviours:
    """The script of each user agent; forgotten on restart."""

    _scripts: dict[str, Behaviour] = field(default_factory=dict)

    def put(self, agent_id: str, behaviour: Behaviour) -> None:
        """Replace the script."""
        self._scripts[agent_id] = behaviour

    def take(self, agent_id: str) -> Behaviour | None:
        """The script for one request, which uses up one of its times."""
        behaviour = self._scripts.get(agent_id)
        if behaviour is None or behaviour.times is None:
            return behaviour
        if behaviour.times == 1:
            del self._scripts[agent_id]
        else:
            self._scripts[agent_id] = replace(behaviour, times=behaviour.times - 1)
        return behaviour


def parse(content: Mapping[str, object]) -> Behaviour:
    """A script from the control API's JSON; `{}` is normal behaviour. Raises InvalidBehaviour."""
    unknown = sorted(content.keys() - _FIELDS)
    if unknown:
        raise InvalidBehaviour(f"unknown field: {', '.join(unknown)}")
    status = _integer(content, "status", 200, 599)
    if status is None and ("headers" in content or "body" in content):
        raise InvalidBehaviour("headers and body need a status")
    hang = content.get("hang", False)
    if not isinstance(hang, bool):
        raise InvalidBehaviour("hang must be true or false")
    return Behaviour(
        reply=None if status is None else Reply(status, _headers(content.get("headers", {})), _body(content)),
        times=_integer(content, "times", 1, 1_000_000),
        delay_ms=_integer(content, "delay_ms", 0, _MAX_DELAY_MS) or 0,
        hang=hang,
        most_bytes=_integer(content, "most_bytes", 0, 4096),
    )


def _integer(content: Mapping[str, object], name: str, low: int, high: int) -> int | None:
    value = content.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidBehaviour(f"{name} must be a whole number from {low} to {high}")
    return value


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidBehaviour("headers must be an object of strings")
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not isinstance(text, str) or not text.isprintable():
            raise InvalidBehaviour("headers must be an object of strings without control characters")
    return dict(value)


def _body(content: Mapping[str, object]) -> bytes:
    body = content.get("body", "")
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
