"""A customer of bNotify in this process, its server, and phones that come by its codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.customer import BNotifyClient, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi

OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "https://push.example"}
"""What a browser sends from the page behind a code."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A browser on that page. id: its subscription, as it was told; key: of its person's inbox; empty before."""

    api: HttpApi
    app: str
    id: str = ""
    key: str = ""

    def call(self, path: str, headers: Mapping[str, str] = OWN_PAGE, **fields: object) -> Answer:
        """POST below the app's page."""
        return self.api.call("POST", f"/qrcode/{self.app}/{path}", {"id": self.id, "key": self.key, **fields}, headers)

    def inbox(self) -> list[dict[str, Any]]:
        """What it shows."""
        notes: list[dict[str, Any]] = expect(200, self.call("inbox"))["notifications"]
        return notes

    def turn_off(self) -> None:
        """Unsubscribe, as the SDK does."""
        expect(200, self.api.call("POST", f"/sdk/v1/{self.app}/unsubscribe", {"id": self.id}, OWN_PAGE))


@dataclass(frozen=True, slots=True)
class Channel:
    """An app with its key."""

    engine: MemoryEngine
    customer: Customer
    server: BNotifyClient

    @classmethod
    def open(cls, engine: MemoryEngine, **settings: object) -> "Channel":
        """A new one, which holds no credits: nobody needs any here."""
        customer = Customer.sign_up(HttpApi(engine), credits=0, **settings)
        return cls(engine, customer, customer.bnotify())

    @property
    def api(self) -> HttpApi:
        """The deployment."""
        return HttpApi(self.engine)

    def code(self, iuid: str = "u-17", **query: str) -> str:
        """A user's code."""
        return str(expect(200, self.server.code(iuid, **query))["code"])

    def redeem(self, code: str) -> Answer:
        """What the page does when its button is pressed."""
        return self.api.call("POST", f"/qrcode/{code}", {}, OWN_PAGE)

    def phone(self, iuid: str = "u-17") -> Phone:
        """A browser that came by the user's code and subscribed."""
        api, app = self.api, self.customer.app
        let_in = expect(200, self.redeem(self.code(iuid)))
        identity = {"externalId": let_in["externalId"], "proof": let_in["token"]}
        body = {"subscription": new_subscription(), "identity": identity}
        made = expect(201, api.call("POST", f"/sdk/v1/{app}/subscriptions", body, OWN_PAGE))
        return Phone(api, app, made["id"], let_in["key"])
