"""One pass over a claimed chunk: a sliding window of POSTs, saved as results come in."""

import contextlib
from collections import deque
from dataclasses import replace

from tocsin.application.jobs import Recipient
from tocsin.application.metrics import Metric
from tocsin.application.ports import Answer, Chunks, Clock, LeaseLost, Meter, PushTransport, Subscriptions, Unavailable
from tocsin.application.signing import Signing
from tocsin.domain.chunk import LEASE_SECONDS, POST_SECONDS, SAVE_EVERY, WINDOW, Chunk, Result, claimed, waiting
from tocsin.domain.derivation import Derivation
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.notification import payload, who_token
from tocsin.domain.send import Send
from tocsin.webpush.encryption import encrypt
from tocsin.webpush.message import PushMessage, topic_of
from tocsin.webpush.origins import Endpoint, InvalidEndpoint, parse_endpoint
from tocsin.webpush.outcome import Outcome, Verdict, judge
from tocsin.webpush.request import build_request

_METRICS = {
    Outcome.ACCEPTED: Metric.ACCEPTED,
    Outcome.GONE: Metric.GONE,
    Outcome.THROTTLED: Metric.THROTTLED,
    Outcome.REJECTED: Metric.REJECTED,
    Outcome.UNAUTHORIZED: Metric.UNAUTHORIZED,
    Outcome.FORBIDDEN: Metric.FORBIDDEN,
    Outcome.TOO_LARGE: Metric.TOO_LARGE,
    Outcome.UNAVAILABLE: Metric.PUSH_SERVICE_UNAVAILABLE,
}


