"""A site of Pushary with visitors whose browsers are simulated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.customer import SITE, Customer, PusharyClient, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent

LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that subscribed with the SDK. id: as the site's server is shown it."""

    id: str
    agent: UserAgent


@dataclass(frozen=True, slots=True)
class Site:
    """An app and its server's client."""

    customer: Customer
    server: PusharyClient
    simulator: Simulator

    @classmethod
    def open(cls, api: DeployedApi, simulator: Simulator, *, monthly: int | None = LIMIT) -> "Site":
        """A new one."""
        limits = {"hourly": None, "daily": None, "monthly": monthly}
        customer = Customer.sign_up(api, credits=0, limits=limits)
        return cls(customer, customer.pushary(), simulator)

    def visitor(
        self, external_id: str | None = None, headers: Mapping[str, str] | None = None, **fields: object
    ) -> Visitor:
        """A new browser that subscribes. At most 30 a minute, which is what pages may."""
        agent = self.simulator.user_agent("mozilla", self.customer.vapid_public_key)
        named = {} if external_id is None else {"identity": {"externalId": external_id}}
        body = {"subscription": agent.subscription, **named, **fields}
        path = f"/sdk/v1/{self.customer.app}/subscriptions"
        made = expect(201, self.customer.api.call("POST", path, body, {"Origin": SITE, **(headers or {})}))
        return Visitor(made["id"].partition(".")[0], agent)

    def get(self, path: str, **query: object) -> Any:
        """What a GET answers, which must be a 200."""
        return expect(200, self.server.call("GET", path, query={name: str(value) for name, value in query.items()}))

    def ids(self, **query: object) -> list[str]:
        """Who is listed."""
        return [one["id"] for one in self.get("/subscribers", **query)["data"]]

    def status(self, visitor: Visitor) -> str:
        """A subscriber's status."""
        return str(self.get(f"/subscribers/{visitor.id}")["status"])

    def pages(self, path: str, limit: int, **query: object) -> list[list[str]]:
        """The ids of a list, page by page to its end."""
        page = self.get(path, limit=limit, **query)
        pages = [page]
        while page["hasMore"]:
            page = self.get(path, limit=limit, cursor=page["nextCursor"], **query)
            pages.append(page)
        assert page["nextCursor"] is None
        return [[one["id"] for one in page["data"]] for page in pages]

    def leave(self, visitor: Visitor) -> None:
        """Let a visitor unsubscribe."""
        name = visitor.id.replace("sub_", "reg_")
        expect(200, self.customer.cloudsignal().call("DELETE", f"/clients/{name}"))

    def report(self, visitor: Visitor, number: int, *acts: str) -> None:
        """The worker of a browser reports what its reader did with a message."""
        visitor.agent.messages(number + 1)
        for act in acts:
            visitor.agent.report(act, self.customer.app, number, SITE)


def rate(answer: Answer) -> tuple[int, int, int]:
    """Limit, what remains, and when the window ends, as the headers of an answer tell."""
    limit, remaining, reset = (int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    return limit, remaining, reset


def refused(answer: Answer, status: int, error: str) -> str:
    """What a refusal tells; it must have the document's shape."""
    assert (answer.status, list(answer.json)) == (status, ["error", "message"]), answer.body
    assert answer.json["error"] == error
    return str(answer.json["message"])


def lacking(answer: Answer) -> str:
    """Which fields a refusal names as missing."""
    assert (answer.status, list(answer.json)) == (400, ["error"]), answer.body
    introduction, _, fields = str(answer.json["error"]).partition(": ")
    assert introduction == "Missing required fields"
    return fields
