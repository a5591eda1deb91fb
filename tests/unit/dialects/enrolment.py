"""Browsers of CloudSignal's customers in unit tests, enrolled by the customer's server."""

from tests.customer import READER, Customer, new_subscription
from tests.engine import MemoryEngine
from tocsin.dialect_kit.identifiers import render


def enrol(customer: Customer, count: int = 1, email: str = READER) -> list[str]:
    """Subscribe browsers of one address; their endpoints."""
    server, subscriptions = customer.client(), [new_subscription() for _ in range(count)]
    for subscription in subscriptions:
        assert server.subscribe(subscription, email).status == 201
    return [subscription["endpoint"] for subscription in subscriptions]


def registration(engine: MemoryEngine, endpoint: str) -> str:
    """The id by which CloudSignal's clients know the browser with this endpoint."""
    found = [id_ for (_, id_), stored in engine.storage.subscriptions.items() if stored.endpoint == endpoint]
    return render("reg", *found)
