"""One pass over a claimed chunk: a sliding window of POSTs, saved as results come in."""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from tocsin.application.fcm_access import FcmAccess
from tocsin.application.fcm_posting import FcmPosting
from tocsin.application.metrics import Metric
from tocsin.application.pacing import Admission, Pacing
from tocsin.application.ports import (
    Answer,
    Chunks,
    Clock,
    Gone,
    Meter,
    PushTransport,
    Subscriptions,
    Unavailable,
)
from tocsin.application.posting import NO_KEY, Posting, Unsent, WebPosting
from tocsin.application.rejecting import FOR_GOOD, Rejecting
from tocsin.application.signing import Signing
from tocsin.application.tallying import Tallying
from tocsin.application.targets import Target, Targets
from tocsin.application.waits import Waits
from tocsin.application.watching import Watching
from tocsin.domain.chunk import (
    LEASE_SECONDS,
    POST_SECONDS,
    SAVE_EVERY,
    WINDOW,
    Chunk,
    Result,
    claimed,
    untried,
)
from tocsin.domain.derivation import Derivation
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.report import NOBODY, Fate, Said
from tocsin.domain.send import Course, Send
from tocsin.webpush.outcome import Outcome, Verdict

PATIENCE = 1.0
"""Seconds after which recipients go on although little of the window is free: some origin is slow."""
CROWDED = 0.05
"""Seconds to wait where other chunks of this process keep a push service busy."""
UNSUBSCRIBED, NO_ANSWER, NOT_SENT = "unsubscribed", "no answer", "not sent"
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


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What passes work with; one for a process."""

    chunks: Chunks
    subscriptions: Subscriptions
    transport: PushTransport
    signing: Signing
    watching: Watching
    pacing: Pacing
    derivation: Derivation
    clock: Clock
    meter: Meter
    fcm: FcmAccess


class DeliveryPass:
    """What one owner of a chunk does with it. `chunk` is the record as last stored; `record()` has the latest results.

    course: what the customer wants of the send, as of the last look. gone: whom this owner was told are gone.
    """

    def __init__(
        self,
        send: Send,
        chunk: Chunk,
        targets: Targets,
        fresh_until: float,
        surroundings: Surroundings,
    ) -> None:
        """fresh_until: Unix seconds after which targets may have unsubscribed unnoticed; nobody new is tried then."""
        self.send = send
        self.chunk = chunk
        self.course = send.course
        self.fresh_until = fresh_until
        self.ends_at = send.expires_at - 1  # nobody is tried in the last second any more
        self.gone: list[SubscriptionId] = []
        self._targets = targets
        self._with = surroundings
        self._clock = surroundings.clock
        self._transport = surroundings.transport
        self._pacing = surroundings.pacing
        self._web = WebPosting(send, surroundings.signing, surroundings.derivation)
        self._fcm = FcmPosting(send, surroundings.fcm, surroundings.derivation)
        self._buried: list[Gone] = []
        self._rejecting = Rejecting(send.app, surroundings.subscriptions)
        self._tallying = Tallying(surroundings.clock, surroundings.meter, send.dialect)
        self._begin(chunk)

    def rest(self, until: float) -> None:
        """Store what is known and that nothing is in flight, and keep the chunk while we wait. Raises LeaseLost."""
        self._store((), ceil(until) + LEASE_SECONDS)

    def again(self) -> None:
        """Claim the next round for ourselves, after a rest. Raises LeaseLost."""
        if any(target is not None and target.recipient.keys is None for target in self._targets):
            self._with.fcm.prepare(self.send.tenant, self.send.app)
        now = int(self._clock.now())
        chunk = claimed(self.chunk, now, self.send.repeat, self._waits.held(now))
        self._with.chunks.claim(chunk)
        self._begin(chunk)

    def run(self, until: float) -> float | None:
        """POST to everyone whose time has come; until: Unix seconds by which everything must have ended.

        None when nothing is left to try, else when to go on. Raises LeaseLost. Nothing is in flight when it returns.
        """
        try:
            self._slide(min(until - POST_SECONDS, self.fresh_until, self.ends_at))
        finally:
            if self._flying:
                self._transport.cancel()
                for target in self._flying.values():
                    self._pacing.abandoned(target.endpoint.origin)
            self._report()
        self._give_up()
        return self._next_round()

    def look(self) -> Course:
        """What the customer wants of the send; asked before anybody new is tried."""
        send = self._with.watching.send(self.send.app, self.send.id)
        if send is not None:
            self.course = send.course
        return self.course

    def accepted(self) -> list[SubscriptionId]:
        """Those whose push service accepted the message, as far as this owner knows who they are."""
        return [target.recipient.id for target in self._reached()]

    def record(self) -> Chunk:
        """The chunk with all results known so far, as its next version."""
        version = self.chunk.version + 1
        return replace(
            self.chunk,
            results=tuple(self._results),
            doubted=frozenset(self._doubted),
            waits=self._waits.stored(),
            put_off=self._waits.waiting(),
            report=self._tallying.report(self.chunk, version),
            version=version,
        )

    def fail_the_rest(self, reason: str) -> None:
        """Nobody is tried any more: who is still pending failed, for this reason."""
        for index, result in enumerate(self._results):
            if result is Result.PENDING:
                self._settle(index, Result.FAILED, Said(NOBODY, Fate.FAILED, reason))

    def _reached(self) -> Iterator[Target]:
        results = zip(self._targets, self._results, strict=False)
        return (target for target, result in results if target is not None and result is Result.ACCEPTED)

    # --- the window -------------------------------------------------------------------------------------------------

    def _begin(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self._results = list(chunk.results)
        self._doubted = set(chunk.doubted)
        self._waits = Waits(chunk, self._targets, self.send.expires_at)
        self._flying: dict[int, Target] = {}
        self._signed: dict[int, str] = {}
        self._signed_anew: set[int] = set()
        self._long: set[int] = set()
        self._shortened: set[int] = set()
        self._ready = deque(chunk.in_flight)
        skipped = self._waits.held(self._clock.now()).union(chunk.in_flight)
        self._line = deque(index for index in untried(self._results, self.send.repeat) if index not in skipped)
        self._stored_at = self._clock.now()

    def _slide(self, stop_at: float) -> None:
        while True:
            self._start_ready(stop_at)
            for answer in self._transport.wait(PATIENCE) if self._flying else ():
                self._record(answer)
            if not self._line:
                if not (self._flying or self._ready):
                    return
                continue
            now, room = self._clock.now(), WINDOW - len(self._flying) - len(self._ready)
            if self._flying and room < SAVE_EVERY and now - self._stored_at < PATIENCE:
                continue
            if now > stop_at or self.look() is not Course.RUNNING:
                self._line.clear()
                continue
            intents = self._picked(room, now)
            if self._flying and len(intents) < min(SAVE_EVERY, len(self._line)) and now - self._stored_at < PATIENCE:
                self._line.extendleft(reversed(intents))
            elif intents:
                self._store((*self._flying, *self._ready, *intents), int(now) + LEASE_SECONDS)
                self._ready.extend(intents)
            elif self._line and not self._flying:
                self._clock.sleep(CROWDED)

    def _picked(self, room: int, now: float) -> list[int]:
        """The next recipients whose push services take messages now; others wait in line, or are put off."""
        picked: list[int] = []
        admission = self._pacing.admission(now)
        for _ in range(len(self._line)):
            if len(picked) == room:
                break
            index = self._line.popleft()
            target = self._targets[index]
            if target is None or self._admitted(index, target, admission):
                picked.append(index)
        return picked

    def _start_ready(self, stop_at: float) -> None:
        """Begin what is stored as intended, or again; what may not begin any more stays pending, for a later round."""
        if not self._ready:
            return
        now = self._clock.now()
        if now > stop_at or self.look() is not Course.RUNNING:
            self._ready.clear()
        elif now + POST_SECONDS > self.chunk.lease_until:
            self._line.extend(self._ready)  # the next save makes the lease longer
            self._ready.clear()
        admission = self._pacing.admission(now)
        while self._ready:
            index = self._ready.popleft()
            target = self._targets[index]
            if target is None:
                self._settle(index, Result.FAILED, Said(NOBODY, Fate.FAILED, UNSUBSCRIBED))
            elif not target.signable:
                self._settle(index, Result.FAILED, Said(NOBODY, Fate.FAILED, NO_KEY))
            elif self._admitted(index, target, admission):
                self._post(index, target)

    def _admitted(self, index: int, target: Target, admission: Admission) -> bool:
        """Whether it may go now; else it is put off, or back in the line when its push service is only busy."""
        place = target.endpoint.origin, target.recipient.vapid_key
        hold = admission.hold(*place)
        if hold is not None:
            self._defer(index, target, hold.reason, hold.until, of_key=hold.of_key)
        elif admission.takes(*place):
            return True
        else:
            self._line.append(index)
        return False

    def _post(self, index: int, target: Target) -> None:
        now = self._clock.now()
        if now + POST_SECONDS > self.chunk.lease_until:
            self._line.append(index)
            return
        place, short = (self.chunk.number, index), index in self._shortened
        post = self._posting(target).post(target, place, now, short=short)
        if isinstance(post, Unsent):
            self._not_posted(index, target, post)
            return
        self._flying[index], self._signed[index] = target, post.signed
        if post.long:
            self._long.add(index)
        self._pacing.begun(target.endpoint.origin)
        self._waits.tried(index)
        self._tallying.post()
        self._transport.start(index, post.request, POST_SECONDS)

    def _posting(self, target: Target) -> Posting:
        return self._fcm if target.recipient.keys is None else self._web

    def _not_posted(self, index: int, target: Target, unsent: Unsent) -> None:
        if unsent.until is None:
            self._settle(index, Result.FAILED, Said(NOBODY, Fate.FAILED, unsent.reason))
        else:
            self._defer(index, target, unsent.reason, unsent.until)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _record(self, answer: Answer) -> None:
        index, now = answer.ticket, self._clock.now()
        target = self._flying.pop(index)
        if answer.response is None:
            self._count(Metric.UNANSWERED, target)
            self._learn(target, None, NO_ANSWER, None, now)
            self._unanswered(index, target, sent=answer.sent)
            return
        verdict = self._posting(target).judge(target, answer.response, int(now))
        self._count(_METRICS[verdict.outcome], target)
        self._learn(target, self._outcome(index, verdict), verdict.reason, verdict.retry_after, now)
        if verdict.outcome is not Outcome.ACCEPTED:
            self._with.meter.refusal(target.endpoint.service, verdict.reason)
        match verdict.outcome:
            case Outcome.ACCEPTED:
                reason = "" if verdict.reason.startswith("status ") else verdict.reason
                self._settle(index, Result.ACCEPTED, Said(target.endpoint.service, Fate.ACCEPTED, reason))
                if target.recipient.shown is not None:
                    self._tallying.missing(target.recipient.shown.missing)
            case Outcome.GONE:
                self.gone.append(target.recipient.id)
                self._buried.append(Gone(target.recipient.id, target.recipient.endpoint, target.recipient.vapid_key))
                self._settle(index, Result.FAILED, Said(target.endpoint.service, Fate.GONE, verdict.reason))
            case Outcome.UNAUTHORIZED if index not in self._signed_anew:
                self._signed_anew.add(index)
                self._posting(target).renew(self._signed[index])
                self._ready.append(index)
            case Outcome.TOO_LARGE if index in self._long:
                self._long.remove(index)
                self._shortened.add(index)
                self._ready.append(index)
            case Outcome.THROTTLED | Outcome.UNAVAILABLE:
                self._defer(index, target, verdict.reason, ceil(now) + (verdict.retry_after or 0))
            case _:
                self._tallying.measure(Metric.SENDER_ERROR)
                # FCM says itself when a token is over; all else that it refuses is the fault of the project.
                if verdict.outcome in FOR_GOOD and target.recipient.keys is not None:
                    self._rejecting.rejected(target)
                self._settle(index, Result.FAILED, Said(target.endpoint.service, Fate.FAILED, verdict.reason))

    def _outcome(self, index: int, verdict: Verdict) -> Outcome:
        """What it says of the key: a token that was refused twice is refused for what it is signed with."""
        again = verdict.outcome is Outcome.UNAUTHORIZED and index in self._signed_anew
        return Outcome.FORBIDDEN if again else verdict.outcome

    def _learn(self, target: Target, outcome: Outcome | None, reason: str, retry_after: int | None, now: float) -> None:
        origin, key = target.endpoint.origin, target.recipient.vapid_key
        if self._pacing.ended(origin, key, outcome, reason, retry_after, now):
            self._count(Metric.CIRCUIT_OPENED, target)

    def _count(self, metric: Metric, target: Target) -> None:
        self._tallying.measure(metric, target.endpoint.service)

    def _unanswered(self, index: int, target: Target, *, sent: bool) -> None:
        if sent:
            self._results[index] = Result.UNCERTAIN
            self._doubted.add(index)
        self._defer(index, target, NO_ANSWER if sent else NOT_SENT, 0)

    def _defer(self, index: int, target: Target, reason: str, until: int, *, of_key: bool = False) -> None:
        """Not now: the recipient keeps its result and is tried again in a later round."""
        self._waits.put_off(index, target.key_place if of_key else target.endpoint.service, until, reason)
        self._tallying.said(Said(target.endpoint.service, Fate.RETRIED, reason))

    def _settle(self, index: int, result: Result, said: Said) -> None:
        self._results[index] = result
        self._tallying.said(said)

    # --- the end of a round -----------------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """Fail whose push service put us off too often, or for longer than the message lives."""
        self._waits.end_round(self._clock.now(), self.chunk.number)
        for index, target in enumerate(self._targets):
            wait = self._waits.of(index)
            if target is None or wait is None or not self._waits.spent(wait):
                continue
            if self._results[index] is Result.PENDING:
                self._settle(index, Result.FAILED, Said(target.endpoint.service, Fate.FAILED, wait.reason))

    def _next_round(self) -> float | None:
        now = self._clock.now()
        waits = [self._waits.of(index) for index in untried(self._results, self.send.repeat)]
        times = [
            now if wait is None else max(now, float(wait.until))
            for wait in waits
            if wait is None or not self._waits.spent(wait)
        ]
        return min(times, default=None)

    # --- what is known goes out -------------------------------------------------------------------------------------

    def _store(self, in_flight: tuple[int, ...], lease_until: int) -> None:
        stored = replace(self.record(), in_flight=in_flight, lease_until=lease_until)
        self._with.chunks.save(stored)
        self.saved(stored)

    def saved(self, chunk: Chunk) -> None:
        """Go on from what was stored now."""
        self.chunk = chunk
        self._stored_at = self._clock.now()
        self._tallying.stored()
        self._report()

    def _report(self) -> None:
        self._tallying.flush()
        buried, self._buried = self._buried, []
        if buried:
            # The next send finds them gone again; stopping here would put everything in flight in doubt.
            with contextlib.suppress(Unavailable):
                self._with.subscriptions.expire_all(self.send.app, buried)
        with contextlib.suppress(Unavailable):
            self._rejecting.report(self._reached())
