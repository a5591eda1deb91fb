"""A customer of Keymaster: an app's server, its users and its administrators, each with tokens of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.customer import Api, Customer, expect, new_subscription
from tests.http_api import Answer

NOTE = {"title": "Your shift starts in 30 min", "body": "Open GymOps to view details."}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Somebody who calls with one access token."""

    api: Api
    app: str
    token: str

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path below /push with the token."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.api.call(method, f"/push{path}", body, sent, query=query)

    def send(self, user_id: str, headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """POST /push/send; the fields change a good note."""
        return self.call("POST", "/send", {"user_id": user_id, **NOTE, **fields}, headers)

    def bulk(self, user_ids: list[str], headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """POST /push/send/bulk."""
        return self.call("POST", "/send/bulk", {"user_ids": user_ids, **NOTE, **fields}, headers)

    def batch(self, *notes: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
        """POST /push/send/batch; what a note leaves out is taken from a good one."""
        return self.call("POST", "/send/batch", {"notifications": [{**NOTE, **note} for note in notes]}, headers)

    def register(self, token: object = None, platform: str = "web", **fields: object) -> Answer:
        """POST /push/devices/register; a new browser's subscription as text, unless there is another token."""
        given = json.dumps(new_subscription()) if token is None else token
        body = {"app_id": self.app, "platform": platform, "push_token": given, **fields}
        return self.call("POST", "/devices/register", body)

    def registered(self, token: object = None, platform: str = "web") -> str:
        """The id of a device that is registered."""
        return str(expect(201, self.register(token, platform))["device_id"])

    def config(self) -> dict[str, Any]:
        """GET /push/config."""
        shown: dict[str, Any] = expect(200, self.call("GET", f"/config/{self.app}"))
        return shown

    def configure(self, **fields: object) -> Answer:
        """PATCH /push/config."""
        return self.call("PATCH", f"/config/{self.app}", fields)

    def devices(self, **query: str) -> dict[str, Any]:
        """GET /push/devices."""
        listed: dict[str, Any] = expect(200, self.call("GET", f"/devices/{self.app}", query=query))
        return listed


@dataclass(frozen=True, slots=True)
class Gym:
    """An app with the credentials of one client. id: its UUID."""

    customer: Customer
    id: str
    client_id: str
    client_secret: str

    @classmethod
    def of(cls, customer: Customer) -> "Gym":
        """As its operator made it: push is not enabled."""
        shown = expect(200, customer.api.operator("GET", customer.at("")))
        client_id, _, client_secret = customer.key(dialect="keymaster")["key"].partition(":")
        return cls(customer, shown["ids"]["keymaster"], client_id, client_secret)

    @classmethod
    def opened(cls, customer: Customer, **settings: object) -> "Gym":
        """With push enabled by its administrator."""
        gym = cls.of(customer)
        expect(200, gym.admin().configure(enabled=True, **settings))
        return gym

    def token(self, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """POST /auth/token; the fields change a good request, and the empty text leaves one out."""
        given = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": "push:send",
        } | fields
        form = urlencode({name: value for name, value in given.items() if value}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.customer.api.call("POST", "/auth/token", form, {**kind, **(headers or {})})

    def server(self) -> Bearer:
        """The app's server."""
        return self._bearer(expect(200, self.token())["access_token"])

    def user(self, user_id: str) -> Bearer:
        """A person at the app."""
        return self._issued(type="user", user_id=user_id)

    def admin(self, *roles: str) -> Bearer:
        """Who administers the app, unless other roles are named."""
        return self._issued(type="admin", roles=list(roles) or ["app_admin"])

    def _issued(self, **fields: object) -> Bearer:
        made = self.customer.api.operator("POST", self.customer.at("/access-tokens"), fields)
        return self._bearer(expect(201, made)["access_token"])

    def _bearer(self, token: str) -> Bearer:
        return Bearer(self.customer.api, self.id, token)
