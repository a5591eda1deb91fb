"""Webhooks, the events that they did not take yet, and the way to customers' servers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.application.jobs import ChunkReceipts, TryAgain
from tocsin.application.ports.surroundings import Page
from tocsin.domain.audit import AuditEntry
from tocsin.domain.event import Event
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App, DialectName
from tocsin.domain.webhook import EventState, PendingEvent, Webhook


class Hooks(Protocol):
    """The webhooks of apps, one for each dialect."""

    def get(self, app: AppId, dialect: DialectName) -> Webhook | None:
        """The webhook, or None. A consistent read."""

    def put(self, new: Webhook, app: App | None = None, audit: AuditEntry | None = None) -> None:
        """Store it where the revision before it was read (0: where there was none), and the changed app with it.

        app, audit: stored together with it, or nothing is. Raises Stale: somebody else changed either in between.
        """


class PendingEvents(Protocol):
    """Events that a webhook did not take, by app and dialect."""

    def get(self, app: AppId, dialect: DialectName, event: str) -> PendingEvent | None:
        """The event, or None. A consistent read."""

    def put(self, new: PendingEvent) -> None:
        """Store it where the revision before it was read (0: where there was none). Raises Stale."""

    def remove(self, pending: PendingEvent) -> None:
        """Forget an event that arrived; no change if it is not there."""

    def listed(
        self, app: AppId, dialect: DialectName, state: EventState, limit: int, cursor: str | None
    ) -> Page[PendingEvent]:
        """Those in a state, in a fixed order. Raises MalformedCursor."""

    def due(self, now: int, limit: int) -> Iterable[TryAgain]:
        """Failing events that are due by now, the longest waiting first."""

    def postpone(self, event: TryAgain, due_at: int) -> None:
        """Have the sweep look again at due_at; no change unless it is failing."""


class Events(Protocol):
    """The queue of what customers are told by webhook. What is queued may arrive more than once or out of order."""

    def emit(self, events: Sequence[Event]) -> None:
        """Tell the webhooks of their apps."""

    def report(self, chunk: ChunkReceipts, delay: int) -> None:
        """Tell what became of each recipient of a chunk that is finished `delay` seconds (at most 900) from now."""

    def again(self, events: Sequence[TryAgain]) -> None:
        """Try these pending events once more, now."""


@dataclass(frozen=True, slots=True)
class WebhookPost:
    """A request to a customer's server. headers: all but Host and Content-Length, in this order."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """How it ended. status: None when no answer came, for whatever reason. milliseconds: how long it took."""

    status: int | None
    milliseconds: int


class WebhookTransport(Protocol):
    """POSTs to customers' servers: to public addresses only, following no redirect."""

    def post(self, request: WebhookPost) -> WebhookAnswer:
        """The answer; it takes ten seconds at most."""
