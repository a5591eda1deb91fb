"""Limits on how often somebody may ask, in fixed windows."""

from math import ceil

from tocsin.application.ports import Clock, RequestWindows
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import App

PER_ADDRESS, PER_APP = (30, 60), (600, 60)
"""What browsers may ask: requests and seconds, for each network and for each app."""


class Limiting:
    """Counts requests and refuses those that are too many."""

    def __init__(self, windows: RequestWindows, clock: Clock) -> None:
        self._windows = windows
        self._clock = clock

    def take(self, subject: str, limit: int, seconds: int, message: str = "Too many requests") -> None:
        """Count a request of `subject`. Raises Refused: RATE_LIMITED, saying when the window ends."""
        now = self._clock.now()
        window = self._windows.take(subject, limit, seconds, now)
        if not window.allowed:
            raise Refused(Fault.RATE_LIMITED, message, retry_after=ceil(window.reset_at - now))

    def browser(self, app: App, network: str) -> None:
        """Count a browser's request. network: its address prefix. Raises Refused: RATE_LIMITED."""
        limits = ((f"net.{app.id}.{network}", PER_ADDRESS, "network"), (f"app.{app.id}", PER_APP, "app"))
        for subject, (limit, seconds), whose in limits:
            self.take(
                subject, limit, seconds, f"Too many requests from browsers: more than {limit} a minute of this {whose}"
            )
