"""Counting what readers did with their messages: each recipient once, however often and in what order it is reported.

Whatever follows from something new is done before that is noted as known: the note that is read, the webhook that is
told, the flow that begins. Each of them can be repeated without harm, so a crash in between repeats it and loses none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tocsin.application.metrics import Metric
from tocsin.application.ports import (
    Chunks,
    Clock,
    Engagements,
    Events,
    Inbox,
    Meter,
    Sends,
    Stale,
    Subscriptions,
    Unavailable,
)
from tocsin.application.receipts import click
from tocsin.application.remembering import Remembered
from tocsin.application.sightings import Batch
from tocsin.application.triggering import Triggering
from tocsin.domain.engagement import Act, Sighting, news, noted
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.place_token import Place
from tocsin.domain.send import Origin, Send

RACES = 8
KNOWN_SENDS = 500
KNOWN_SECONDS = 600
"""What counting needs of a send never changes; this only bounds what is kept of sends that are over."""
_METRICS = {Act.DISPLAYED: Metric.DISPLAYED, Act.CLICKED: Metric.CLICKED, Act.DISMISSED: Metric.DISMISSED}
_TRIGGERS = {
    Act.DISPLAYED: Trigger.DISPLAYED,
    Act.CLICKED: Trigger.CLICKED,
    Act.DISMISSED: Trigger.DISMISSED,
}


class Counting:
    """The worker of the events' queue. Threads may share it."""

    def __init__(
        self,
        sends: Sends,
        chunks: Chunks,
        subscriptions: Subscriptions,
        engagements: Engagements,
        inbox: Inbox,
        events: Events,
        triggering: Triggering,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._engagements = engagements
        self._inbox = inbox
        self._events = events
        self._triggering = triggering
        self._clock = clock
        self._meter = meter
        self._known: Remembered[tuple[AppId, SendId], Send] = Remembered(clock, KNOWN_SENDS)

    def count(self, batch: Batch) -> int:
        """Count what is new, and have follow what follows from it; how much was new. Repeated, it changes nothing.

        Of a send that is kept no longer, nothing is. Raises Unavailable.
        """
        send = self._send(batch.app, batch.send)
        if send is None:
            return 0
        now, followed = int(self._clock.now()), set[tuple[Act, int]]()
        # A device's clock may be wrong: nothing happened before the send was made, or after it was reported.
        at_most = [each._replace(at=min(max(each.at, send.created_at), now)) for each in batch.sightings]
        for _ in range(RACES):
            block = self._engagements.block(batch.app, batch.send, batch.number)
            new = news(block, at_most, clicks_only=send.clicks_only)
            if not new:
                return 0
            self._follow(send, [each for each in new if (each.act, each.bit) not in followed])
            followed |= {(each.act, each.bit) for each in new}
            try:
                self._engagements.put(noted(block, new), send.created_at)
            except Stale:
                continue
            self._measure(send, new)
            return len(new)
        raise Unavailable

    def _send(self, app: AppId, name: SendId) -> Send | None:
        known = self._known.get((app, name))
        if known is None:
            known = self._sends.get(app, name)
            if known is not None:
                self._known.put((app, name), known, self._clock.now() + KNOWN_SECONDS)
        return known

    def _follow(self, send: Send, new: Sequence[Sighting]) -> None:
        """Do what follows from what is new."""
        clicks = [each for each in new if each.act is Act.CLICKED]
        if clicks and send.inbox is not None:
            self._inbox.mark_read(send.app, send.inbox, send.created_at, send.id, clicks[0].at)
        if clicks and send.traced:
            self._tell(send, clicks)
        if send.origin is not Origin.FLOW:  # what a flow itself has sent begins no run (PU-87)
            for act, trigger in _TRIGGERS.items():
                self._trigger(send, trigger, [each for each in new if each.act is act])

    def _tell(self, send: Send, clicks: Sequence[Sighting]) -> None:
        """Tell the app's webhook."""
        recipients = self._recipients(send, clicks)
        known = self._subscriptions.load(send.app, tuple(set(recipients.values())))
        self._events.emit(
            [
                click(send, place.chunk, place.index, id_, known.get(id_), at)
                for _, _, place, at in clicks
                if (id_ := recipients.get(place)) is not None
            ]
        )

    def _trigger(self, send: Send, trigger: Trigger, sightings: Sequence[Sighting]) -> None:
        """Begin the runs that wait for this."""
        if sightings and (flows := self._triggering.wanted(send.app, trigger, send.id)):
            recipients = self._recipients(send, sightings)
            happenings = [(recipients[each.place], each.at) for each in sightings if each.place in recipients]
            self._triggering.begin(send.app, flows, trigger, happenings)

    def _recipients(self, send: Send, sightings: Sequence[Sighting]) -> Mapping[Place, SubscriptionId]:
        """Who is meant, as the send's chunks have it."""
        numbers = {each.place.chunk for each in sightings}
        frozen = {number: self._chunks.frozen(send.app, send.id, number) for number in numbers}
        return {
            each.place: chunk.ids[each.place.index]
            for each in sightings
            if (chunk := frozen[each.place.chunk]) is not None
        }

    def _measure(self, send: Send, new: Iterable[Sighting]) -> None:
        for (act, service), number in Counter((each.act, each.place.service) for each in new).items():
            self._meter.count(_METRICS[act], number, dialect=send.dialect, push_service=service)
