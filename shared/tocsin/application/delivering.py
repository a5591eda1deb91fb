"""Delivering a chunk: claim it, run passes over it, finish it or hand it on; the order of writes keeps money right."""

import contextlib
from dataclasses import replace

from tocsin.application.delivery_pass import DeliveryPass
from tocsin.application.jobs import DeliverChunk, Recipient
from tocsin.application.metrics import Metric
from tocsin.application.ports import (
    Chunks,
    Clock,
    Jobs,
    LeaseLost,
    Meter,
    PushTransport,
    Sends,
    Subscriptions,
    Unavailable,
)
from tocsin.application.settling import Settling
from tocsin.application.signing import Signing
from tocsin.domain.chunk import MAX_OWNERS, MAX_ROUNDS, POST_SECONDS, Chunk, ChunkState, claimed, finished
from tocsin.domain.derivation import Derivation
from tocsin.domain.send import SYNC_RECIPIENTS, People, Send, SendState, tally
from tocsin.domain.subscription import Subscription, SubscriptionState

FRESH_SECONDS = 45
"""Recipients read longer ago are read again, so that nobody is sent to 60 s after unsubscribing."""
MAX_DELAY = 900


class Delivering:
    """Delivers chunks; plain synchronous code, concurrency is the transport's."""

    def __init__(
        self,
        sends: Sends,
        chunks: Chunks,
        subscriptions: Subscriptions,
        jobs: Jobs,
        transport: PushTransport,
        signing: Signing,
        settling: Settling,
        derivation: Derivation,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._jobs = jobs
        self._transport = transport
        self._signing = signing
        self._settling = settling
        self._derivation = derivation
        self._clock = clock
        self._meter = meter

    def handle(self, job: DeliverChunk, until: float) -> Chunk | None:
        """Work on a queued chunk; None when there was nothing to do for us. until: Unix seconds to be done by."""
        send = self._sends.get(job.app, job.send)
        chunk = self._chunks.get(job.app, job.send, job.number)
        if send is None or chunk is None or send.state is SendState.SETTLED or chunk.digest != job.digest:
            return None
        if chunk.state is ChunkState.DONE:
            self._settling.settle(send)
            return None
        now = self._clock.now()
        if chunk.lease_until > now:
            self._jobs.deliver(job, delay=min(MAX_DELAY, int(chunk.lease_until - now) + 1))
            return None
        over = now >= send.expires_at or chunk.epoch >= MAX_OWNERS
        recipients, read_at = self._recipients(job, send, now)
        delivery = self.begin(send, claimed(chunk, int(now), send.repeat), recipients, read_at)
        try:
            self._chunks.claim(delivery.chunk)
            if over:
                self._close(delivery)
            else:
                self.finish(delivery, until)
            return delivery.chunk
        except LeaseLost:
            self._meter.count(Metric.LEASE_LOST)
            return None

    def begin(self, send: Send, chunk: Chunk, recipients: list[Recipient | None], read_at: float) -> DeliveryPass:
        """A pass over a claimed chunk that has not started; its record tells how far it came, whatever happens.

        read_at: when the recipients were read (Unix seconds); none is tried for the first time long after that.
        """
        return DeliveryPass(
            send,
            chunk,
            recipients,
            read_at + FRESH_SECONDS,
            chunks=self._chunks,
            subscriptions=self._subscriptions,
            transport=self._transport,
            signing=self._signing,
            derivation=self._derivation,
            clock=self._clock,
            meter=self._meter,
        )

    def finish(self, delivery: DeliveryPass, until: float) -> None:
        """Run passes over a claimed chunk until it is done, or until the next one would not fit before `until`.

        What is left then goes to the queue. Raises LeaseLost.
        """
        while True:
            wait = delivery.run()
            send, now = delivery.send, self._clock.now()
            if wait is None or delivery.chunk.round >= MAX_ROUNDS or now + wait >= send.expires_at:
                self._close(delivery)
                return
            # A later round has to read the recipients again: the queue takes it there.
            if now + wait + POST_SECONDS > until or now + wait > delivery.fresh_until:
                self._hand_over(delivery, int(now + wait), int(wait))
                return
            delivery.rest(wait)
            self._clock.sleep(wait)
            delivery.again()

    def _close(self, delivery: DeliveryPass) -> None:
        send, done = delivery.send, finished(delivery.record())
        if send.reserved <= SYNC_RECIPIENTS and (accepted := delivery.accepted()):
            # Before the end is stored, so that whoever takes over after a crash notes them again: that counts once.
            with contextlib.suppress(Unavailable):
                self._subscriptions.note_accepted(send.app, send.id, accepted, int(self._clock.now()))
        if send.state is SendState.SENDING and send.chunks == 1:
            self._chunks.finish_only(done, send, tally(done), int(self._clock.now()))
            delivery.chunk = done
            return
        self._chunks.save(done)
        delivery.chunk = done
        if self._sends.chunk_done(send.app, send.id):
            current = self._sends.get(send.app, send.id)
            if current is not None:
                self._settling.settle(current)

    def _hand_over(self, delivery: DeliveryPass, not_before: int, wait: int) -> None:
        # The lease doubles as "not before": a message that comes early is put back until then.
        waiting = replace(delivery.record(), in_flight=(), lease_until=not_before)
        self._chunks.save(waiting)
        delivery.chunk = waiting
        job = DeliverChunk(waiting.app, waiting.send, waiting.number, waiting.digest, 0)
        self._jobs.deliver(job, delay=min(MAX_DELAY, wait))

    def _recipients(self, job: DeliverChunk, send: Send, now: float) -> tuple[list[Recipient | None], float]:
        """The recipients, in order, and when they were read; None for who may not be sent to any more."""
        if job.recipients and now - job.read_at <= FRESH_SECONDS:
            return list(job.recipients), job.read_at
        frozen = self._chunks.frozen(job.app, job.send, job.number)
        ids = frozen.ids if frozen else ()
        found = self._subscriptions.load(job.app, ids)
        return [
            Recipient.of(found[id_]) if id_ in found and _still_meant(send, found[id_]) else None for id_ in ids
        ], now


def _still_meant(send: Send, subscription: Subscription) -> bool:
    """Whether a frozen recipient is still one: a browser may have been turned off, or be somebody else's by now."""
    if subscription.state is not SubscriptionState.ACTIVE:
        return False
    return not isinstance(send.audience, People) or not set(send.audience.identities).isdisjoint(
        subscription.identities
    )
