"""Sends and chunks in memory."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tests.memory import quotas
from tests.memory.campaigns import MemoryCampaigns
from tests.memory.pages import page, place
from tests.memory.storage import ChunkKey, Entry, Progress, Storage, StoredAnswer, StoredSend
from tocsin.application.ports import (
    CampaignChange,
    Clock,
    EarlierSend,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    LeaseLost,
    Page,
    Told,
)
from tocsin.domain.chunk import Chunk, ChunkState
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.quota import Limits
from tocsin.domain.report import Report
from tocsin.domain.send import SYNC_RECIPIENTS, Balance, Course, Everyone, Send, SendState, Source, Tally, note_of
from tocsin.domain.subscription import Broadcasts


class MemorySends:
    """The Sends port."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._campaigns = MemoryCampaigns(storage)

    def reserve(
        self,
        send: Send,
        only_chunk: tuple[Chunk, Frozen] | None,
        idempotency: Idempotency | None,
        due_at: int,
        limits: Limits,
        campaign: CampaignChange | None = None,
    ) -> None:
        """Hold credits or quota and store the send with all that belongs to it, or nothing."""
        storage = self._storage
        with storage.lock:
            self._campaigns.expect_read(campaign)
            if (send.app, send.id) in storage.sends:
                return
            if idempotency is not None and self._live(send.app, idempotency, send.created_at) is not None:
                raise IdempotencyKeyTaken
            stored = StoredSend(send, due_at)
            balance = storage.balance(send.app)
            if stored.held > balance.available:
                raise InsufficientCredits
            quotas.hold(storage, send, limits)
            if stored.held:
                storage.balances[send.app] = replace(
                    balance, available=balance.available - stored.held, reserved=balance.reserved + stored.held
                )
            storage.write_down(
                send.app,
                Entry.RESERVE,
                send.id,
                stored.held,
                send.created_at,
                recipients=send.reserved,
                request_id=send.request_id,
            )
            storage.sends[send.app, send.id] = stored
            self._campaigns.change(campaign)
            if idempotency is not None:
                earlier = EarlierSend(send.id, idempotency.fingerprint, None)
                storage.idempotency[_name(send.app, idempotency)] = StoredAnswer(earlier, idempotency.expires_at)
            if (note := note_of(send)) is not None:
                storage.notes[note.app, note.person, note.send] = note
            if only_chunk is not None:
                chunk, frozen = only_chunk
                storage.chunks[_key(chunk)] = _ordered(chunk)
                storage.frozen[_key(chunk)] = frozen

    def get(self, app: AppId, send: SendId) -> Send | None:
        """The send, or None."""
        stored = self._storage.sends.get((app, send))
        return None if stored is None else stored.send

    def earlier(self, app: AppId, idempotency: Idempotency) -> EarlierSend | None:
        """What this idempotency key was used for, or None."""
        stored = self._live(app, idempotency, self._clock.now())
        return None if stored is None else stored.earlier

    def note_answer(self, app: AppId, idempotency: Idempotency, told: Told) -> None:
        """Keep what the first answer told."""
        with self._storage.lock:
            stored = self._storage.idempotency.get(_name(app, idempotency))
            if stored is not None and stored.earlier.told is None:
                answered = replace(stored, earlier=replace(stored.earlier, told=told))
                self._storage.idempotency[_name(app, idempotency)] = answered

    def opened(self, send: Send, part: int, chunks: int) -> bool:
        """Count the chunks of a part that is planned whole, once; with the last part PLANNED -> SENDING."""
        with self._storage.lock:
            progress = self._storage.progress.setdefault((send.app, send.id), Progress())
            progress.planned.setdefault(part, chunks)
            if len(progress.planned) < len(send.parts):
                return False
            stored = self._storage.sends.get((send.app, send.id))
            if stored is not None and stored.send.state is SendState.PLANNED:
                opened = replace(stored.send, state=SendState.SENDING, chunks=sum(progress.planned.values()))
                self._storage.sends[send.app, send.id] = replace(stored, send=opened)
            return True

    def steer(self, app: AppId, send: SendId, course: Course, campaign: CampaignChange | None = None) -> Send | None:
        """Change the course of a send that is neither settled nor cancelled."""
        with self._storage.lock:
            self._campaigns.expect_read(campaign)
            stored = self._storage.sends.get((app, send))
            if stored is None or stored.send.state is SendState.SETTLED or stored.send.course is Course.CANCELLED:
                return None
            steered = replace(stored.send, course=course)
            self._storage.sends[app, send] = replace(stored, send=steered)
            self._campaigns.change(campaign)
            return steered

    def chunk_done(self, app: AppId, send: SendId) -> int:
        """Count one more finished chunk; how many there are now."""
        with self._storage.lock:
            progress = self._storage.progress.setdefault((app, send), Progress())
            progress.done += 1
            return progress.done

    def settle(self, send: Send, counts: Tally, report: Report, at: int) -> bool:
        """SENDING -> SETTLED, with the money."""
        with self._storage.lock:
            return _settle(self._storage, send, counts, report, at)

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, SendId]]:
        """Sends that are not settled and are due by now, the longest waiting first."""
        with self._storage.lock:
            waiting = [
                (stored.due_at, key)
                for key, stored in self._storage.sends.items()
                if stored.due_at is not None and stored.due_at <= now
            ]
        return [key for _, key in sorted(waiting)[:limit]]

    def listed(self, app: AppId, sources: Collection[Source], limit: int, cursor: str | None) -> Page[Send]:
        """The sends of an app that came in through these APIs, newest first."""
        with self._storage.lock:
            mine = [one.send for one in self._storage.sends.values() if one.send.app == app]
        return page(
            [one for one in mine if one.source in sources], lambda one: place(one.created_at, one.id), limit, cursor
        )

    def postpone(self, app: AppId, send: SendId, due_at: int) -> None:
        """Have the sweep look again at due_at."""
        with self._storage.lock:
            stored = self._storage.sends.get((app, send))
            if stored is not None and stored.due_at is not None:
                self._storage.sends[app, send] = replace(stored, due_at=due_at)

    def _live(self, app: AppId, idempotency: Idempotency, now: float) -> StoredAnswer | None:
        stored = self._storage.idempotency.get(_name(app, idempotency))
        return stored if stored is not None and stored.expires_at > now else None


