"""Recipients with where they are reached, and which of them must wait longer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.application.jobs import Recipient
from tocsin.domain.chunk import MAX_TRIES, Chunk, Wait
from tocsin.webpush.origins import Endpoint, InvalidEndpoint, parse_endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """A recipient and where it is reached. signable False: its VAPID key cannot be opened."""

    recipient: Recipient
    endpoint: Endpoint
    signable: bool = True

    @property
    def key_place(self) -> str:
        """Where waits for its VAPID key are noted."""
        return f"{self.endpoint.service}/{self.recipient.vapid_key}"


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


def wait_of(target: Target, waits: Mapping[str, Wait]) -> Wait | None:
    """What a recipient waits for, if it was put off: its push service or its key there, the later of both."""
    known = (waits.get(target.endpoint.service), waits.get(target.key_place))
    return max((wait for wait in known if wait is not None), key=lambda wait: wait.until, default=None)


def held_back(chunk: Chunk, targets: Targets, now: float) -> set[int]:
    """The recipients who were put off for longer than has passed, or too often, by index."""
    waits = {wait.place: wait for wait in chunk.waits}
    held = set()
    for index in chunk.put_off:
        target = targets[index]
        wait = None if target is None else wait_of(target, waits)
        if wait is not None and (wait.until > now or wait.tries >= MAX_TRIES):
            held.add(index)
    return held
