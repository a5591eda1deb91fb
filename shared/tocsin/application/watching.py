"""The sends that this process works on, read again every other second: how a pause reaches every worker."""

import threading

from tocsin.application.ports import Clock, Sends
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send

SECONDS = 2
"""How old what a worker believes of a send may be; a pause is promised within twelve seconds, POSTs included."""
KEPT = 64


class Watching:
    """Sends by id, for all threads of a process."""

    def __init__(self, sends: Sends, clock: Clock) -> None:
        self._sends = sends
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[AppId, SendId], tuple[float, Send]] = {}

    def send(self, app: AppId, name: SendId) -> Send | None:
        """The send as it was at most two seconds ago, None if there is none."""
        now = self._clock.now()
        with self._lock:
            known = self._known.get((app, name))
        if known is not None and 0 <= now - known[0] < SECONDS:
            return known[1]
        return self.fresh(app, name)

    def fresh(self, app: AppId, name: SendId) -> Send | None:
        """The send as it is."""
        now, send = self._clock.now(), self._sends.get(app, name)
        with self._lock:
            self._known.pop((app, name), None)
            if send is not None:
                while len(self._known) >= KEPT:
                    del self._known[next(iter(self._known))]
                self._known[app, name] = now, send
        return send