class MemoryChunks:
    """The Chunks port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def freeze(self, app: AppId, send: SendId, number: int, frozen: Frozen) -> Frozen:
        """Store who a chunk's recipients are, for good; those that were stored first, if somebody was faster."""
        with self._storage.lock:
            return self._storage.frozen.setdefault((app, send, number), frozen)

    def open(self, chunk: Chunk) -> None:
        """Store the record of a chunk whose recipients are frozen; no change if it exists."""
        with self._storage.lock:
            self._storage.chunks.setdefault(_key(chunk), _ordered(chunk))

    def get(self, app: AppId, send: SendId, number: int) -> Chunk | None:
        """The chunk, or None."""
        return self._storage.chunks.get((app, send, number))

    def frozen(self, app: AppId, send: SendId, number: int) -> Frozen | None:
        """The recipients of a chunk, or None."""
        return self._storage.frozen.get((app, send, number))

    def of(self, app: AppId, send: SendId) -> Sequence[Chunk]:
        """All chunks of a send, by number."""
        with self._storage.lock:
            return [
                self._storage.chunks[key] for key in sorted(self._storage.chunks) if (key[0], key[1]) == (app, send)
            ]

    def claim(self, chunk: Chunk) -> None:
        """Store the claimed record if the stored one is open and of the version before it."""
        with self._storage.lock:
            stored = self._storage.chunks.get(_key(chunk))
            if (
                stored is None
                or stored.state is not ChunkState.OPEN
                or stored.version != chunk.version - 1
                or stored.digest != chunk.digest
            ):
                raise LeaseLost
            self._storage.chunks[_key(chunk)] = _ordered(chunk)

    def save(self, chunk: Chunk) -> None:
        """Store the record if the stored one is open and of the same epoch."""
        with self._storage.lock:
            self._check_owned(chunk)
            self._storage.chunks[_key(chunk)] = _ordered(chunk)

    def finish_only(self, chunk: Chunk, send: Send, counts: Tally, at: int) -> bool:
        """Save a send's only chunk and settle the send, or neither."""
        with self._storage.lock:
            stored = self._storage.sends.get((send.app, send.id))
            if stored is None or stored.send.state is not SendState.SENDING:
                return False
            self._check_owned(chunk)
            self._storage.chunks[_key(chunk)] = _ordered(chunk)
            return _settle(self._storage, send, counts, chunk.report, at)

    def _check_owned(self, chunk: Chunk) -> None:
        stored = self._storage.chunks.get(_key(chunk))
        if (
            stored is None
            or stored.state is not ChunkState.OPEN
            or stored.epoch != chunk.epoch
            or stored.version > chunk.version
        ):
            raise LeaseLost


def _settle(storage: Storage, send: Send, counts: Tally, report: Report, at: int) -> bool:
    stored = storage.sends.get((send.app, send.id))
    if stored is None or stored.send.state is not SendState.SENDING:
        return False
    spent = min(counts.accepted, stored.held)
    if stored.held:
        balance = storage.balance(send.app)
        storage.balances[send.app] = Balance(
            balance.available + stored.held - spent, balance.reserved - stored.held, balance.spent + spent
        )
    storage.write_down(send.app, Entry.SETTLE, send.id, spent, at, held=stored.held, accepted=counts.accepted)
    quotas.give_back(storage, stored.send, counts, report)
    if stored.send.audience == Everyone() and stored.send.reserved > SYNC_RECIPIENTS:
        made = storage.broadcasts.get(send.app, Broadcasts()).count
        storage.broadcasts[send.app] = Broadcasts(made + 1, at)
    settled = replace(stored.send, state=SendState.SETTLED, counts=counts, report=report, settled_at=at)
    storage.sends[send.app, send.id] = replace(stored, send=settled, due_at=None)
    return True


def _key(chunk: Chunk) -> ChunkKey:
    return chunk.app, chunk.send, chunk.number


def _ordered(chunk: Chunk) -> Chunk:
    """The record as a bitmap gives it back: the intents in rising order."""
    return replace(chunk, in_flight=tuple(sorted(chunk.in_flight)))


def _name(app: AppId, idempotency: Idempotency) -> tuple[AppId, str, str]:
    return app, idempotency.route, idempotency.key
