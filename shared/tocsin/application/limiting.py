"""Limits on how often somebody may ask, in fixed windows."""

from math import ceil

from tocsin.application.ports import Clock, RequestWindows, Window
from tocsin.application.remembering import Remembered
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import App

PER_ADDRESS, PER_APP = (30, 60), (600, 60)
"""What browsers may ask: requests and seconds, for each network and for each app."""
FETCHES_PER_ADDRESS = (600, 60)
"""How often workers may ask for messages: a whole office gets a broadcast in the same minute."""

PREVIEWS_PER_APP = (10, 60)
"""How often an app's servers may have a segment looked through, which takes seconds and thousands of reads."""


class Limiting:
    """Counts requests and refuses those that are too many.

    Whoever is refused once is refused from memory until the window ends. So a flood costs a container one write a
    window, beyond what is allowed.
    """

    def __init__(self, windows: RequestWindows, clock: Clock) -> None:
        self._windows = windows
        self._clock = clock
        self._refusals: Remembered[str, Window] = Remembered(clock)

    def take(self, subject: str, limit: int, seconds: int, message: str = "Too many requests") -> None:
        """Count a request of `subject`. Raises Refused: RATE_LIMITED, saying when the window ends."""
        window = self.window(subject, limit, seconds)
        if not window.allowed:
            raise _refused(window, self._clock.now(), message)

    def window(self, subject: str, limit: int, seconds: int) -> Window:
        """Count a request of `subject`, unless there were too many; its window after it, for who has to tell it."""
        known = self._refusal(subject, limit)
        if known is not None:
            return known
        window = self._windows.take(subject, limit, seconds, self._clock.now())
        if not window.allowed:
            self._refusals.put(subject, window, window.reset_at)
        return window

    def has_room(self, subject: str, limit: int, seconds: int) -> bool:
        """Whether a request of `subject` would be let through now; for who counts only what has succeeded."""
        if self._refusal(subject, limit) is not None:
            return False
        return self._windows.look(subject, limit, seconds, self._clock.now()).allowed

    def worker(self, app: App, network: str) -> None:
        """Count a worker's request for a message. network: its address prefix. Raises Refused: RATE_LIMITED.

        Not by app: each recipient has a token of its own, and a broadcast must not keep people from subscribing.
        """
        self.take(f"fetch.{app.id}.{network}", *FETCHES_PER_ADDRESS)

    def preview(self, app: App) -> None:
        """Count a preview that looks through an app's subscriptions. Raises Refused: RATE_LIMITED."""
        limit, seconds = PREVIEWS_PER_APP
        message = f"Rate limit exceeded: more than {limit} previews of segments a minute"
        self.take(f"preview.{app.id}", limit, seconds, message)

    def browser(self, app: App, network: str) -> None:
        """Count a browser's request. network: its address prefix. Raises Refused: RATE_LIMITED."""
        limits = ((f"net.{app.id}.{network}", PER_ADDRESS, "network"), (f"app.{app.id}", PER_APP, "app"))
        counted = [
            (subject, limit, seconds, f"Too many requests from browsers: more than {limit} a minute of this {whose}")
            for subject, (limit, seconds), whose in limits
        ]
        for subject, limit, _, message in counted:
            if (known := self._refusal(subject, limit)) is not None:
                raise _refused(known, self._clock.now(), message)
        for request in counted:
            self.take(*request)

    def _refusal(self, subject: str, limit: int) -> Window | None:
        """The window that is used up, where that is known without counting."""
        window = self._refusals.get(subject)
        # Whoever may ask more often by now is let through to be counted.
        return window if window is not None and limit <= window.limit else None


def _refused(window: Window, now: float, message: str) -> Refused:
    return Refused(Fault.RATE_LIMITED, message, retry_after=ceil(window.reset_at - now))
