"""Telling customers' servers of events: each webhook by itself, again by a schedule, and no more once it is dead."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import standardwebhooks

from tocsin.application.jobs import ChunkReceipts, Notify, TryAgain, WebhookJob
from tocsin.application.metrics import Metric
from tocsin.application.ports import (
    Chunks,
    Clock,
    Events,
    Hooks,
    Meter,
    PendingEvents,
    Registry,
    Sends,
    Stale,
    Subscriptions,
    WebhookAnswer,
    WebhookPost,
    WebhookTransport,
)
from tocsin.application.receipts import receipts
from tocsin.application.webhooks import Webhooks
from tocsin.domain.audit import Actor
from tocsin.domain.chunk import LEASE_SECONDS, ChunkState
from tocsin.domain.event import Event
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import (
    DISABLED_AFTER,
    KEPT_SECONDS,
    TRIES_AT,
    Attempt,
    PendingEvent,
    Webhook,
    WebhookFormat,
)

GONE = 410
"""The receiver wants no more of this: it is disabled at once."""
SYSTEM = Actor("tocsin", "")
"""Who disables webhooks, in the audit log."""


class Telling:
    """The worker of the webhooks' queue. A job that repeats may tell an event twice, with the same id."""

    def __init__(
        self,
        registry: Registry,
        hooks: Hooks,
        pending: PendingEvents,
        events: Events,
        sends: Sends,
        chunks: Chunks,
        subscriptions: Subscriptions,
        webhooks: Webhooks,
        formats: Mapping[DialectName, WebhookFormat],
        transport: WebhookTransport,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._registry = registry
        self._hooks = hooks
        self._pending = pending
        self._events = events
        self._sends = sends
        self._chunks = chunks
        self._subscriptions = subscriptions
        self._webhooks = webhooks
        self._formats = formats
        self._transport = transport
        self._clock = clock
        self._meter = meter

    def handle(self, job: WebhookJob) -> None:
        """Do what the job says."""
        match job:
            case Notify(event):
                self._notify(event)
            case ChunkReceipts():
                self._report(job)
            case TryAgain():
                self._try_again(job)

    def _notify(self, event: Event) -> None:
        app = self._registry.app(event.app)
        for dialect in sorted(app.hooks) if app is not None else ():
            if self._concerns(event, dialect):
                hook = self._hooks.get(event.app, dialect)
                if hook is not None and hook.live:
                    self._tell(hook, event)

    def _concerns(self, event: Event, dialect: DialectName) -> bool:
        format_ = self._formats.get(dialect)
        return format_ is not None and event.kind in format_.kinds and event.dialect in {None, dialect}

    def _tell(self, hook: Webhook, event: Event) -> None:
        now = int(self._clock.now())
        fresh = PendingEvent(event, hook.dialect, 0, now + TRIES_AT[1], now + KEPT_SECONDS)
        if hook.failing_since is not None:
            # Whoever does not answer is asked by the sweep: a try of each new event would hold up the others.
            self._keep(fresh)
            return
        answer = self._post(hook, fresh)
        if not _taken(answer):
            self._failed(hook, fresh, answer)

    def _try_again(self, job: TryAgain) -> None:
        pending = self._pending.get(job.app, job.dialect, job.event)
        if pending is None or pending.due_at is None or self._clock.now() < pending.not_before:
            return
        hook, again = self._hooks.get(job.app, job.dialect), replace(pending, revision=pending.revision + 1)
        if hook is None or not hook.live or job.dialect not in self._formats:
            self._keep(replace(again, due_at=None))
            return
        answer = self._post(hook, pending)
        if not _taken(answer):
            self._failed(hook, again, answer)
            return
        self._pending.remove(pending)
        if hook.failing_since is not None:
            self._note(replace(hook, failing_since=None, revision=hook.revision + 1))

    def _report(self, job: ChunkReceipts) -> None:
        send, app = self._sends.get(job.app, job.send), self._registry.app(job.app)
        if send is None or app is None or send.dialect not in app.hooks:
            return
        chunk = self._chunks.get(job.app, job.send, job.chunk)
        frozen = self._chunks.frozen(job.app, job.send, job.chunk)
        if chunk is None or frozen is None:
            return
        if chunk.state is not ChunkState.DONE:
            # Whoever was about to finish it is gone, or slow: the chunk's next owner ends it.
            self._events.report(job, 2 * LEASE_SECONDS)
            return
        known = self._subscriptions.load(job.app, frozen.ids)
        self._events.emit(list(receipts(send, chunk, frozen.ids, known, int(self._clock.now()))))

    def _post(self, hook: Webhook, pending: PendingEvent) -> WebhookAnswer:
        assert hook.url is not None
        at, event, secrets = int(self._clock.now()), pending.event, self._webhooks.secrets(hook)
        attempt = Attempt(at, pending.tries, secrets[0], self._webhooks.auth(hook))
        request = self._formats[hook.dialect].request(event, attempt)
        body, moment = request.body.decode(), datetime.fromtimestamp(at, UTC)
        signatures = [standardwebhooks.Webhook(secret).sign(event.id, moment, body) for secret in secrets]
        headers = {
            "Content-Type": "application/json",
            **request.headers,
            "webhook-id": event.id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signatures),
        }
        answer = self._transport.post(WebhookPost(hook.url, headers, request.body))
        self._meter.count(Metric.WEBHOOK_TAKEN if _taken(answer) else Metric.WEBHOOK_FAILED, dialect=hook.dialect)
        return answer

    def _failed(self, hook: Webhook, pending: PendingEvent, answer: WebhookAnswer) -> None:
        now, tries = int(self._clock.now()), pending.tries + 1
        wanted = answer.status != GONE
        left = wanted and tries < len(TRIES_AT)
        self._keep(
            replace(
                pending,
                tries=tries,
                due_at=now + TRIES_AT[tries] - TRIES_AT[tries - 1] if left else None,
                status=answer.status,
                milliseconds=answer.milliseconds,
                tried_at=now,
            )
        )
        if not wanted:
            self._webhooks.disable(hook, SYSTEM, "the receiver answered 410")
        elif hook.failing_since is None:
            self._note(replace(hook, failing_since=now, revision=hook.revision + 1))
        # Days without an event are no failures: somebody has to have been asked more than once.
        elif pending.tries and now - hook.failing_since >= DISABLED_AFTER:
            self._webhooks.disable(hook, SYSTEM, "nothing but failures for five days")

    def _keep(self, pending: PendingEvent) -> None:
        """Store it; if somebody did meanwhile, that one counts: the same job came twice."""
        try:
            self._pending.put(pending)
        except Stale:
            return
        if pending.due_at is None:
            self._meter.count(Metric.WEBHOOK_DEAD, dialect=pending.dialect)

    def _note(self, hook: Webhook) -> None:
        """Store how it goes; what somebody changed meanwhile counts, and the next try notes it again."""
        try:
            self._hooks.put(hook)
        except Stale:
            return


def _taken(answer: WebhookAnswer) -> bool:
    return answer.status is not None and 200 <= answer.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3
