"""Recipients with where they are reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.application.jobs import Recipient
from tocsin.domain.ids import AppId
from tocsin.webpush.fcm import token_endpoint
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


def target_of(recipient: Recipient | None, app: AppId) -> Target | None:
    """Where a recipient of an app is reached; None when it is nobody, or its endpoint is of no known push service."""
    if recipient is None:
        return None
    try:
        if recipient.keys is None:
            return Target(recipient, token_endpoint(recipient.endpoint, app))
        return Target(recipient, parse_endpoint(recipient.endpoint))
    except InvalidEndpoint:
        return None