class DeliveryPass:
    """What one owner of a chunk does with it. `chunk` is the record as last stored; `record()` has the latest results.

    gone: whom this owner was told are gone.

    recipients: in the chunk's order; None where there is nobody to send to any more. fresh_until: Unix seconds after
    which they may have unsubscribed unnoticed, so that nobody new is tried.
    """

    def __init__(
        self,
        send: Send,
        chunk: Chunk,
        recipients: list[Recipient | None],
        fresh_until: float,
        *,
        chunks: Chunks,
        subscriptions: Subscriptions,
        transport: PushTransport,
        signing: Signing,
        derivation: Derivation,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self.send = send
        self.chunk = chunk
        self.fresh_until = fresh_until
        self.gone: list[SubscriptionId] = []
        self._recipients = recipients
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._transport = transport
        self._signing = signing
        self._clock = clock
        self._meter = meter
        self._who_secret = derivation.who_secret(send.app)
        self._topic = topic_of(send.notification.tag or send.id)
        self._payloads: dict[str | None, bytes] = {}
        self._begin(chunk)

    def rest(self, seconds: float) -> None:
        """Store what is known and that nothing is in flight, and keep the chunk while we wait. Raises LeaseLost."""
        self._store((), int(self._clock.now() + seconds) + LEASE_SECONDS)

    def again(self) -> None:
        """Claim the next round for ourselves, after a rest. Raises LeaseLost."""
        chunk = claimed(self.chunk, int(self._clock.now()), self.send.repeat)
        self._chunks.claim(chunk)
        self._begin(chunk)

    def run(self) -> float | None:
        """POST to everyone who waits. None when nothing is left to try, else the seconds to wait before another round.

        Raises LeaseLost. Nothing is in flight when it returns normally.
        """
        try:
            self._slide()
        finally:
            if self._flying:
                self._transport.cancel()
        if self._deferred:
            return self._wait()
        return 0.0 if self._left_over else None

    def accepted(self) -> list[SubscriptionId]:
        """Those whose push service accepted the message, as far as this owner knows who they are."""
        return [
            recipient.id
            for recipient, result in zip(self._recipients, self._results, strict=False)
            if recipient is not None and result is Result.ACCEPTED
        ]

    def record(self) -> Chunk:
        """The chunk with all results known so far, as its next version."""
        return replace(
            self.chunk,
            results=tuple(self._results),
            doubted=frozenset(self._doubted),
            gone=self._gone,
            version=self.chunk.version + 1,
        )

    def _slide(self) -> None:
        to_start = deque(self.chunk.in_flight)
        next_index = to_start[-1] + 1 if to_start else len(self._results)
        while to_start or self._flying:
            while to_start:
                self._start(to_start.popleft())
            for answer in self._transport.wait(1.0) if self._flying else ():
                self._record(answer)
            if self._unsaved < SAVE_EVERY and self._flying:
                continue
            room = WINDOW - len(self._flying)
            intents = tuple(waiting(self._results, next_index, self.send.repeat, room))
            if intents and self._clock.now() > self.fresh_until:
                intents, self._left_over = (), True
            if intents:
                next_index = intents[-1] + 1
            if not intents and not self._flying:
                break
            self._store((*self._flying, *intents), int(self._clock.now()) + LEASE_SECONDS)
            to_start.extend(intents)

    def _begin(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._results = list(chunk.results)
        self._doubted = set(chunk.doubted)
        self._gone = chunk.gone
        self._flying: dict[int, Endpoint] = {}
        self._signed_anew: set[int] = set()
        self._unsaved = 0
        self._deferred = False
        self._left_over = False
        self._retry_after = 0

    def _store(self, in_flight: tuple[int, ...], lease_until: int) -> None:
        stored = replace(self.record(), in_flight=in_flight, lease_until=lease_until)
        self._chunks.save(stored)
        self.chunk = stored
        self._unsaved = 0

    def _start(self, index: int) -> None:
        recipient = self._recipients[index]
        if recipient is None:
            self._settle(index, Result.FAILED)
            return
        try:
            endpoint = parse_endpoint(recipient.endpoint)
        except InvalidEndpoint:
            self._settle(index, Result.FAILED)
            return
        self._flying[index] = endpoint
        self._post(index, recipient, endpoint)

    def _post(self, index: int, recipient: Recipient, endpoint: Endpoint) -> None:
        now, send = self._clock.now(), self.send
        if now + POST_SECONDS > self.chunk.lease_until:
            raise LeaseLost
        authorization = self._signing.authorization(
            send.tenant, send.app, recipient.vapid_key, send.contact, endpoint.origin, int(now)
        )
        if authorization is None:
            del self._flying[index]
            self._settle(index, Result.FAILED)
            return
        # A retry is late: the push service may keep it only for what is left of the TTL (RFC 8030 section 5.2).
        ttl = max(0, send.notification.ttl - (int(now) - send.created_at))
        message = PushMessage(self._payload(recipient), ttl, send.notification.urgency, self._topic)
        body = encrypt(message.payload, recipient.keys)
        self._transport.start(index, build_request(endpoint, message, body, authorization), POST_SECONDS)

    def _payload(self, recipient: Recipient) -> bytes:
        who = None if recipient.external_id is None else who_token(self._who_secret, recipient.external_id)
        if who not in self._payloads:
            self._payloads[who] = payload(self.send.notification, self.send.id, self.send.site_url, who)
        return self._payloads[who]

    def _record(self, answer: Answer) -> None:
        index = answer.ticket
        endpoint = self._flying[index]
        if answer.response is None:
            self._count(Metric.UNANSWERED, endpoint)
            self._unanswered(index, sent=answer.sent)
            return
        verdict = judge(endpoint.service, answer.response, int(self._clock.now()))
        self._count(_METRICS[verdict.outcome], endpoint)
        if verdict.outcome is not Outcome.ACCEPTED:
            self._meter.refusal(endpoint.service, verdict.reason)
        match verdict.outcome:
            case Outcome.ACCEPTED:
                self._end(index, Result.ACCEPTED)
            case Outcome.GONE:
                self._expire(index)
                self._end(index, Result.FAILED)
            case Outcome.UNAUTHORIZED if index not in self._signed_anew:
                self._sign_anew(index, endpoint)
            case Outcome.THROTTLED | Outcome.UNAVAILABLE:
                self._defer(index, verdict)
            case _:
                self._meter.count(Metric.SENDER_ERROR)
                self._end(index, Result.FAILED)

    def _count(self, metric: Metric, endpoint: Endpoint) -> None:
        self._meter.count(metric, dialect=self.send.dialect, push_service=endpoint.service)

    def _unanswered(self, index: int, *, sent: bool) -> None:
        if sent:
            self._results[index] = Result.UNCERTAIN
            self._doubted.add(index)
        self._deferred = True
        del self._flying[index]
        self._unsaved += 1

    def _sign_anew(self, index: int, endpoint: Endpoint) -> None:
        recipient = self._recipients[index]
        if recipient is None:
            raise AssertionError("a POST to nobody was answered")
        self._signed_anew.add(index)
        self._signing.forget(recipient.vapid_key, endpoint.origin)
        self._post(index, recipient, endpoint)

    def _expire(self, index: int) -> None:
        recipient = self._recipients[index]
        if recipient is not None:
            self._gone += 1
            self.gone.append(recipient.id)
            # The next send finds it gone again; stopping here would put everything in flight in doubt.
            with contextlib.suppress(Unavailable):
                self._subscriptions.expire(self.send.app, recipient.id, recipient.endpoint, recipient.vapid_key)

    def _defer(self, index: int, verdict: Verdict) -> None:
        self._deferred = True
        self._retry_after = max(self._retry_after, verdict.retry_after or 0)
        del self._flying[index]
        self._unsaved += 1

    def _end(self, index: int, result: Result) -> None:
        del self._flying[index]
        self._settle(index, result)

    def _settle(self, index: int, result: Result) -> None:
        self._results[index] = result
        self._unsaved += 1

    def _wait(self) -> float:
        # 1, 4, 16, 64, 256 s, each chunk of a send a little apart so that they do not come back together.
        backoff = 4.0 ** (self.chunk.round - 1) * (1 + (self.chunk.number % 8) / 16)
        return max(backoff, float(self._retry_after))
