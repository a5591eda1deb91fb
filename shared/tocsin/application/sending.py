"""Accepting a send: check, reserve the money, deliver here and now if it is small, queue it if not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

from tocsin.application.audience import WALKABLE, all_matching, all_of, named
from tocsin.application.delivering import Delivering
from tocsin.application.jobs import Recipient
from tocsin.application.ports import (
    CampaignChange,
    Clock,
    Credits,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    InsufficientQuota,
    LeaseLost,
    Meter,
    Page,
    Randomness,
    Sends,
    Subscriptions,
    Told,
    Unavailable,
    WrongContext,
)
from tocsin.application.repeating import Repeating
from tocsin.application.resuming import Resuming
from tocsin.application.send_command import SendCommand, SendResult, Shortage
from tocsin.application.settling import Progress, Settling
from tocsin.application.targets import target_of
from tocsin.domain.chunk import Chunk, claimed, opened
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.notification import Notification
from tocsin.domain.parts import parted
from tocsin.domain.quota import Limits, QuotaWindow
from tocsin.domain.send import SYNC_RECIPIENTS, Charge, Chosen, Matching, Origin, Send, SendState, Source, Tally, tally
from tocsin.domain.subscription import Counts, SubscriptionState
from tocsin.domain.template import Renderer

SYNC_SECONDS = 20
"""How long a request may take until delivery goes on without it; the gateway gives up after 30."""
MINIMUM_LIFE = 60
CAMPAIGN_LIFE = 30 * 86_400
"""How long a campaign may rest, from when it was sent; it ends then with whom it reached."""
SWEEP_AFTER = 60
_RACES = 8
_NOBODY: tuple[SubscriptionId, ...] = ()
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Found:
    """Whom a send is for. now: to be delivered in the request; None: that is for the queue.

    by_shard: how many in each shard, for a send to everyone. inactive: who was named in vain.
    """

    total: int
    now: list[Recipient] | None
    by_shard: tuple[int, ...] = ()
    inactive: tuple[SubscriptionId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reached:
    """What became of the recipients so far, whether delivery goes on, who was found gone, and what texts lacked."""

    counts: Tally
    queued: bool
    gone: tuple[SubscriptionId, ...] = ()
    missing: int = 0


class Sending:
    """The use case behind every route that sends."""

    def __init__(
        self,
        sends: Sends,
        credits: Credits,  # noqa: A002 - the domain's word
        subscriptions: Subscriptions,
        delivering: Callable[[], Delivering],
        settling: Settling,
        repeating: Repeating,
        resuming: Resuming,
        clock: Clock,
        randomness: Randomness,
        meter: Meter,
    ) -> None:
        """delivering: made when a request delivers; who only queues needs no connections and no keys."""
        self._sends = sends
        self._credits = credits
        self._subscriptions = subscriptions
        self._delivering = delivering
        self._settling = settling
        self._repeating = repeating
        self._resuming = resuming
        self._clock = clock
        self._randomness = randomness
        self._meter = meter

    def send(self, command: SendCommand) -> SendResult:
        """Send, or queue the sending of, a notification.

        Raises Refused: CREDITS_EXHAUSTED, QUOTA_EXCEEDED, IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_MISMATCH; nothing is then
        stored or charged. Raises Stale when the command's campaign has changed. After one acceptance it never raises.
        """
        until, app = self._clock.now() + SYNC_SECONDS, command.app.id
        command = _worded(command)
        idempotency = self._repeating.key(command)
        if idempotency is not None and (repeated := self._repeating.answer(app, idempotency)) is not None:
            return repeated
        if command.charge is Charge.CREDITS and self._available(app) == 0:
            raise Refused(Fault.CREDITS_EXHAUSTED, "Insufficient credits")
        found = self._audience(command)
        if found.total == 0 and not command.keeps_empty:
            return SendResult(None, 0, Tally(), queued=False, balance=self._available(app))
        try:
            result = self._reserve_and_send(command, found, idempotency, until)
            result = replace(result, unreachable=(*found.inactive, *result.unreachable))
        except IdempotencyKeyTaken as error:
            repeated = None if idempotency is None else self._repeating.answer(app, idempotency)
            if repeated is None:
                raise Refused(Fault.UNAVAILABLE, "Please try again", retry_after=1) from error
            return repeated
        if idempotency is not None:
            key, told = idempotency, Told(result.balance, result.unreachable)
            self._quietly(lambda: self._sends.note_answer(app, key, told), None)
        return result

    def progress(self, app: AppId, send_id: SendId) -> Progress | None:
        """How far a send of this app came, or None."""
        send = self._sends.get(app, send_id)
        return None if send is None else self._settling.progress(send)

    def exists(self, app: AppId, send_id: SendId) -> bool:
        """Whether a send of this app was accepted."""
        return self._sends.get(app, send_id) is not None

    def listed(self, app: AppId, sources: Collection[Source], limit: int, cursor: str | None) -> Page[Send]:
        """The sends of an app from these sources, newest first. Raises MalformedCursor."""
        return self._sends.listed(app, sources, limit, cursor)

    def _audience(self, command: SendCommand) -> _Found:
        if command.silent:
            return _Found(0, None)
        if isinstance(command.audience, Chosen):
            return self._chosen(command, command.audience)
        if isinstance(command.audience, Matching):
            return self._matching(command, command.audience)
        counts = self._subscriptions.counts(command.app.id)
        total = counts.active if command.most is None else min(counts.active, command.most)
        if total > SYNC_RECIPIENTS or command.queued or _all(counts) > WALKABLE:
            return _Found(total, None, counts.by_shard)
        found = list(self._subscriptions.walk(command.app.id, None, SYNC_RECIPIENTS).recipients)[: command.most]
        return _Found(len(found), found)

    def _chosen(self, command: SendCommand, chosen: Chosen) -> _Found:
        app, store = command.app.id, self._subscriptions
        if chosen.labels and _all(counts := store.counts(app)) > WALKABLE:
            # Looking through everybody takes longer than a request may: as many as can be are held, and the rest
            # is returned when the planners have looked.
            found = [Recipient.of(one) for one in named(store, app, chosen)]
            total = min(counts.active, len(found) + store.labelled(app, chosen.labels))
            total = total if command.most is None else min(total, command.most)
            return _Found(total, None, inactive=_without(chosen.subscriptions, found))
        found = all_of(store, app, chosen)[: command.most]
        later = command.queued or len(found) > SYNC_RECIPIENTS
        return _Found(len(found), None if later else found, inactive=_without(chosen.subscriptions, found))

    def _matching(self, command: SendCommand, matching: Matching) -> _Found:
        app, store = command.app.id, self._subscriptions
        if _all(counts := store.counts(app)) > WALKABLE:
            # As many are held as were counted before, or as there are, and the rest is returned when all is planned.
            return _Found(counts.active if command.most is None else min(counts.active, command.most), None)
        found = all_matching(store, app, matching, self._clock.now())[: command.most]
        later = command.queued or len(found) > SYNC_RECIPIENTS
        return _Found(len(found), None if later else found)

    def _reserve_and_send(
        self, command: SendCommand, found: _Found, idempotency: Idempotency | None, until: float
    ) -> SendResult:
        for _ in range(_RACES):
            available = self._available(command.app.id) if command.charge is not Charge.QUOTA else 0
            reach, limits = _reach(command, found.total, available), command.app.limits
            send = self._plan(command, found, reach)
            try:
                if found.total == 0:
                    reached = self._keep(send, idempotency, limits)
                elif found.now is None:
                    reached = self._queue(send, idempotency, limits, command.campaign)
                else:
                    reached = self._deliver(send, found.now[:reach], idempotency, limits, until)
            except InsufficientCredits:
                continue
            except InsufficientQuota as error:
                raise _over_quota(error.window, send.created_at) from error
            return self._told(command, send, reached, available)
        raise Refused(Fault.UNAVAILABLE, "Please try again", retry_after=1)

    def _told(self, command: SendCommand, send: Send, reached: _Reached, available: int) -> SendResult:
        balance = 0
        if command.charge is not Charge.QUOTA:
            spent = reached.counts.accepted if command.charge is Charge.CREDITS else 0
            balance = self._quietly(lambda: self._available(send.app), available - spent)
        return SendResult(
            send.id,
            send.reserved,
            reached.counts,
            queued=reached.queued,
            balance=balance,
            unreachable=reached.gone,
            created_at=send.created_at,
            missing=None if send.variables is not None and reached.queued else reached.missing,
        )

    def _plan(self, command: SendCommand, found: _Found, reach: int) -> Send:
        now, app = int(self._clock.now()), command.app
        sync = found.now is not None or found.total == 0
        return Send(
            id=command.id or SendId(self._randomness.new_id()),
            app=app.id,
            tenant=app.tenant,
            dialect=command.dialect,
            audience=command.audience,
            notification=_complete(command),
            site_url=app.site_url,
            contact=app.contact,
            charge=command.charge,
            repeat=command.repeat,
            reserved=reach,
            chunks=1 if sync and reach else 0,
            state=SendState.SENDING if sync else SendState.PLANNED,
            counts=Tally(),
            created_at=now,
            expires_at=now + _life(command),
            settled_at=None,
            request_id=command.request_id,
            parts=() if sync else parted(found.by_shard, reach) if found.by_shard else (reach,),
            units=command.units,
            inbox=command.inbox,
            traced=command.traced,
            origin=command.origin,
            variables=command.variables,
            site_name="" if command.variables is None else app.name,
            statistics=app.statistics,
            asked_at=command.asked_at,
        )

    def _keep(self, send: Send, idempotency: Idempotency | None, limits: Limits) -> _Reached:
        """A send to nobody: stored, and over."""
        self._reserve(send, None, idempotency, limits)
        self._quietly(lambda: self._settling.settle(send), False)
        return _Reached(Tally(), queued=False)

    def _queue(
        self, send: Send, idempotency: Idempotency | None, limits: Limits, campaign: CampaignChange | None
    ) -> _Reached:
        self._reserve(send, None, idempotency, limits, campaign)
        # The send is stored: if the queue fails, the sweep does this soon.
        self._quietly(lambda: self._resuming.plan(send), None)
        return _Reached(Tally(pending=send.reserved), queued=True)

    def _deliver(
        self,
        send: Send,
        audience: list[Recipient],
        idempotency: Idempotency | None,
        limits: Limits,
        until: float,
    ) -> _Reached:
        ids = tuple(recipient.id for recipient in audience)
        chunk = opened(send.app, send.id, 0, len(ids), digest_of(ids))
        try:
            known = audience if send.variables is None else self._delivering().recipients(send, ids)
            targets = self._delivering().prepare(send, [target_of(one, send.app) for one in known])
        except (Unavailable, WrongContext):  # the workers try again, as long as it lives
            self._reserve(send, (chunk, Frozen(ids, None)), idempotency, limits)
            self._quietly(lambda: self._resuming.resume(send, lambda _: True), None)
            return _Reached(tally(chunk), queued=True)
        chunk = claimed(chunk, send.created_at, send.repeat)
        self._reserve(send, (chunk, Frozen(ids, None)), idempotency, limits)
        delivery = self._delivering().begin(send, chunk, targets, self._clock.now())

        def deliver() -> Chunk:
            self._delivering().finish(delivery, until)
            return delivery.chunk

        reached, gone = self._quietly(deliver, None), tuple(delivery.gone)
        if reached is None:  # the sweep finishes what is left
            return _Reached(tally(delivery.record()), queued=True, gone=gone)
        return _Reached(tally(reached), queued=reached.count_open() > 0, gone=gone, missing=reached.report.missing)

    def _quietly(self, call: Callable[[], Value], otherwise: Value) -> Value:
        """Do what must not become an error any more: after an acceptance, an error would invite a second send (PS-32).

        What is not merely unavailable is a bug of ours; it is reported, and the caller is told what is known.
        """
        try:
            return call()
        except (LeaseLost, Unavailable):
            return otherwise
        except Exception as error:  # noqa: BLE001 - see above; DECISIONS, "After an acceptance nothing is an error"
            self._meter.crash(error)
            return otherwise

    def _reserve(
        self,
        send: Send,
        only_chunk: tuple[Chunk, Frozen] | None,
        idempotency: Idempotency | None,
        limits: Limits,
        campaign: CampaignChange | None = None,
    ) -> None:
        try:
            self._sends.reserve(send, only_chunk, idempotency, send.created_at + SWEEP_AFTER, limits, campaign)
        except Unavailable:
            # The answer may be all that was lost. Then the send exists and will be delivered: an error would be untrue.
            if self._sends.get(send.app, send.id) is None:
                raise

    def _available(self, app: AppId) -> int:
        return self._credits.balance(app).available


def digest_of(ids: tuple[SubscriptionId, ...]) -> str:
    """The hex SHA-256 of recipient ids in order: how a message and a record know that they mean the same people."""
    return sha256(bytes.fromhex("".join(ids))).hexdigest()


def _all(counts: Counts) -> int:
    """How many a walk has to look at: those that ended stay where they are."""
    return counts.of(frozenset(SubscriptionState))


def _reach(command: SendCommand, total: int, available: int) -> int:
    """How many the credits allow. Raises Refused: CREDITS_EXHAUSTED."""
    if command.charge is not Charge.CREDITS:
        return total
    if available == 0 or (available < total and command.shortage is Shortage.REFUSE):
        raise Refused(Fault.CREDITS_EXHAUSTED, "Insufficient credits")
    return min(available, total)


def _over_quota(window: QuotaWindow, at: int) -> Refused:
    message = f"Notification quota exceeded for {'today' if window is QuotaWindow.DAY else f'this {window}'}"
    return Refused(Fault.QUOTA_EXCEEDED, message, field=window, retry_after=window.end(at) - at)


def _without(ids: tuple[SubscriptionId, ...], found: list[Recipient]) -> tuple[SubscriptionId, ...]:
    reachable = {recipient.id for recipient in found}
    return tuple(id_ for id_ in dict.fromkeys(ids) if id_ not in reachable)


def _life(command: SendCommand) -> int:
    return CAMPAIGN_LIFE if command.origin is Origin.CAMPAIGN else max(command.notification.ttl, MINIMUM_LIFE)


def _worded(command: SendCommand) -> SendCommand:
    """The same; as an ordinary one, where the request has all the values that its texts need."""
    if command.variables is None:
        return command
    renderer = Renderer(command.notification, command.variables, command.app.name)
    return replace(command, notification=renderer.to_all(), variables=None) if renderer.alike else command


def _complete(command: SendCommand) -> Notification:
    return replace(command.notification, icon=command.notification.icon or command.app.icon)
