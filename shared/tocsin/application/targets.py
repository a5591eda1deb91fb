"""Recipients with where they are reached, and which of them must wait longer."""

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.application.jobs import Recipient
from tocsin.domain.chunk import MAX_TRIES, Chunk
from tocsin.webpush.origins import Endpoint, InvalidEndpoint, parse_endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """A recipient and where it is reached."""

    recipient: Recipient
    endpoint: Endpoint


Targets = Sequence[Target | None]
"""In a chunk's order; None where there is nobody to send to any more."""


def target_of(recipient: Recipient | None) -> Target | None:
    """Where a recipient is reached; None when it is nobody, or its endpoint is of no known push service."""
    if recipient is None:
        return None
    try:
        return Target(recipient, parse_endpoint(recipient.endpoint))
    except InvalidEndpoint:
        return None


def held_back(chunk: Chunk, targets: Targets, now: float) -> set[int]:
    """The recipients whose push service asked for more time than has passed, or too often, by index."""
    held = {wait.service for wait in chunk.waits if wait.until > now or wait.tries >= MAX_TRIES}
    if not held:
        return set()
    return {index for index, target in enumerate(targets) if target is not None and target.endpoint.service in held}
