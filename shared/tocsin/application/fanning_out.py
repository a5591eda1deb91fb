"""Opening the chunks of a large send: freeze who is in each, queue it, go on; a restart repeats nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tocsin.application.jobs import DeliverChunk, FanOut, Recipient, encode_deliver
from tocsin.application.ports import Chunks, Clock, Frozen, Jobs, Sends, Subscriptions
from tocsin.application.sending import digest_of
from tocsin.application.settling import Settling
from tocsin.domain.chunk import CHUNK_SIZE, finished, opened
from tocsin.domain.ids import AppId
from tocsin.domain.send import Everyone, Listed, People, Send, SendState
from tocsin.domain.subscription import Subscription, SubscriptionState

MESSAGE_LIMIT = 1_048_576
"""Bytes of a queue's message (ASCII); recipients that do not fit are read again by the worker."""


class FanningOut:
    """Plans sends chunk by chunk. Chunk numbers follow each other, so a second planner finds what the first one did."""

    def __init__(
        self, sends: Sends, chunks: Chunks, subscriptions: Subscriptions, jobs: Jobs, settling: Settling, clock: Clock
    ) -> None:
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._jobs = jobs
        self._settling = settling
        self._clock = clock

    def handle(self, job: FanOut) -> int:
        """Open and queue every chunk of a planned send; how many there are. 0 when there was nothing to do."""
        send = self._sends.get(job.app, job.send)
        if send is None or send.state is not SendState.PLANNED:
            return 0
        number, total, after = 0, 0, None
        while total < send.reserved:
            frozen = self._chunks.frozen(send.app, send.id, number)
            if frozen is None:
                frozen = self._open(send, number, after, min(CHUNK_SIZE, send.reserved - total))
            elif frozen.ids:
                self._queue(send, number, frozen, [])
            number, total, after = number + 1, total + len(frozen.ids), frozen.after
            if after is None:
                break
        self._sends.all_opened(send.app, send.id, number)
        current = self._sends.get(send.app, send.id)
        if current is not None:
            self._settling.settle(current)
        return number

    def _open(self, send: Send, number: int, after: str | None, limit: int) -> Frozen:
        found, resume = self._next(send, after, limit)
        frozen = Frozen(tuple(subscription.id for subscription in found), resume)
        chunk = opened(send.app, send.id, number, len(found), digest_of(frozen.ids))
        # An end that finds nobody is frozen too: a slower planner that still saw somebody must not go on after it.
        if not self._chunks.add(chunk if found else finished(chunk), frozen):
            # Another planner was faster; the people it froze are the ones who count.
            frozen, found = self._chunks.frozen(send.app, send.id, number) or frozen, []
        if frozen.ids:
            self._queue(send, number, frozen, found)
        return frozen

    def _queue(self, send: Send, number: int, frozen: Frozen, found: Sequence[Subscription]) -> None:
        now, carried = int(self._clock.now()), tuple(map(Recipient.of, found))
        job = DeliverChunk(send.app, send.id, number, digest_of(frozen.ids), now, carried)
        if len(encode_deliver(job)) > MESSAGE_LIMIT:
            job = replace(job, recipients=())
        self._jobs.deliver(job)

    def _next(self, send: Send, after: str | None, limit: int) -> tuple[Sequence[Subscription], str | None]:
        if isinstance(send.audience, Everyone):
            walk = self._subscriptions.walk(send.app, after, limit)
            return walk.subscriptions, walk.after
        everyone = sorted(self._named(send.app, send.audience), key=lambda subscription: subscription.id)
        rest = [subscription for subscription in everyone if after is None or subscription.id > after]
        return rest[:limit], (rest[limit - 1].id if len(rest) > limit else None)

    def _named(self, app: AppId, audience: People | Listed) -> Iterable[Subscription]:
        if isinstance(audience, People):
            return self._subscriptions.of(app, audience.identities)
        found = self._subscriptions.load(app, audience.subscriptions).values()
        return (subscription for subscription in found if subscription.state is SubscriptionState.ACTIVE)
