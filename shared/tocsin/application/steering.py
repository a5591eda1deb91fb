"""Pausing, resuming and cancelling a send that is under way."""

from tocsin.application.ports import Clock, Sends
from tocsin.application.resuming import Resuming
from tocsin.application.settling import Settling
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, Send


class Steering:
    """Changes the course of sends. Workers look at it every other second: no POST begins later than 12 s after."""

    def __init__(self, sends: Sends, resuming: Resuming, settling: Settling, clock: Clock) -> None:
        self._sends = sends
        self._resuming = resuming
        self._settling = settling
        self._clock = clock

    def steer(self, app: AppId, name: SendId, course: Course) -> Send:
        """Pause, resume or cancel; asking twice changes nothing. The send afterwards.

        A paused send still ends with its TTL. A cancelled one ends with whom it reached, and the rest is released.
        Raises Refused: NOT_FOUND, or CONFLICT when it is settled or cancelled already.
        """
        send = self._sends.steer(app, name, course)
        if send is None:
            known = self._sends.get(app, name)
            if known is None:
                raise Refused(Fault.NOT_FOUND, "No such send")
            if known.course is course:
                return known
            raise Refused(Fault.CONFLICT, "The send is over: it can no longer be paused, resumed or cancelled")
        if course is not Course.PAUSED:
            now = self._clock.now()
            if not self._settling.settle(send):
                # Whoever holds a chunk looks for himself; what nobody holds needs a message.
                self._resuming.resume(send, lambda chunk: chunk.lease_until <= now or not chunk.in_flight)
        return send
