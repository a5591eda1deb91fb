"""Messages that travel between functions: frozen records with a version, so that old and new workers can meet."""

import json
from dataclasses import dataclass

from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.subscription import Subscription
from tocsin.webpush.encoding import from_base64url, to_base64url
from tocsin.webpush.encryption import RecipientKeys

VERSION = 1


@dataclass(frozen=True, slots=True)
class Recipient:
    """What delivering needs of a subscription. external_id: whose message it is, for the worker's person check."""

    id: SubscriptionId
    endpoint: str
    keys: RecipientKeys
    vapid_key: str
    external_id: str | None

    @classmethod
    def of(cls, subscription: Subscription) -> "Recipient":
        """The recipient that a subscription is."""
        external = subscription.identity(IdentityKind.EXTERNAL)
        return cls(
            subscription.id,
            subscription.endpoint,
            subscription.keys,
            subscription.vapid_key,
            external.value if external else None,
        )


@dataclass(frozen=True, slots=True)
class FanOut:
    """Open the chunks of a planned send."""

    app: AppId
    send: SendId


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
    read_at: int
    recipients: tuple[Recipient, ...] = ()


class MalformedJob(Exception):
    """A message that no version of ours wrote; it belongs in the dead letter queue."""


def encode_fan_out(job: FanOut) -> str:
    """The message body of a fan-out job (JSON)."""
    return _dump({"v": VERSION, "app": job.app, "send": job.send})


def decode_fan_out(body: str) -> FanOut:
    """The job in a message body. Raises MalformedJob."""
    fields = _load(body)
    try:
        return FanOut(AppId(fields["app"]), SendId(fields["send"]))
    except KeyError as error:
        raise MalformedJob("a field is missing") from error


def encode_deliver(job: DeliverChunk) -> str:
    """The message body of a delivery job (JSON, about 350 bytes a recipient)."""
    rows = [
        [r.id, r.endpoint, to_base64url(r.keys.p256dh), to_base64url(r.keys.auth), r.vapid_key, r.external_id]
        for r in job.recipients
    ]
    return _dump(
        {
            "v": VERSION,
            "app": job.app,
            "send": job.send,
            "chunk": job.number,
            "digest": job.digest,
            "at": job.read_at,
            "to": rows,
        }
    )


def decode_deliver(body: str) -> DeliverChunk:
    """The job in a message body. Raises MalformedJob."""
    fields = _load(body)
    try:
        recipients = tuple(
            Recipient(
                SubscriptionId(row[0]),
                row[1],
                RecipientKeys(from_base64url(row[2]), from_base64url(row[3])),
                row[4],
                row[5],
            )
            for row in fields["to"]
        )
        return DeliverChunk(
            AppId(fields["app"]),
            SendId(fields["send"]),
            fields["chunk"],
            fields["digest"],
            fields["at"],
            recipients,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise MalformedJob("a field is missing or malformed") from error


def _dump(fields: dict[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _load(body: str) -> dict:  # type: ignore[type-arg]  # JSON of any shape; the callers check it
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise MalformedJob("not JSON") from error
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        raise MalformedJob("of another version")
    return fields
