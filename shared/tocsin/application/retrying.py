"""The sweep of events that webhooks did not take: each minute, those whose next try is due go back into the queue."""

from tocsin.application.ports import Clock, Events, PendingEvents

SECONDS = 20
"""How long one sweep may take; the next one goes on."""
BATCH = 200
AGAIN_AFTER = 900
"""Seconds until an event is looked at again, should its message get lost; a try that failed says when itself."""


class Retrying:
    """Queues what is due; doing so twice tells an event twice, with the same id."""

    def __init__(self, pending: PendingEvents, events: Events, clock: Clock) -> None:
        self._pending = pending
        self._events = events
        self._clock = clock

    def sweep(self) -> int:
        """Queue every event that is due; how many there were."""
        began, seen = self._clock.now(), 0
        while self._clock.now() < began + SECONDS:
            due = list(self._pending.due(int(began), BATCH))
            # First, or it would undo what a worker that is faster says of the next try.
            for one in due:
                self._pending.postpone(one, int(began) + AGAIN_AFTER)
            self._events.again(due)
            seen += len(due)
            if len(due) < BATCH:
                break
        return seen
