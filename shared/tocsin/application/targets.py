"""Recipients with where they are reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.application.jobs import Recipient
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
