"""Accepting a send: check, reserve the money, deliver here and now if it is small, queue it if not."""

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from tocsin.application.delivering import Delivering
from tocsin.application.jobs import FanOut, Recipient
from tocsin.application.ports import (
    Clock,
    Credits,
    EarlierSend,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    Jobs,
    LeaseLost,
    Randomness,
    Sends,
    Subscriptions,
    Unavailable,
)
from tocsin.application.settling import Settling
from tocsin.domain.chunk import Chunk, Repeat, claimed, opened
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.notification import Notification, NotificationTooLong, payload
from tocsin.domain.send import SYNC_RECIPIENTS, Audience, Charge, Everyone, Send, SendState, Tally, tally
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App, DialectName

SYNC_SECONDS = 20
"""How long delivering may take of a request; the gateway gives up after 30."""
MINIMUM_LIFE = 60
SWEEP_AFTER = 60
IDEMPOTENCY_SECONDS = 24 * 3600
_RACES = 8
_WHO_SAMPLE = "x" * 11  # as long as a real person token, to measure with


class Shortage(StrEnum):
    """What to do when the credits cover only a part of the audience: send to none, or to the most recently seen."""

    REFUSE = "refuse"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a client sent to make a retry safe. fingerprint: hex SHA-256 of the canonical request body."""

    route: str
    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SendCommand:
    """A request to send. most: the largest number of recipients to consider, the most recently seen first."""

    app: App
    dialect: DialectName
    audience: Audience
    notification: Notification
    charge: Charge
    shortage: Shortage = Shortage.REFUSE
    most: int | None = None
    idempotency: IdempotencyKey | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a caller is told. send None: there was nobody to send to. balance: credits available afterwards.

    queued: delivery goes on after the answer; the counts are those so far.
    """

    send: SendId | None
    targets: int
    counts: Tally
    queued: bool
    balance: int
    replayed: bool = False


