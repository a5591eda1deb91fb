"""Subscribers who cost no memory: each is made from its number when somebody asks."""

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.bench.cloud import Cloud
from tests.bench.expressions import Attributes, size_of
from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import to_attributes
from tocsin.adapters.dynamodb.subscription_record import counters, to_item
from tocsin.domain.ids import SHARDS, SubscriptionId
from tocsin.domain.subscription import Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.encryption import RecipientKeys

HOST = "updates.push.services.mozilla.com"
KEPT = 3
"""The first few have endpoints whose messages the push service keeps, to be decrypted."""
_TOKEN = "gAAAAABn" + "Zx4Qm2Lk9Tb0Vw7R" * 10  # as long as Mozilla's are
_PLACE = len(keys.SUBSCRIPTIONS) + 2  # where the number begins in a sort key


class UserAgent:
    """One browser's keys."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)

    @cached_property
    def p256dh(self) -> bytes:
        """The public point."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Audience:
    """`size` subscribers of an app, as a table's items; `browsers` are their keys, used in turn."""

    def __init__(self, app: App, size: int, browsers: list[UserAgent]) -> None:
        self.size = size
        self.browsers = browsers
        self._app = app
        self._items = [to_attributes(to_item(self._subscription(browser))) for browser in browsers]
        self._bytes = [size_of(item) for item in self._items]

    def move_in(self, cloud: Cloud, table: str) -> None:
        """Put everybody, and the counters of how many they are, into the cloud's table."""
        cloud.made_up[table] = self
        for shard in range(SHARDS):
            there = len(range(shard, self.size, SHARDS))
            counted = dict.fromkeys(counters(SubscriptionState.ACTIVE, self._app.vapid_key), there)
            item = to_attributes({**keys.shard_counts(self._app.id, shard), **counted})
            cloud.answer("PutItem", {"TableName": table, "Item": item})

    def get(self, pk: str, sk: str) -> Attributes | None:
        """One item."""
        if not sk.startswith(keys.SUBSCRIPTIONS) or not pk.startswith(f"APP#{self._app.id}#"):
            return None
        return self._item(int(sk[_PLACE:], 16))

    def after(self, pk: str, start: str) -> Iterator[tuple[Attributes, int]]:
        """The items of a shard after a sort key, each with its size."""
        app, _, shard = pk.removeprefix("APP#").rpartition("#")
        if app != self._app.id or not shard.isdigit():
            return
        after = start[_PLACE:].rstrip("\0")
        first = int(after, 16) + SHARDS if after else int(shard)
        for number in range(first, self.size, SHARDS):
            yield self._item(number), self._bytes[number % len(self.browsers)]

    def recipient(self, number: int) -> dict[str, Any]:
        """The PushSubscription of one of them, as an application server has it."""
        browser = self.browsers[number % len(self.browsers)]
        return {
            "endpoint": _endpoint(number),
            "keys": {"p256dh": to_base64url(browser.p256dh), "auth": to_base64url(browser.auth)},
        }

    def _item(self, number: int) -> Attributes:
        name = f"{number % SHARDS:02x}{number:022x}"
        return self._items[number % len(self.browsers)] | {
            "pk": {"S": keys.shard(self._app.id, number % SHARDS)},
            "sk": {"S": keys.SUBSCRIPTIONS + name},
            "id": {"S": name},
            "endpoint": {"S": _endpoint(number)},
        }

    def _subscription(self, browser: UserAgent) -> Subscription:
        return Subscription(
            SubscriptionId("0" * 24),
            self._app.id,
            _endpoint(0),
            RecipientKeys(browser.p256dh, browser.auth),
            self._app.vapid_key,
            SubscriptionState.ACTIVE,
            (),
            (),
            Device("en-GB", "Europe/Berlin", False, "Firefox", "145", "Windows", "desktop"),
            self._app.created_at,
            self._app.created_at,
            1,
        )


def _endpoint(number: int) -> str:
    return f"https://{HOST}/wpush/v2/{'kept' if number < KEPT else 'told'}/{_TOKEN}{number:08}"
