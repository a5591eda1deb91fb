"""A send as an item and back."""

import json
from collections.abc import Mapping

from tocsin.adapters.dynamodb import keys, report_record, rule_record
from tocsin.adapters.dynamodb.chunk_record import ids_from, packed_ids
from tocsin.adapters.dynamodb.marshalling import Item, MalformedRecord, Record
from tocsin.domain.chunk import Repeat
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SendId, TenantId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Audience, Charge, Chosen, Course, Everyone, Matching, Origin, Send, SendState, Tally
from tocsin.domain.tenancy import DialectName
from tocsin.webpush.message import Urgency

KEPT_SECONDS = 90 * 86_400
"""How long a send with its chunks can be looked up; its ledger rows stay. A quarter covers a billing period and a
complaint about it, and keeps the table's size in proportion to traffic."""


def held_by(send: Send) -> int:
    """The credits that a send holds until it is settled."""
    return send.reserved if send.charge is Charge.CREDITS else 0


def to_item(send: Send, due_at: int) -> Item:
    """The item of a new send. `expires_at` is the item's own end, not the message's."""
    return {
        **keys.send(send.app, send.id),
        "id": send.id,
        "app": send.app,
        "tenant": send.tenant,
        "dialect": send.dialect,
        "audience": _audience_item(send.audience),
        "notification": _notification_item(send.notification),
        "site_url": send.site_url,
        "contact": send.contact,
        "charge": send.charge,
        "repeat": send.repeat,
        "reserved": send.reserved,
        "held": held_by(send),
        "chunks": send.chunks,
        "state": send.state,
        "course": send.course,
        "parts": list(send.parts),
        "counts": counts_item(send.counts),
        "report": report_record.to_text(send.report),
        "created_at": send.created_at,
        "message_expires_at": send.expires_at,
        "settled_at": send.settled_at,
        "request_id": send.request_id,
        "units": send.units,
        "inbox": send.inbox,
        "traced": send.traced,
        "origin": send.origin,
        "statistics": send.statistics,
        "variables": None if send.variables is None else dict(send.variables),
        "site_name": send.site_name or None,
        "asked_at": send.asked_at,
        "listed": keys.listed_sends(send.app, send.source),
        "listed_at": keys.place(send.created_at, send.id),
        "due_pk": keys.due(send.id),
        "due_at": due_at,
        "expires_at": send.created_at + KEPT_SECONDS,
    }


def from_record(record: Record) -> Send:
    """The send in a record. Raises MalformedRecord."""
    return Send(
        SendId(record.text("id")),
        AppId(record.text("app")),
        TenantId(record.text("tenant")),
        DialectName(record.text("dialect")),
        _audience(record.record("audience")),
        _notification(record.record("notification")),
        record.text("site_url"),
        record.text("contact"),
        Charge(record.text("charge")),
        Repeat(record.text("repeat")),
        record.number("reserved"),
        record.number("chunks"),
        SendState(record.text("state")),
        _counts(record.record("counts")),
        record.number("created_at"),
        record.number("message_expires_at"),
        record.number_or_none("settled_at"),
        record.text("request_id"),
        record.numbers("parts"),
        Course(record.text("course")),
        report_record.from_record(record, "report"),
        record.number_or_none("units"),
        record.text_or_none("inbox"),
        record.flag_or_none("traced") is True,
        Origin(record.text("origin")),
        record.flag("statistics"),
        variables_in(record),
        record.text_or_none("site_name") or "",
        record.number_or_none("asked_at"),
    )


def variables_in(record: Record) -> Mapping[str, str] | None:
    """The values for placeholders that a record keeps, if it does. Raises MalformedRecord."""
    if "variables" not in record:
        return None
    values = record.record("variables")
    return {name: values.text(name) for name in values.names()}


def counts_item(counts: Tally) -> Item:
    """The counts of a send, as a map."""
    return {
        "accepted": counts.accepted,
        "failed": counts.failed,
        "gone": counts.gone,
        "uncertain": counts.uncertain,
        "pending": counts.pending,
        "doubted": counts.doubted,
    }


def _counts(record: Record) -> Tally:
    return Tally(*(record.number(name) for name in ("accepted", "failed", "gone", "uncertain", "pending", "doubted")))


def _audience_item(audience: Audience) -> Item:
    match audience:
        case Everyone():
            return {"kind": "everyone"}
        case Chosen():
            return {
                "kind": "chosen",
                "identities": [{"kind": identity.kind, "value": identity.value} for identity in audience.identities],
                "subscriptions": packed_ids(audience.subscriptions),
                "labels": audience.labels,
            }
        case Matching(rule):
            return {"kind": "matching", "rule": rule_record.to_text(rule)}


def _audience(record: Record) -> Audience:
    # Nothing but the very word widens a send to everyone.
    match record.text("kind"):
        case "everyone":
            return Everyone()
        case "chosen":
            people = record.records("identities")
            return Chosen(
                tuple(Identity(IdentityKind(one.text("kind")), one.text("value")) for one in people),
                ids_from(record, "subscriptions"),
                record.texts("labels"),
            )
        case "matching":
            return Matching(rule_record.from_record(record, "rule"))
    raise MalformedRecord("audience")


def _notification_item(notification: Notification) -> Item:
    return {
        "title": notification.title,
        "body": notification.body,
        "url": notification.url,
        "icon": notification.icon,
        "badge": notification.badge,
        "image": notification.image,
        "data": None if notification.data is None else _data_text(notification.data),
        "tag": notification.tag,
        "ttl": notification.ttl,
        "urgency": notification.urgency,
    }


def _data_text(data: Mapping[str, object]) -> str:
    # As text: a customer's object may hold fractions, or nest deeper than an item can.
    return json.dumps(dict(data), ensure_ascii=False, separators=(",", ":"))


def _notification(record: Record) -> Notification:
    return Notification(
        record.text("title"),
        record.text("body"),
        record.text_or_none("url"),
        record.text_or_none("icon"),
        record.text_or_none("badge"),
        record.text_or_none("image"),
        json.loads(record.text("data")) if "data" in record else None,
        record.text_or_none("tag"),
        record.number("ttl"),
        Urgency(record.text("urgency")),
    )
