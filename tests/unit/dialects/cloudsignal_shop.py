"""A customer of CloudSignal in this process, its server and its pages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.customer import SITE, CloudSignalClient, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import SubscriptionState

PAGE = {"Origin": SITE, "Sec-Fetch-Site": "cross-site"}
ANNA = "Anna.Lee@example.com"


@dataclass(frozen=True, slots=True)
class Shop:
    """One app with its two keys."""

    engine: MemoryEngine
    customer: Customer
    server: CloudSignalClient
    page: CloudSignalClient

    @classmethod
    def open(cls, engine: MemoryEngine, **settings_: str) -> "Shop":
        """A new app in a deployment."""
        customer = Customer.sign_up(HttpApi(engine), credits=0, **settings_)
        return cls(engine, customer, customer.cloudsignal(), customer.cloudsignal("publishable"))

    @property
    def app(self) -> AppId:
        """The app's id in the core's form."""
        return AppId(parse("app", self.customer.app) or "")

    def register(self, headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """A page registers its browser, a new one unless the fields name its subscription."""
        body = {"subscription": new_subscription(), **fields}
        return self.page.call("POST", "/clients/register", body, {**PAGE, **(headers or {})})

    def registered(self, **fields: Any) -> str:
        """The id of a new client."""
        return str(expect(201, self.register(**fields))["registration_id"])

    def client(self, id_: str) -> dict[str, Any]:
        """What the customer is shown."""
        shown: dict[str, Any] = expect(200, self.server.call("GET", f"/clients/{id_}"))
        return shown

    def clients(self, **query: object) -> Answer:
        """GET /v2/push/clients."""
        return self.server.call("GET", "/clients", query={name: str(value) for name, value in query.items()})

    def fill(self, created: list[int], state: SubscriptionState = SubscriptionState.ACTIVE) -> list[str]:
        """Clients made at these times, straight into the store; their ids in the order of a list."""
        pattern = self.engine.subscriptions.get(self.app, SubscriptionId(parse("reg", self.registered()) or ""))
        assert pattern is not None
        self.engine.subscriptions.erase(pattern)
        made = [
            replace(pattern, id=SubscriptionId(self.engine.randomness.new_id()), created_at=at, state=state)
            for at in created
        ]
        for one in made:
            self.engine.subscriptions.put(one, None)
        made.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        return [render("reg", one.id) for one in made]


def ids(answer: Answer) -> list[str]:
    """The clients of a page."""
    return [client["registration_id"] for client in expect(200, answer)["clients"]]


def refused(answer: Answer, status: int, code: str) -> str:
    """What a refusal tells; it must have the document's shape."""
    assert (answer.status, answer.headers["x-error-code"], list(answer.json)) == (status, code, ["detail"])
    return str(answer.json["detail"])