class Sending:
    """The use case behind every route that sends."""

    def __init__(
        self,
        sends: Sends,
        credits: Credits,  # noqa: A002 - the domain's word
        subscriptions: Subscriptions,
        delivering: Delivering,
        settling: Settling,
        jobs: Jobs,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._sends = sends
        self._credits = credits
        self._subscriptions = subscriptions
        self._delivering = delivering
        self._settling = settling
        self._jobs = jobs
        self._clock = clock
        self._randomness = randomness

    def send(self, command: SendCommand) -> SendResult:
        """Send, or queue the sending of, a notification.

        Raises Refused: FIELD_INVALID (too long for one message), CREDITS_EXHAUSTED, IDEMPOTENCY_IN_FLIGHT,
        IDEMPOTENCY_MISMATCH; nothing is then stored or charged. After one acceptance it never raises.
        """
        _check_length(command)
        idempotency = self._idempotency(command)
        if idempotency is not None and (earlier := self._sends.earlier(command.app.id, idempotency)) is not None:
            return self._replay(command.app.id, earlier, idempotency)
        if command.charge is Charge.CREDITS and self._available(command.app.id) == 0:
            raise Refused(Fault.CREDITS_EXHAUSTED, "Insufficient credits")
        audience, total = self._audience(command)
        if total == 0:
            return SendResult(None, 0, Tally(), queued=False, balance=self._available(command.app.id))
        try:
            result = self._reserve_and_send(command, audience, total, idempotency)
        except IdempotencyKeyTaken as error:
            earlier = None if idempotency is None else self._sends.earlier(command.app.id, idempotency)
            if earlier is None or idempotency is None:
                raise Refused(Fault.UNAVAILABLE, "Please try again", retry_after=1) from error
            return self._replay(command.app.id, earlier, idempotency)
        if idempotency is not None:
            # The send is done; an error now would invite a second one.
            with contextlib.suppress(Unavailable):
                self._sends.note_answer(command.app.id, idempotency, result.balance)
        return result

    def progress(self, app: AppId, send_id: SendId) -> tuple[Send, Tally] | None:
        """A send of this app and what became of it so far, or None."""
        send = self._sends.get(app, send_id)
        return None if send is None else (send, self._settling.counts(send))

    def _audience(self, command: SendCommand) -> tuple[list[Subscription] | None, int]:
        """Whom to send to here and now, or None when they are too many, and how many they are."""
        app = command.app.id
        if isinstance(command.audience, Everyone):
            active = self._subscriptions.counts(app).active
            if active > SYNC_RECIPIENTS:
                return None, active
            found = list(self._subscriptions.walk(app, None, SYNC_RECIPIENTS).subscriptions)
        else:
            found = list(self._subscriptions.of(app, command.audience.identities))
        found = found[: command.most]
        return (found if len(found) <= SYNC_RECIPIENTS else None), len(found)

    def _reserve_and_send(
        self, command: SendCommand, audience: list[Subscription] | None, total: int, idempotency: Idempotency | None
    ) -> SendResult:
        for _ in range(_RACES):
            reach = self._reach(command, total)
            send = self._plan(command, reach, sync=audience is not None)
            try:
                if audience is None:
                    return self._queue(send, idempotency)
                return self._deliver(send, audience[:reach], idempotency)
            except InsufficientCredits:
                continue
        raise Refused(Fault.UNAVAILABLE, "Please try again", retry_after=1)

    def _reach(self, command: SendCommand, total: int) -> int:
        """How many the credits allow. Raises Refused: CREDITS_EXHAUSTED."""
        if command.charge is Charge.NONE:
            return total
        available = self._available(command.app.id)
        if available == 0 or (available < total and command.shortage is Shortage.REFUSE):
            raise Refused(Fault.CREDITS_EXHAUSTED, "Insufficient credits")
        return min(available, total)

    def _plan(self, command: SendCommand, reach: int, *, sync: bool) -> Send:
        now, app = int(self._clock.now()), command.app
        return Send(
            id=SendId(self._randomness.new_id()),
            app=app.id,
            tenant=app.tenant,
            dialect=command.dialect,
            audience=command.audience,
            notification=_complete(command),
            site_url=app.site_url,
            contact=app.contact,
            charge=command.charge,
            repeat=Repeat.RESEND,
            reserved=reach,
            chunks=1 if sync else 0,
            state=SendState.SENDING if sync else SendState.PLANNED,
            counts=Tally(),
            created_at=now,
            expires_at=now + max(command.notification.ttl, MINIMUM_LIFE),
            settled_at=None,
            request_id=command.request_id,
        )

    def _queue(self, send: Send, idempotency: Idempotency | None) -> SendResult:
        self._reserve(send, None, idempotency)
        # The send is stored: if the queue fails, the sweep does this soon. An error now would invite a second send.
        with contextlib.suppress(Unavailable):
            self._jobs.fan_out(FanOut(send.app, send.id))
        return SendResult(send.id, send.reserved, Tally(pending=send.reserved), queued=True, balance=self._left(send))

    def _deliver(self, send: Send, audience: list[Subscription], idempotency: Idempotency | None) -> SendResult:
        ids = tuple(subscription.id for subscription in audience)
        chunk = claimed(opened(send.app, send.id, 0, len(ids), digest_of(ids)), send.created_at, send.repeat)
        self._reserve(send, (chunk, Frozen(ids, None)), idempotency)
        recipients: list[Recipient | None] = [Recipient.of(subscription) for subscription in audience]
        delivery = self._delivering.begin(send, chunk, recipients, self._clock.now())
        try:
            self._delivering.finish(delivery, self._clock.now() + SYNC_SECONDS)
        except (LeaseLost, Unavailable):
            # Some may have been accepted, so this must not become an error: the sweep finishes what is left.
            return self._answer(send, delivery.record(), queued=True)
        return self._answer(send, delivery.chunk, queued=delivery.chunk.count_open() > 0)

    def _reserve(self, send: Send, only_chunk: tuple[Chunk, Frozen] | None, idempotency: Idempotency | None) -> None:
        try:
            self._sends.reserve(send, only_chunk, idempotency, send.created_at + SWEEP_AFTER)
        except Unavailable:
            # The answer may be all that was lost. Then the send exists and will be delivered: an error would be untrue.
            if self._sends.get(send.app, send.id) is None:
                raise

    def _answer(self, send: Send, chunk: Chunk, *, queued: bool) -> SendResult:
        return SendResult(send.id, len(chunk.results), tally(chunk), queued=queued, balance=self._left(send))

    def _idempotency(self, command: SendCommand) -> Idempotency | None:
        key = command.idempotency
        if key is None:
            return None
        expires_at = int(self._clock.now()) + IDEMPOTENCY_SECONDS
        return Idempotency(key.route, sha256(key.text.encode()).hexdigest(), key.fingerprint, expires_at)

    def _replay(self, app: AppId, earlier: EarlierSend, idempotency: Idempotency) -> SendResult:
        if earlier.fingerprint != idempotency.fingerprint:
            raise Refused(Fault.IDEMPOTENCY_MISMATCH, "This Idempotency-Key was used for another request")
        send = self._sends.get(app, earlier.send)
        unanswered = earlier.balance is None
        if send is None or (unanswered and send.state is SendState.SENDING and send.chunks == 1):
            raise Refused(
                Fault.IDEMPOTENCY_IN_FLIGHT,
                "The first request with this Idempotency-Key is still running",
                retry_after=2,
            )
        counts = self._settling.counts(send)
        balance = self._available(app) if earlier.balance is None else earlier.balance
        queued = send.state is not SendState.SETTLED
        return SendResult(send.id, send.reserved, counts, queued=queued, balance=balance, replayed=True)

    def _available(self, app: AppId) -> int:
        return self._credits.balance(app).available

    def _left(self, send: Send) -> int:
        try:
            return self._available(send.app)
        except Unavailable:
            return 0


def digest_of(ids: tuple[SubscriptionId, ...]) -> str:
    """The hex SHA-256 of recipient ids in order: how a message and a record know that they mean the same people."""
    return sha256(bytes.fromhex("".join(ids))).hexdigest()


def _complete(command: SendCommand) -> Notification:
    return replace(command.notification, icon=command.notification.icon or command.app.icon)


def _check_length(command: SendCommand) -> None:
    try:
        payload(_complete(command), SendId("0" * 24), command.app.site_url, _WHO_SAMPLE)
    except NotificationTooLong as error:
        raise Refused(
            Fault.FIELD_INVALID,
            f"title, body and url together are {error.bytes_over} bytes too long for one push message",
            field="body",
        ) from error
