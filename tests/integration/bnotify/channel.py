"""A customer of bNotify, and the phones of its users, which are simulated."""

from dataclasses import dataclass
from typing import Any

from tests.customer import BNotifyClient, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import Simulator, UserAgent

OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "https://push.example"}
"""What a browser sends from the page behind a code."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A browser that subscribed on the page behind a code. id: its subscription, as it was told; key: of the inbox."""

    customer: Customer
    agent: UserAgent
    id: str
    key: str

    def call(self, path: str, **fields: object) -> Answer:
        """What the page calls."""
        body = {"id": self.id, "key": self.key, **fields}
        return self.customer.api.call("POST", f"/qrcode/{self.customer.app}/{path}", body, OWN_PAGE)

    def inbox(self) -> list[dict[str, Any]]:
        """What the page shows."""
        notes: list[dict[str, Any]] = expect(200, self.call("inbox"))["notifications"]
        return notes

    def turn_off(self) -> None:
        """Unsubscribe, as the page does."""
        below = f"/sdk/v1/{self.customer.app}/unsubscribe"
        expect(200, self.customer.api.call("POST", below, {"id": self.id}, OWN_PAGE))


@dataclass(frozen=True, slots=True)
class Channel:
    """An app and its server's client."""

    customer: Customer
    server: BNotifyClient
    simulator: Simulator

    def code(self, iuid: str = "u-17", **query: str) -> str:
        """A user's code."""
        return str(expect(200, self.server.code(iuid, **query))["code"])

    def redeem(self, code: str) -> Answer:
        """What the page calls when its button is pressed."""
        return self.customer.api.call("POST", f"/qrcode/{code}", {}, OWN_PAGE)

    def phone(self, iuid: str = "u-17", service: str = "mozilla") -> Phone:
        """A new browser that comes by a user's code and subscribes. At most 30 a minute, which is what pages may."""
        let_in = expect(200, self.redeem(self.code(iuid)))
        agent = self.simulator.user_agent(service, self.customer.vapid_public_key)
        identity = {"externalId": let_in["externalId"], "proof": let_in["token"]}
        body = {"subscription": agent.subscription, "identity": identity}
        below = f"/sdk/v1/{self.customer.app}/subscriptions"
        made = expect(201, self.customer.api.call("POST", below, body, OWN_PAGE))
        return Phone(self.customer, agent, made["id"], let_in["key"])
