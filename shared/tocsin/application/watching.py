"""The sends that this process works on, read again every other second: how a pause reaches every worker."""

from tocsin.application.ports import Clock, Sends
from tocsin.application.remembering import Remembered
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
        self._known: Remembered[tuple[AppId, SendId], Send] = Remembered(clock, KEPT)

    def send(self, app: AppId, name: SendId) -> Send | None:
        """The send as it was at most two seconds ago, None if there is none."""
        return self._known.get((app, name)) or self.fresh(app, name)

    def fresh(self, app: AppId, name: SendId) -> Send | None:
        """The send as it is."""
        until, send = self._clock.now() + SECONDS, self._sends.get(app, name)
        if send is not None:
            self._known.put((app, name), send, until)
        return send
