"""A subscription as an item and back, and the names of the counters that it is in."""

import json
from collections.abc import Collection, Iterable, Mapping

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.jobs import Recipient
from tocsin.application.ports import Place
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, SendId, SubscriptionId
from tocsin.domain.matching import Known
from tocsin.domain.segment import DEVICE, Field
from tocsin.domain.subscription import Activity, Counts, Device, Platform, Subscription, SubscriptionState
from tocsin.webpush.encryption import RecipientKeys

UNDER_KEY = "key_"
RECIPIENT = "#id, #endpoint, #p256dh, #auth, #vapid_key, #identities, #untold"
"""What of an item a broadcast reads: each attribute costs as much time as encrypting a tenth of a message."""


_ASKED: Mapping[Field, str] = {
    Field.LABELS: "labels",
    Field.CUSTOM: "custom",
    Field.CREATED_AT: "created_at",
    Field.SEEN_AT: "seen_at",
    **DEVICE,
}
"""What a broadcast does not read, and a segment may ask for."""


def to_item(subscription: Subscription) -> Item:
    """The item of a subscription."""
    device, activity = subscription.device, subscription.activity
    return {
        **keys.subscription(subscription.app, subscription.id),
        "listed": keys.listed(subscription.app, subscription.state, subscription.id),
        "listed_at": keys.place(subscription.created_at, subscription.id),
        "id": subscription.id,
        "app": subscription.app,
        "endpoint": subscription.endpoint,
        "p256dh": subscription.keys.p256dh if subscription.keys else None,
        "auth": subscription.keys.auth if subscription.keys else None,
        "vapid_key": subscription.vapid_key,
        "state": subscription.state,
        "identities": [{"kind": identity.kind, "value": identity.value} for identity in subscription.identities],
        "labels": subscription.labels,
        "lang": device.lang,
        "timezone": device.timezone,
        "standalone": device.standalone,
        "browser": device.browser,
        "browser_version": device.browser_version,
        "os": device.os,
        "kind": device.kind,
        "country": device.country,
        "created_at": subscription.created_at,
        "seen_at": subscription.seen_at,
        "revision": subscription.revision,
        "address": subscription.address,
        "notified": activity.notified,
        "accepted_at": activity.accepted_at,
        "last_send": activity.last_send,
        "updated_at": subscription.updated_at,
        # As text: DynamoDB would round its numbers.
        "custom": None if subscription.custom is None else json.dumps(subscription.custom, separators=(",", ":")),
        "rejections": subscription.rejections or None,
        "untold": subscription.untold or None,
        "imported_at": subscription.imported_at,
        "platform": None if subscription.platform is Platform.WEB else subscription.platform,
        "replaced_by": subscription.replaced_by,
        "subscribed_at": subscription.subscribed_at,
    }


def from_record(record: Record) -> Subscription:
    """The subscription in a record. Raises MalformedRecord."""
    return Subscription(
        SubscriptionId(record.text("id")),
        AppId(record.text("app")),
        record.text("endpoint"),
        _keys_in(record),
        record.text("vapid_key"),
        SubscriptionState(record.text("state")),
        tuple(Identity(IdentityKind(one.text("kind")), one.text("value")) for one in record.records("identities")),
        record.texts("labels"),
        Device(
            record.text_or_none("lang"),
            record.text_or_none("timezone"),
            record.flag_or_none("standalone"),
            record.text_or_none("browser"),
            record.text_or_none("browser_version"),
            record.text_or_none("os"),
            record.text_or_none("kind"),
            record.text_or_none("country"),
        ),
        record.number("created_at"),
        record.number("seen_at"),
        record.number("revision"),
        record.binary_or_none("address"),
        Activity(
            record.number("notified"),
            record.number_or_none("accepted_at"),
            SendId(record.text("last_send")) if "last_send" in record else None,
        ),
        record.number("updated_at"),
        json.loads(record.text("custom")) if "custom" in record else None,
        record.number_or_none("rejections") or 0,
        record.flag_or_none("untold") or False,
        imported_at=record.number_or_none("imported_at"),
        platform=Platform(record.text_or_none("platform") or Platform.WEB),
        replaced_by=SubscriptionId(record.text("replaced_by")) if "replaced_by" in record else None,
        subscribed_at=record.number_or_none("subscribed_at"),
    )


def recipient_in(record: Record) -> Recipient:
    """What delivering needs of the subscription in a record, which may hold RECIPIENT only. Raises MalformedRecord."""
    return Recipient(
        SubscriptionId(record.text("id")),
        record.text("endpoint"),
        _keys_in(record),
        record.text("vapid_key"),
        None if "untold" in record else _external_in(record),
    )


def attributes_of(fields: Collection[Field]) -> list[str]:
    """What of an item tells these fields, beside RECIPIENT; names as in an expression."""
    return [f"#{name}" for field, name in _ASKED.items() if field in fields]


def known_in(record: Record, fields: Collection[Field]) -> Known:
    """These fields of a record that has RECIPIENT and their attributes. Raises MalformedRecord."""
    return {field: _known(record, field) for field in fields}


def _known(record: Record, field: Field) -> object:
    match field:
        case Field.EXTERNAL_ID:
            return _external_in(record)
        case Field.LABELS:
            return record.texts("labels")
        case Field.CUSTOM:
            return json.loads(record.text("custom")) if "custom" in record else None
        case Field.CREATED_AT | Field.SEEN_AT:
            return record.number(_ASKED[field])
        case _:
            return record.text_or_none(_ASKED[field])


def _external_in(record: Record) -> str | None:
    external = (one.text("value") for one in record.records("identities") if one.text("kind") == IdentityKind.EXTERNAL)
    return next(external, None)


def _keys_in(record: Record) -> RecipientKeys | None:
    """None where the endpoint is a registration token."""
    if "p256dh" not in record:
        return None
    return RecipientKeys(record.binary("p256dh"), record.binary("auth"))


def place_in(record: Record, name: str) -> Place:
    """The place in a listing that an attribute holds. Raises MalformedRecord."""
    created_at, _, subscription = record.text(name).partition("#")
    return Place(int(created_at), SubscriptionId(subscription))


def counters(state: SubscriptionState, vapid_key: str) -> list[str]:
    """The counters of its shard that a subscription is in: of its state and, while it is active, of its key."""
    return [state, _under_key(vapid_key)] if state is SubscriptionState.ACTIVE else [state]


def sum_of(shards: Iterable[Record]) -> Counts:
    """The counters of all shards together."""
    by_state = dict.fromkeys(SubscriptionState, 0)
    by_key: dict[str, int] = {}
    by_shard = [0] * SHARDS
    for shard in shards:
        by_shard[keys.shard_number(shard.text("pk"))] = shard.number_or_none(SubscriptionState.ACTIVE) or 0
        for state in SubscriptionState:
            by_state[state] += shard.number_or_none(state) or 0
        for counter in shard.names():
            if counter.startswith(UNDER_KEY):
                key = bytes.fromhex(counter.removeprefix(UNDER_KEY)).decode()
                by_key[key] = by_key.get(key, 0) + shard.number(counter)
    return Counts(**by_state, by_key={key: count for key, count in by_key.items() if count}, by_shard=tuple(by_shard))


def _under_key(vapid_key: str) -> str:
    # In hex, because a key's id may hold `-`, which an expression's names may not.
    return UNDER_KEY + vapid_key.encode().hex()
