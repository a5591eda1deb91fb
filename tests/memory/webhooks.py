"""Webhooks, their pending events and their queue in memory."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tests.memory.pages import page
from tests.memory.storage import Storage
from tocsin.application.jobs import (
    ChunkReceipts,
    Notify,
    TryAgain,
    WebhookJob,
    decode_webhook_job,
    encode_webhook_job,
)
from tocsin.application.ports import Clock, Page, Stale, WebhookAnswer, WebhookPost
from tocsin.domain.audit import AuditEntry
from tocsin.domain.event import Event
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import EventState, PendingEvent, Webhook

MAX_DELAY = 900
BY_ID = re.compile(r"[0-9a-f]{24}")


class MemoryHooks:
    """The Hooks port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, app: AppId, dialect: DialectName) -> Webhook | None:
        """The webhook, or None."""
        return self._storage.hooks.get((app, dialect))

    def put(self, new: Webhook, app: App | None = None, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read, and the changed app with it. Raises Stale."""
        storage = self._storage
        with storage.lock:
            stored = storage.hooks.get((new.app, new.dialect))
            if (-1 if stored is None else stored.revision) != new.revision - 1:
                raise Stale
            if app is not None:
                if app.id not in storage.apps or storage.apps[app.id].revision != app.revision - 1:
                    raise Stale
                storage.apps[app.id] = app
            storage.hooks[new.app, new.dialect] = new
            if audit is not None:
                storage.audit.append(audit)


class MemoryPendingEvents:
    """The PendingEvents port."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def get(self, app: AppId, dialect: DialectName, event: str) -> PendingEvent | None:
        """The event, or None."""
        return self._storage.pending_events.get((app, dialect, event))

    def put(self, new: PendingEvent) -> None:
        """Store it where the revision before it was read. Raises Stale."""
        name = (new.event.app, new.dialect, new.event.id)
        with self._storage.lock:
            stored = self._storage.pending_events.get(name)
            if (-1 if stored is None else stored.revision) != new.revision - 1:
                raise Stale
            self._storage.pending_events[name] = new

    def remove(self, pending: PendingEvent) -> None:
        """Forget an event that arrived."""
        with self._storage.lock:
            self._storage.pending_events.pop((pending.event.app, pending.dialect, pending.event.id), None)

    def listed(
        self, app: AppId, dialect: DialectName, state: EventState, limit: int, cursor: str | None
    ) -> Page[PendingEvent]:
        """Those in a state, in a fixed order."""
        with self._storage.lock:
            owned = [
                one
                for (owner, name, _), one in self._storage.pending_events.items()
                if (owner, name, one.state) == (app, dialect, state)
            ]
            return page(owned, lambda one: one.event.id, limit, cursor, BY_ID)

    def due(self, now: int, limit: int) -> Iterable[TryAgain]:
        """Failing events that are due by now, the longest waiting first."""
        with self._storage.lock:
            waiting = sorted(
                (one.due_at, app, dialect, event)
                for (app, dialect, event), one in self._storage.pending_events.items()
                if one.due_at is not None and one.due_at <= now
            )
        return [TryAgain(app, dialect, event) for _, app, dialect, event in waiting[:limit]]

    def postpone(self, event: TryAgain, due_at: int) -> None:
        """Have the sweep look again at due_at."""
        name = (event.app, event.dialect, event.event)
        with self._storage.lock:
            stored = self._storage.pending_events.get(name)
            if stored is not None and stored.due_at is not None:
                self._storage.pending_events[name] = replace(stored, due_at=due_at)


class MemoryEvents:
    """The Events port: what was queued, in order; each job went through its wire form."""

    def __init__(self) -> None:
        self.jobs: list[WebhookJob] = []

    @property
    def emitted(self) -> list[Event]:
        """The events among the jobs."""
        return [job.event for job in self.jobs if isinstance(job, Notify)]

    def emit(self, events: Sequence[Event]) -> None:
        """Tell the webhooks of their apps."""
        self._queue([Notify(event) for event in events])

    def report(self, chunk: ChunkReceipts, delay: int) -> None:
        """Tell what became of each recipient of a chunk that is finished `delay` seconds from now."""
        assert 0 <= delay <= MAX_DELAY
        self._queue([chunk])

    def again(self, events: Sequence[TryAgain]) -> None:
        """Try these pending events once more."""
        self._queue(events)

    def take(self) -> list[WebhookJob]:
        """What is queued, which then is not any more."""
        jobs, self.jobs = self.jobs, []
        return jobs

    def _queue(self, jobs: Sequence[WebhookJob]) -> None:
        self.jobs += [decode_webhook_job(encode_webhook_job(job)) for job in jobs]


class ScriptedReceivers:
    """The WebhookTransport port: what each URL was sent, and what it answers; 200 unless a test says otherwise."""

    def __init__(self) -> None:
        self.statuses: dict[str, int | None] = {}
        self.received: list[WebhookPost] = []

    def post(self, request: WebhookPost) -> WebhookAnswer:
        """The answer, at once."""
        self.received.append(request)
        return WebhookAnswer(self.statuses.get(request.url, 200), 12)
