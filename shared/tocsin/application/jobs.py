"""Messages that travel between functions: frozen records with a version, so that old and new workers can meet."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.domain.send import Send
from tocsin.domain.subscription import Subscription
from tocsin.domain.template import Rendered
from tocsin.domain.tenancy import DialectName
from tocsin.webpush.encoding import from_base64url, to_base64url
from tocsin.webpush.encryption import RecipientKeys

VERSION = 2
MESSAGE_LIMIT = 1_048_576
"""Bytes of a queue's message; JSON as we write it is ASCII."""


class Lane(StrEnum):
    """Which queues a job takes: broadcasts have their own, so that they do not delay what one person waits for."""

    DIRECT = "direct"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Route:
    """How a job travels; queues are fair between tenants."""

    tenant: TenantId
    lane: Lane

    @classmethod
    def of(cls, send: Send) -> "Route":
        """The route of a send's jobs."""
        return cls(send.tenant, Lane.BULK if send.large else Lane.DIRECT)


@dataclass(frozen=True, slots=True)
class Recipient:
    """What delivering needs of a subscription. external_id: whose message it is, for the worker's person check.

    keys: None where the endpoint is a registration token. shown: a text of its own, None where all have the same; it
    does not travel, but is made by the worker that posts it.
    """

    id: SubscriptionId
    endpoint: str = field(repr=False)
    keys: RecipientKeys | None
    vapid_key: str
    external_id: str | None
    shown: Rendered | None = field(default=None, repr=False)

    @classmethod
    def of(cls, subscription: Subscription, shown: Rendered | None = None) -> "Recipient":
        """The recipient that a subscription is."""
        return cls(
            subscription.id,
            subscription.endpoint,
            subscription.keys,
            subscription.vapid_key,
            subscription.checked_as,
            shown,
        )


@dataclass(frozen=True, slots=True)
class FanOut:
    """Open the chunks of one part of a planned send.

    ordinal, taken, after: how far an earlier worker came: its chunks, their recipients, and where its walk stopped.
    """

    app: AppId
    send: SendId
    route: Route
    part: int = 0
    ordinal: int = 0
    taken: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True)
class DeliverChunk:
    """Deliver one chunk.

    digest: of the frozen ids; a message whose digest is not the record's is dropped. recipients: the fast path, in the
    frozen order, read at read_at (Unix seconds); empty when the worker has to load them by the frozen ids.
    """

    app: AppId
    send: SendId
    number: int
    digest: str
    route: Route
    read_at: int = 0
    recipients: tuple[Recipient, ...] = ()

    def without_recipients(self) -> "DeliverChunk":
        """The same for a worker that loads the recipients by the frozen ids."""
        return replace(self, read_at=0, recipients=())


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the webhooks of an event's app."""

    event: Event

    @property
    def app(self) -> AppId:
        """Whose event it is."""
        return self.event.app


@dataclass(frozen=True, slots=True)
class ChunkReceipts:
    """Tell what became of each recipient of a finished chunk of a traced send."""

    app: AppId
    send: SendId
    chunk: int


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try an event once more that a dialect's webhook did not take."""

    app: AppId
    dialect: DialectName
    event: str


WebhookJob = Notify | ChunkReceipts | TryAgain


class MalformedJob(Exception):
    """A message that no version of ours wrote; it belongs in the dead letter queue."""


def encode_fan_out(job: FanOut) -> str:
    """The message body of a fan-out job (JSON)."""
    return dump(
        {
            **_head(job),
            "part": job.part,
            "ordinal": job.ordinal,
            "taken": job.taken,
            "after": job.after,
        }
    )


def decode_fan_out(body: str) -> FanOut:
    """The job in a message body. Raises MalformedJob."""
    fields = load(body)
    with well_formed():
        after = fields["after"]
        return FanOut(
            AppId(text(fields["app"])),
            SendId(text(fields["send"])),
            _route(fields),
            number(fields["part"]),
            number(fields["ordinal"]),
            number(fields["taken"]),
            None if after is None else text(after),
        )


