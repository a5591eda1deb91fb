"""A customer of ours in a few words: an app with keys and credits, made through the operator's API like any other."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, Self
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.http_api import Answer
from tocsin.dialect_kit.identifiers import parse
from tocsin.webpush.encoding import to_base64url

SITE = "https://shop.example"
READER = "reader@example.com"
_numbers = count(1)


def expect(status: int, answer: Answer) -> Any:
    """The JSON of an answer that must have this status; None when it has no body."""
    assert answer.status == status, f"{answer.status} instead of {status}: {answer.body.decode(errors='replace')}"
    return answer.json if answer.body else None


class Api(Protocol):
    """Tocsin over HTTP: in this process (tests.http_api) or deployed (tests.integration.deployed_api)."""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path. body: bytes go as they are, anything else as JSON."""

    def operator(self, method: str, path: str, body: object = None) -> Answer:
        """Call as the operator."""


@dataclass(frozen=True, slots=True)
class PushServiceClient:
    """Calls the pushService API with one key; the body of each call is a good one unless the test changes it."""

    api: Api
    key: str

    def call(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """POST with the key."""
        return self.api.call("POST", path, body, {"X-Api-Key": self.key, **(headers or {})})

    def send(self, email: str = READER, headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """POST /v1/send."""
        note = {"email": email, "title": "Your table is ready", "body": "Head to the host stand", **fields}
        return self.call("/v1/send", note, headers)

    def subscribe(
        self, subscription: object, email: str = READER, headers: Mapping[str, str] | None = None, **fields: object
    ) -> Answer:
        """POST /v1/subscribe."""
        return self.call("/v1/subscribe", {"email": email, "subscription": subscription, **fields}, headers)

    def unsubscribe(self, email: str = READER) -> Answer:
        """POST /v1/unsubscribe."""
        return self.call("/v1/unsubscribe", {"email": email})


@dataclass(frozen=True, slots=True)
class CloudSignalClient:
    """Calls the CloudSignal API with one key, which stands in the header for its kind."""

    api: Api
    key: str

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path below /v2/push with the key."""
        header = "X-Publishable-Key" if self.key.startswith("pk_") else "X-Secret-Key"
        return self.api.call(method, f"/v2/push{path}", body, {header: self.key, **(headers or {})}, query=query)

    def send(self, headers: Mapping[str, str] | None = None, /, **fields: object) -> Answer:
        """POST /v2/push/send; the fields must name a target."""
        return self.call("POST", "/send", {"title": "Order Shipped!", "body": "It is on its way", **fields}, headers)

    def quota(self) -> tuple[int | None, int | None]:
        """What remains of the hour and of the day."""
        told = expect(200, self.call("GET", "/quota"))
        return told["hourly_remaining"], told["daily_remaining"]


@dataclass(frozen=True, slots=True)
class BNotifyClient:
    """Calls the bNotify API of one channel with its key. base: "" for the short paths."""

    api: Api
    key: str
    channel: str
    base: str = "/api"

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path below the channel with the key."""
        below = f"{self.base}/channels/{self.channel}{path}"
        return self.api.call(method, below, body, {"X-CHANNEL-API-KEY": self.key, **(headers or {})}, query=query)

    def code(self, iuid: str, **query: str) -> Answer:
        """GET the code of a user."""
        return self.call("GET", f"/subscriptions/{_segment(iuid)}/code", query=query)

    def subscription(self, iuid: str) -> Answer:
        """GET one subscription."""
        return self.call("GET", f"/subscriptions/{_segment(iuid)}")

    def subscriptions(self, **query: str) -> Answer:
        """GET all of them."""
        return self.call("GET", "/subscriptions", query=query)

    def notify(self, iuid: str, headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """POST a notification; the fields change a good one."""
        note = {"title": "Notification Title", "text": "This is notification text, I can write anything!", **fields}
        return self.call("POST", f"/notifications/{_segment(iuid)}", note, headers)


@dataclass(frozen=True, slots=True)
class PusharyClient:
    """Calls the Pushary API with one key, both halves of it."""

    api: Api
    key: str

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path below /api/v1/server with the key."""
        given = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.api.call(method, f"/api/v1/server{path}", body, given, query=query)

    def send(self, headers: Mapping[str, str] | None = None, /, **fields: object) -> Answer:
        """POST /api/v1/server/send, to everyone unless the fields name somebody."""
        return self.call("POST", "/send", {"title": "New Message", "body": "You have one", **fields}, headers)


def _segment(text: str) -> str:
    return quote(text, safe="")


def counts(answer: Answer) -> tuple[str, int, int, int]:
    """Status, targets, sent and failed of CloudSignal's answer to a send."""
    reply = expect(200, answer)
    return reply["status"], reply["total_targets"], reply["successful_sends"], reply["failed_sends"]


@dataclass(frozen=True, slots=True)
class Customer:
    """An app and what its owner was told about it once."""

    api: Api
    tenant: str
    app: str
    identity_secret: str
    vapid_public_key: str

    @classmethod
    def sign_up(cls, api: Api, *, credits: int = 100, **settings: object) -> Self:  # noqa: A002 - the domain's word
        """A tenant of one app with credits; `settings` are members of the request that makes the app."""
        tenant = expect(201, api.operator("POST", "/admin/tenants", {"name": "Shop"}))["id"]
        wanted = {"name": "Shop", "site_url": f"{SITE}/", "origins": [SITE], "contact": "mailto:push@tocsin.dev"}
        app = expect(
            201, api.operator("POST", f"/admin/tenants/{tenant}/apps", wanted | {"identity": "off"} | settings)
        )
        customer = cls(api, tenant, app["id"], app["identity_secret"], app["vapid_public_key"])
        if credits:
            customer.grant(credits)
        return customer

    def at(self, path: str) -> str:
        """A path of the operator's API below this app."""
        return f"/admin/apps/{self.app}{path}"

    def key(self, kind: str = "secret", **fields: object) -> dict[str, Any]:
        """A new pushService key, as the operator is shown it."""
        wanted = {"dialect": "pushservice", "kind": kind, **fields}
        made: dict[str, Any] = expect(201, self.api.operator("POST", self.at("/keys"), wanted))
        return made

    def client(self, kind: str = "secret") -> PushServiceClient:
        """A pushService client with a key of its own."""
        return PushServiceClient(self.api, self.key(kind)["key"])

    def cloudsignal(self, kind: str = "secret", **fields: object) -> CloudSignalClient:
        """A CloudSignal client with a key of its own; `fields` are members of the request that makes the key."""
        return CloudSignalClient(self.api, self.key(kind, dialect="cloudsignal", **fields)["key"])

    @property
    def channel(self) -> str:
        """The app's id as bNotify has it."""
        return parse("app", self.app) or ""

    def bnotify(self, **fields: object) -> BNotifyClient:
        """A bNotify client with a key of its own; `fields` are members of the request that makes the key."""
        return BNotifyClient(self.api, self.key("secret", dialect="bnotify", **fields)["key"], self.channel)

    def pushary(self, **fields: object) -> PusharyClient:
        """A Pushary client with a key of its own; `fields` are members of the request that makes the key."""
        return PusharyClient(self.api, self.key("secret", dialect="pushary", **fields)["key"])

    def grant(self, amount: int) -> None:
        """Add credits."""
        grant = {"amount": amount, "reference": f"order-{next(_numbers)}"}
        expect(201, self.api.operator("POST", self.at("/credits"), grant))

    def credits(self) -> dict[str, int]:
        """`available`, `reserved`, `spent`."""
        balance: dict[str, int] = expect(200, self.api.operator("GET", self.at("/credits")))
        return balance


def new_subscription() -> dict[str, Any]:
    """A browser's subscription with a key of its own, at an endpoint that nobody else has."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh = to_base64url(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    endpoint = f"https://updates.push.services.mozilla.com/wpush/v2/{secrets.token_urlsafe(24)}"
    return {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": to_base64url(secrets.token_bytes(16))}}
