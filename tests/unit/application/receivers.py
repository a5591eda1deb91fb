"""A dialect that tells by webhook, and a customer's server that is told."""

import json
from dataclasses import dataclass

import standardwebhooks

from tests import builders
from tests.engine import MemoryEngine
from tocsin.application.jobs import WebhookJob
from tocsin.application.ports import WebhookPost
from tocsin.application.telling import Telling
from tocsin.domain.event import Event, EventKind
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import Attempt, Webhook, WebhookFormat, WebhookRequest

PAGER, OTHER = DialectName("pager"), DialectName("other")
URL = "https://hooks.example.com/shop"


def request(event: Event, attempt: Attempt) -> WebhookRequest:
    """A body with what differs, and the dialect's own headers."""
    body = json.dumps({"kind": event.kind, "person": event.person, "tries": attempt.tries}).encode()
    return WebhookRequest(body, {"X-Pager-Secret": attempt.secret, "X-Pager-Auth": attempt.auth or ""})


FORMATS = {
    PAGER: WebhookFormat(frozenset(EventKind) - {EventKind.UNSUBSCRIBED}, request),
    OTHER: WebhookFormat(frozenset({EventKind.CLICKED}), request),
}


@dataclass(frozen=True, slots=True)
class Receiver:
    """An app with a webhook, and all that tells it."""

    engine: MemoryEngine
    app: App
    telling: Telling

    @property
    def hook(self) -> Webhook:
        """The webhook as stored."""
        hook = self.engine.webhooks.get(self.app.id, PAGER)
        assert hook is not None
        return hook

    @property
    def received(self) -> list[WebhookPost]:
        """What the server was sent, taken or not."""
        return self.engine.receivers.received

    def ids(self) -> list[str]:
        """The ids of the events that it was sent."""
        return [post.headers["webhook-id"] for post in self.received]

    def answers(self, status: int | None) -> None:
        """What it answers from now on; None: nothing."""
        self.engine.receivers.statuses[URL] = status

    def happens(self, number: int = 1, kind: EventKind = EventKind.SUBSCRIBED) -> Event:
        """Something happens at the app, and the worker is told."""
        event = Event(f"{number:024x}", self.app.id, kind, int(self.engine.clock.now()), person="anna")
        self.engine.events.emit([event])
        self.work()
        return event

    def work(self) -> None:
        """The worker empties its queue; what it puts there comes next time."""
        for job in self.engine.events.take():
            self.telling.handle(job)

    def later(self, seconds: float) -> None:
        """Time passes, then the sweep runs, then the worker."""
        self.engine.clock.advance(seconds)
        self.engine.retrying.sweep()
        self.work()

    def queue(self, *jobs: WebhookJob) -> None:
        """These jobs come again."""
        for job in jobs:
            self.telling.handle(job)


def telling(engine: MemoryEngine) -> Telling:
    """The worker of an engine, for the formats above."""
    return Telling(
        engine.registry,
        engine.hooks,
        engine.pending_events,
        engine.events,
        engine.sends,
        engine.chunks,
        engine.subscriptions,
        engine.webhooks,
        FORMATS,
        engine.receivers,
        engine.clock,
        engine.meter,
    )


def receiver(auth: str | None = None) -> Receiver:
    """A new app with a webhook of the pager's."""
    engine = MemoryEngine()
    app = builders.app(engine)
    engine.webhooks.change(app.id, PAGER, url=URL, auth=auth, actor=builders.OPERATOR)
    return Receiver(engine, app, telling(engine))


def signed_by(post: WebhookPost, secret: str) -> bool:
    """Whether one of a request's signatures is of this secret."""
    hook = standardwebhooks.Webhook(secret)
    # What `verify` does but for the time, which is ours here.
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(int(post.headers["webhook-timestamp"]), UTC)
    expected = hook.sign(post.headers["webhook-id"], moment, post.body.decode())
    return expected in post.headers["webhook-signature"].split(" ")
