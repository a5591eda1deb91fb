"""Subscriptions that push services refuse for good: counted only where the app's key is surely not to blame (PU-17)."""

from collections.abc import Iterable

from tocsin.application.ports import Gone, Subscriptions
from tocsin.application.targets import Target
from tocsin.domain.ids import AppId
from tocsin.webpush.outcome import Outcome

FOR_GOOD = frozenset({Outcome.REJECTED, Outcome.UNAUTHORIZED, Outcome.FORBIDDEN})
"""Refusals that no waiting mends and that do not say that the subscription is gone."""


class Rejecting:
    """Who was refused in a pass. A VAPID key that nobody took there may be what was refused: then it counts nothing."""

    def __init__(self, app: AppId, subscriptions: Subscriptions) -> None:
        self._app = app
        self._subscriptions = subscriptions
        self._rejected: list[Target] = []

    def rejected(self, target: Target) -> None:
        """Its push service refused the message for good."""
        self._rejected.append(target)

    def report(self, accepted: Iterable[Target]) -> None:
        """Count those whose push service accepted somebody else's message under the same key. Raises Unavailable."""
        if not self._rejected:
            return
        good = {target.key_place for target in accepted}
        counted = [target.recipient for target in self._rejected if target.key_place in good]
        self._rejected = [target for target in self._rejected if target.key_place not in good]
        if counted:
            self._subscriptions.note_rejected(self._app, [Gone(one.id, one.endpoint, one.vapid_key) for one in counted])
