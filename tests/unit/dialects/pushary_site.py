"""A site of Pushary in this process, its server and its pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.customer import SITE, Customer, PusharyClient, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId

LIMIT = {"hourly": None, "daily": None, "monthly": 10_000}


@dataclass(frozen=True, slots=True)
class Site:
    """One app with its key."""

    engine: MemoryEngine
    customer: Customer
    server: PusharyClient

    @classmethod
    def open(cls, engine: MemoryEngine, **settings: object) -> "Site":
        """A new app in a deployment, with a monthly limit unless the settings say otherwise."""
        customer = Customer.sign_up(HttpApi(engine), credits=0, **{"limits": LIMIT, **settings})
        return cls(engine, customer, customer.pushary())

    @property
    def app(self) -> AppId:
        """The app's id in the core's form."""
        return AppId(parse("app", self.customer.app) or "")

    def visit(self, headers: Mapping[str, str] | None = None, **fields: object) -> str:
        """A visitor subscribes with the SDK; the id that the site's server is shown."""
        body = {"subscription": new_subscription(), **fields}
        path = f"/sdk/v1/{self.customer.app}/subscriptions"
        made = expect(201, self.customer.api.call("POST", path, body, {"Origin": SITE, **(headers or {})}))
        return str(made["id"].partition(".")[0])

    def subscribers(self, **query: object) -> dict[str, Any]:
        """GET /subscribers."""
        asked = {name: str(value) for name, value in query.items()}
        page: dict[str, Any] = expect(200, self.server.call("GET", "/subscribers", query=asked))
        return page

    def ids(self, **query: object) -> list[str]:
        """Whose page it is."""
        return [one["id"] for one in self.subscribers(**query)["data"]]

    def subscriber(self, id_: str) -> dict[str, Any]:
        """GET /subscribers/:id."""
        shown: dict[str, Any] = expect(200, self.server.call("GET", f"/subscribers/{id_}"))
        return shown


def rate(answer: Answer) -> tuple[int, int, int]:
    """Limit, what remains, and when the window ends, as the headers of an answer tell."""
    limit, remaining, reset = (int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    return limit, remaining, reset


def refused(answer: Answer, status: int, error: str) -> str:
    """What a refusal tells; it must have the document's shape."""
    assert (answer.status, list(answer.json)) == (status, ["error", "message"]), answer.body
    assert answer.json["error"] == error
    return str(answer.json["message"])
