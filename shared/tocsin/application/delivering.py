"""Delivering a chunk: claim it, run passes over it, finish it or hand it on; the order of writes keeps money right."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from tocsin.application.audience import still_meant
from tocsin.application.delivery_pass import DeliveryPass, Surroundings
from tocsin.application.jobs import ChunkReceipts, DeliverChunk, Recipient, Route
from tocsin.application.metrics import Metric
from tocsin.application.ports import Events, Jobs, LeaseLost, Sends, Unavailable, WrongContext
from tocsin.application.settling import Settling
from tocsin.application.targets import Targets, target_of
from tocsin.application.waits import Waits
from tocsin.domain.chunk import MAX_OWNERS, POST_SECONDS, Chunk, ChunkState, claimed, finished, opened
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.send import SYNC_RECIPIENTS, Course, Send, SendState, tally
from tocsin.domain.subscription import FCM_KEY
from tocsin.domain.template import renderer_of

FRESH_SECONDS = 45
"""Recipients read longer ago are read again, so that nobody is sent to 60 s after unsubscribing."""
REST_SECONDS = 6
"""A longer wait is left to the queue, which waits for free."""
MAX_DELAY = 900
REPORT_DELAY = 1
"""Seconds; what became of a chunk is read from its record, which is stored right after that is queued."""
EXPIRED, CANCELLED, GIVEN_UP = "expired", "cancelled", "given up"


class Delivering:
    """Delivers chunks; plain synchronous code. Threads may work on several at once, with one transport each."""

    def __init__(
        self, sends: Sends, jobs: Jobs, events: Events, settling: Settling, surroundings: Surroundings
    ) -> None:
        self._sends = sends
        self._jobs = jobs
        self._events = events
        self._settling = settling
        self._with = surroundings
        self._chunks = surroundings.chunks
        self._clock = surroundings.clock

    def handle(self, job: DeliverChunk, until: float) -> Chunk | None:
        """Work on a queued chunk; None when there was nothing to do for us. until: Unix seconds to be done by."""
        # A message without recipients was queued for a reason, which may be what has just changed in the send.
        watching = self._with.watching
        send = watching.send(job.app, job.send) if job.recipients else watching.fresh(job.app, job.send)
        if send is None:
            return None
        try:
            if job.recipients and (fresh := self._begun_unread(send, job)):
                self.finish(fresh, until)
                return fresh.chunk
            return self._handle(send, job, until)
        except LeaseLost:
            self._with.meter.count(Metric.LEASE_LOST)
            return None

    def _begun_unread(self, send: Send, job: DeliverChunk) -> DeliveryPass | None:
        """The first message of a chunk says all that its record does: claiming it unread saves a read.

        None when somebody has written to it before, or there is something else to look at.
        """
        now = self._clock.now()
        untouched = opened(job.app, job.send, job.number, len(job.recipients), job.digest)
        if now - job.read_at > FRESH_SECONDS or send.course is not Course.RUNNING or now >= send.expires_at:
            return None
        targets: Targets = [target_of(recipient, job.app) for recipient in job.recipients]
        owned = claimed(untouched, int(now), send.repeat)
        try:
            targets = self._claim(send, owned, targets)
        except LeaseLost:
            return None
        return self.begin(send, owned, targets, job.read_at)

    def _handle(self, send: Send, job: DeliverChunk, until: float) -> Chunk | None:
        chunk = self._chunks.get(job.app, job.send, job.number)
        if chunk is None or chunk.digest != job.digest:
            return None
        if chunk.state is ChunkState.DONE:
            self._settle(send)
            return None
        now = self._clock.now()
        end = _end_of(send, chunk, now)
        # Whoever only waits for a better time has nothing in flight, and need not be waited for at the end.
        if chunk.lease_until > now and not (end and not chunk.in_flight):
            self._jobs.deliver([job], delay=min(MAX_DELAY, int(chunk.lease_until - now) + 1))
            return None
        if send.course is Course.PAUSED and not end:
            return None
        return self._end(send, chunk, end) if end else self._work(send, chunk, job, until)

    def prepare(self, send: Send, targets: Targets) -> Targets:
        """Open the keys of these recipients before anything is claimed: a key that fails must put nobody in doubt.

        Access to FCM, for those who are reached by it, is looked after here too. A key that cannot be opened among
        others that can takes nobody but its own recipients along: they are not signable then. Raises WrongContext when
        none can be opened.
        """
        keys = {target.recipient.vapid_key for target in targets if target is not None}
        if FCM_KEY in keys:
            self._with.fcm.prepare(send.tenant, send.app)
        spoilt = {key for key in keys - {FCM_KEY} if not self._with.signing.opens(send.tenant, send.app, key)}
        if not spoilt:
            return targets
        if spoilt == keys:
            raise WrongContext
        return [
            replace(target, signable=False) if target is not None and target.recipient.vapid_key in spoilt else target
            for target in targets
        ]

    def recipients(self, send: Send, ids: Sequence[SubscriptionId]) -> list[Recipient | None]:
        """These recipients of a send as they are stored, in this order; None for who may not be sent to any more.

        The only way to recipients of a personal text: it is filled in with what is stored of them.
        """
        found, renderer = self._with.subscriptions.load(send.app, ids), renderer_of(send)
        return [
            Recipient.of(one, None if renderer is None else renderer.to(one))
            if (one := found.get(id_)) is not None and still_meant(send, one)
            else None
            for id_ in ids
        ]

    def begin(self, send: Send, chunk: Chunk, targets: Targets, read_at: float) -> DeliveryPass:
        """A pass over a claimed chunk that has not started; its record tells how far it came, whatever happens.

        read_at: when the recipients were read (Unix seconds); none is tried for the first time long after that.
        """
        return DeliveryPass(send, chunk, targets, read_at + FRESH_SECONDS, self._with)

    def finish(self, delivery: DeliveryPass, until: float) -> None:
        """Run passes over a claimed chunk until it is done, paused, or the next one would not fit before `until`.

        What is left then goes to the queue. Raises LeaseLost.
        """
        while (next_at := delivery.run(until)) is not None:
            if self._stopped(delivery):
                return
            now = self._clock.now()
            if now >= delivery.ends_at:
                self._close(delivery, EXPIRED)
                return
            # A later round has to read the recipients again: the queue takes it there.
            if next_at - now > REST_SECONDS or next_at + POST_SECONDS > min(until, delivery.fresh_until):
                self._lay_down(delivery, int(next_at))
                cancelled = self._course(delivery) is Course.CANCELLED
                self._queue(delivery.send, delivery.chunk, 0 if cancelled else next_at - now)
                return
            delivery.rest(next_at)
            self._clock.sleep(max(0.0, next_at - now))
            if self._stopped(delivery):
                return
            delivery.again()
        self._close(delivery)

    def _stopped(self, delivery: DeliveryPass) -> bool:
        """Whether the customer wants the send to rest or to end; then this chunk does."""
        course = delivery.look()
        if course is Course.CANCELLED:
            self._close(delivery, CANCELLED)
        elif course is Course.PAUSED:
            self._lay_down(delivery, 0)
            if self._course(delivery) is not Course.PAUSED:
                self._queue(delivery.send, delivery.chunk, 0)
        return course is not Course.RUNNING

    def _course(self, delivery: DeliveryPass) -> Course:
        """The latest, once a chunk is laid down: who steered before saw its POSTs in flight and left the rest to us."""
        send = self._with.watching.fresh(delivery.send.app, delivery.send.id)
        return delivery.course if send is None else send.course

    def _work(self, send: Send, chunk: Chunk, job: DeliverChunk, until: float) -> Chunk:
        recipients, read_at = self._recipients(job, send)
        targets = [target_of(recipient, job.app) for recipient in recipients]
        now = self._clock.now()
        owned = claimed(chunk, int(now), send.repeat, Waits(chunk, targets, send.expires_at).held(now))
        delivery = self.begin(send, owned, self._claim(send, owned, targets), read_at)
        self.finish(delivery, until)
        return delivery.chunk

    def _claim(self, send: Send, owned: Chunk, targets: Targets) -> Targets:
        """Claim what we can sign for. What fails counts an owner all the same, so that it is given up in the end."""
        prepared: Targets | None = None
        try:
            prepared = self.prepare(send, targets)
        finally:
            self._chunks.claim(owned if prepared is not None else replace(owned, in_flight=(), lease_until=0))
        return prepared

    def _end(self, send: Send, chunk: Chunk, reason: str) -> Chunk:
        """Close a chunk that nobody is tried of any more."""
        everybody = range(len(chunk.results))
        owned = claimed(chunk, int(self._clock.now()), send.repeat, everybody)
        self._chunks.claim(owned)
        delivery = self.begin(send, owned, [None] * len(everybody), 0)
        self._close(delivery, reason)
        return delivery.chunk

    def _close(self, delivery: DeliveryPass, reason: str = "") -> None:
        if reason:
            delivery.fail_the_rest(reason)
        send, done = delivery.send, finished(delivery.record())
        if send.traced and not self._report(send, done):
            self._lay_down(delivery, 0)  # the sweep finds it, with nobody left to try
            return
        if send.reserved <= SYNC_RECIPIENTS and (accepted := delivery.accepted()):
            # Before the end is stored, so that whoever takes over after a crash notes them again: that counts once.
            with contextlib.suppress(Unavailable):
                self._with.subscriptions.note_accepted(send.app, send.id, accepted, int(self._clock.now()))
        if send.state is SendState.SENDING and send.chunks == 1:
            self._chunks.finish_only(done, send, tally(done), int(self._clock.now()))
            delivery.saved(done)
            return
        self._chunks.save(done)
        delivery.saved(done)
        if self._sends.chunk_done(send.app, send.id) >= send.chunks:
            self._settle(send)

    def _report(self, send: Send, done: Chunk) -> bool:
        """Have its app told what became of a chunk; whether that is queued.

        Before its end is stored, so that whoever takes over after a crash tells it again; the events' ids are the same.
        """
        try:
            self._events.report(ChunkReceipts(send.app, send.id, done.number), REPORT_DELAY)
        except Unavailable:
            return False
        return True

    def _settle(self, send: Send) -> None:
        """Settle if this was the last chunk; what we believe of the send may be from before it was planned."""
        known: Send | None = send
        if send.state is SendState.PLANNED:
            known = self._with.watching.fresh(send.app, send.id)
        if known is not None:
            self._settling.settle(known)

    def _lay_down(self, delivery: DeliveryPass, not_before: int) -> None:
        # The lease doubles as "not before": a message that comes early is put back until then.
        idle = replace(delivery.record(), in_flight=(), lease_until=not_before)
        self._chunks.save(idle)
        delivery.saved(idle)

    def _queue(self, send: Send, chunk: Chunk, wait: float) -> None:
        job = DeliverChunk(chunk.app, chunk.send, chunk.number, chunk.digest, Route.of(send))
        self._jobs.deliver([job], delay=max(0, min(MAX_DELAY, ceil(wait))))

    def _recipients(self, job: DeliverChunk, send: Send) -> tuple[list[Recipient | None], float]:
        """The recipients, in order, and when they were read; None for who may not be sent to any more."""
        now = self._clock.now()
        if job.recipients and now - job.read_at <= FRESH_SECONDS:
            return list(job.recipients), job.read_at
        frozen = self._chunks.frozen(job.app, job.send, job.number)
        return self.recipients(send, frozen.ids if frozen else ()), now


def _end_of(send: Send, chunk: Chunk, now: float) -> str:
    """Why nobody of this chunk is tried any more; the empty text while somebody is."""
    if send.course is Course.CANCELLED:
        return CANCELLED
    if now >= send.expires_at:
        return EXPIRED
    return GIVEN_UP if chunk.epoch >= MAX_OWNERS else ""