def encode_deliver(job: DeliverChunk) -> str:
    """The message body of a delivery job (JSON, about 350 bytes a recipient).

    Recipients that would not fit into a message are left out: the worker then loads them by the frozen ids.
    """
    rows = [[r.id, r.endpoint, *_key_texts(r.keys), r.vapid_key, r.external_id] for r in job.recipients]
    body = dump({**_head(job), "chunk": job.number, "digest": job.digest, "at": job.read_at, "to": rows})
    return body if len(body) <= MESSAGE_LIMIT else encode_deliver(job.without_recipients())


def decode_deliver(body: str) -> DeliverChunk:
    """The job in a message body. Raises MalformedJob."""
    fields = load(body)
    with well_formed():
        return DeliverChunk(
            AppId(text(fields["app"])),
            SendId(text(fields["send"])),
            number(fields["chunk"]),
            text(fields["digest"]),
            _route(fields),
            number(fields["at"]),
            tuple(map(_recipient, _list(fields["to"]))),
        )


def encode_webhook_job(job: WebhookJob) -> str:
    """The message body of a job about webhooks (JSON)."""
    fields: dict[str, object] = {"v": VERSION, "app": job.app}
    match job:
        case Notify(event):
            told = {name: value for name, value in asdict(event).items() if value is not None}
            fields |= {"job": "notify", "event": told}
        case ChunkReceipts():
            fields |= {"job": "receipts", "send": job.send, "chunk": job.chunk}
        case TryAgain():
            fields |= {"job": "again", "dialect": job.dialect, "event": job.event}
    return dump(fields)


def decode_webhook_job(body: str) -> WebhookJob:
    """The job in a message body. Raises MalformedJob."""
    fields = load(body)
    with well_formed():
        app = AppId(text(fields["app"]))
        match fields["job"]:
            case "notify":
                return Notify(event_from(fields["event"]))
            case "receipts":
                return ChunkReceipts(app, SendId(text(fields["send"])), number(fields["chunk"]))
            case "again":
                return TryAgain(app, DialectName(text(fields["dialect"])), text(fields["event"]))
    raise MalformedJob("an unknown job")


def event_from(fields: Mapping[str, Any]) -> Event:
    """The event in what `asdict` made of one; what is None may be absent. Raises KeyError, TypeError, ValueError."""
    texts = {name: text(fields[name]) for name in ("person", "platform", "reason") if fields.get(name) is not None}
    return Event(
        text(fields["id"]),
        AppId(text(fields["app"])),
        EventKind(fields["kind"]),
        number(fields["at"]),
        subscription=SubscriptionId(text(fields["subscription"])) if fields.get("subscription") is not None else None,
        send=SendId(text(fields["send"])) if fields.get("send") is not None else None,
        place=number(fields["place"]) if fields.get("place") is not None else None,
        dialect=DialectName(text(fields["dialect"])) if fields.get("dialect") is not None else None,
        **texts,
    )


def _head(job: FanOut | DeliverChunk) -> dict[str, object]:
    return {"v": VERSION, "app": job.app, "send": job.send, "tenant": job.route.tenant, "lane": job.route.lane}


def _route(fields: dict[str, Any]) -> Route:
    return Route(TenantId(text(fields["tenant"])), Lane(fields["lane"]))


def _key_texts(keys: RecipientKeys | None) -> tuple[str, str]:
    return ("", "") if keys is None else (to_base64url(keys.p256dh), to_base64url(keys.auth))


def _recipient(row: object) -> Recipient:
    name, endpoint, p256dh, auth, vapid_key, external = _list(row)
    keys = None if (p256dh, auth) == ("", "") else RecipientKeys(from_base64url(p256dh), from_base64url(auth))
    return Recipient(
        SubscriptionId(text(name)),
        text(endpoint),
        keys,
        text(vapid_key),
        None if external is None else text(external),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def text(value: object) -> str:
    """A string. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError
    return value


def number(value: object) -> int:
    """A whole number that is not negative. Raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


@contextmanager
def well_formed() -> Iterator[None]:
    """Around the reading of fields: raises MalformedJob where one is missing or malformed."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedJob("a field is missing or malformed") from error


def dump(fields: dict[str, object]) -> str:
    """A message body (JSON)."""
    return json.dumps(fields, separators=(",", ":"))


def load(body: str) -> dict[str, Any]:
    """The fields in a message body. Raises MalformedJob."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedJob("not JSON") from error
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        raise MalformedJob("of another version")
    return fields
