"""Sends, their chunks, and the queues that carry them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.ports.campaigns import CampaignChange
from tocsin.application.ports.surroundings import Page
from tocsin.domain.chunk import Chunk
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.quota import Limits, QuotaWindow
from tocsin.domain.report import Report
from tocsin.domain.send import Course, Send, Source, Tally


class InsufficientCredits(Exception):
    """The balance did not cover the reservation; nothing was written."""


class InsufficientQuota(Exception):
    """The reservation does not fit into what is left of this window; nothing was written."""

    def __init__(self, window: QuotaWindow) -> None:
        super().__init__(window)
        self.window = window


class IdempotencyKeyTaken(Exception):
    """A send with this idempotency key exists; nothing was written."""


class LeaseLost(Exception):
    """Another worker holds the chunk: stop at once and retry nothing."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The idempotency key of a request, at one app and route.

    key: hex SHA-256 of the header. fingerprint: hex SHA-256 of the canonical request. expires_at: Unix seconds.
    """

    route: str
    key: str
    fingerprint: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer told beside the counts. balance: credits. unreachable: whom it reported as such."""

    balance: int
    unreachable: tuple[SubscriptionId, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """What a used idempotency key leads to. told: what the first answer told that may have changed, None before it."""

    send: SendId
    fingerprint: str
    told: Told | None


@dataclass(frozen=True, slots=True)
class Frozen:
    """The recipients of a chunk, in order, for good. after: where the walk of the audience goes on, None at its end."""

    ids: tuple[SubscriptionId, ...]
    after: str | None


class Sends(Protocol):
    """Sends, and the money they hold. A charged send moves credits available -> reserved -> spent, each step once.

    A send on quota holds its part of the hour, day and month that it was created in, and returns what it did not use.
    """

    def reserve(
        self,
        send: Send,
        only_chunk: tuple[Chunk, Frozen] | None,
        idempotency: Idempotency | None,
        due_at: int,
        limits: Limits,
        campaign: CampaignChange | None = None,
    ) -> None:
        """Hold credits or quota and store the send, its ledger row, idempotency key, chunk and note: all or nothing.

        Raises InsufficientCredits, InsufficientQuota (the longest window that has no room) or IdempotencyKeyTaken.
        due_at: when the sweep is to look at it. limits: what a send on quota must fit into.
        campaign: the one that is sent, stored with it; raises Stale if it is not as it was read.
        """

    def get(self, app: AppId, send: SendId) -> Send | None:
        """The send, or None."""

    def earlier(self, app: AppId, idempotency: Idempotency) -> EarlierSend | None:
        """What this idempotency key was used for, or None."""

    def note_answer(self, app: AppId, idempotency: Idempotency, told: Told) -> None:
        """Keep what the first answer told, so that a repeat is told the same."""

    def opened(self, send: Send, part: int, chunks: int) -> bool:
        """Count the chunks of a part that is planned whole, once; with the last part PLANNED -> SENDING.

        True when every part is planned. The stored state decides; `send` names it and says how many parts there are.
        """

    def steer(self, app: AppId, send: SendId, course: Course, campaign: CampaignChange | None = None) -> Send | None:
        """Change the course of a send that is neither settled nor cancelled; the send afterwards.

        None, and no change, if it is, or if there is none. campaign: the one that is steered, stored with it; raises
        Stale if it is not as it was read.
        """

    def chunk_done(self, app: AppId, send: SendId) -> int:
        """Count one more finished chunk; how many there are now.

        A hint: a crash may lose a count, a lost reply add one.
        """

    def settle(self, send: Send, counts: Tally, report: Report, at: int) -> bool:
        """SENDING -> SETTLED: spend what was accepted, release the rest, add the ledger row; count a large broadcast.

        False, and no change, if it was not SENDING. The stored record says what is held; `send` names it.
        """

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, SendId]]:
        """Sends that are not settled and are due by now, the longest waiting first."""

    def listed(self, app: AppId, sources: Collection[Source], limit: int, cursor: str | None) -> Page[Send]:
        """The sends of an app from these sources, newest first; may lag a moment. Raises MalformedCursor.

        The same cursor goes with the same sources.
        """

    def postpone(self, app: AppId, send: SendId, due_at: int) -> None:
        """Have the sweep look again at due_at; no change once settled."""


class Chunks(Protocol):
    """The chunks of sends. A write that is not the owner's raises LeaseLost and changes nothing."""

    def freeze(self, app: AppId, send: SendId, number: int, frozen: Frozen) -> Frozen:
        """Store who a chunk's recipients are, for good; those that were stored first, if somebody was faster."""

    def open(self, chunk: Chunk) -> None:
        """Store the record of a chunk whose recipients are frozen; no change if it exists."""

    def get(self, app: AppId, send: SendId, number: int) -> Chunk | None:
        """The chunk, or None. A consistent read."""

    def frozen(self, app: AppId, send: SendId, number: int) -> Frozen | None:
        """The recipients of a chunk, or None."""

    def of(self, app: AppId, send: SendId) -> Sequence[Chunk]:
        """All chunks of a send, by number. A consistent read."""

    def claim(self, chunk: Chunk) -> None:
        """Store the claimed record if the stored one is open, of the version before it, and of the same digest.

        Raises LeaseLost.
        """

    def save(self, chunk: Chunk) -> None:
        """Store the record if the stored one is open and of the same epoch. Raises LeaseLost."""

    def finish_only(self, chunk: Chunk, send: Send, counts: Tally, at: int) -> bool:
        """Save a send's only chunk and settle the send, in one transaction. Raises LeaseLost.

        False when the send is not SENDING any more: then the chunk was not saved either.
        """


class Fetches(Protocol):
    """Which recipients fetched a message that was too long; known as long as the send is."""

    def first(self, app: AppId, send: SendId, chunk: int, index: int) -> bool:
        """Note that a recipient fetches it; False, and no change, when that was noted before.

        chunk, index: the recipient's place in the send.
        """


class Jobs(Protocol):
    """The queues. A job may arrive more than once, late, or out of order."""

    def fan_out(self, jobs: Sequence[FanOut]) -> None:
        """Queue the planning of these parts."""

    def deliver(self, jobs: Sequence[DeliverChunk], delay: int = 0) -> None:
        """Queue chunks, to be seen after `delay` seconds (at most 900)."""
