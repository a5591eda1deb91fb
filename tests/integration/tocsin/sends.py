"""The operator's sends, for the tests of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.customer import Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, UserAgent

NOTE = {"title": "Sale", "body": "All day", "tag": "sale", "ttl": 3600, "urgency": "high"}


def send(
    customer: Customer, fields: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """An operator's send to everyone, unless `fields` say otherwise."""
    key = customer.api.operator_key if isinstance(customer.api, DeployedApi) else ""
    authorised = {"Authorization": f"Bearer {key}", **(headers or {})}
    note = {"to": {"everyone": True}, **NOTE, **(fields or {})}
    return customer.api.call("POST", customer.at("/sends"), note, authorised)


def shown(customer: Customer, send_id: str) -> dict[str, Any]:
    """What is told of a send."""
    found: dict[str, Any] = expect(200, customer.api.operator("GET", customer.at(f"/sends/{send_id}")))
    return found


def when(
    customer: Customer, send_id: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60
) -> dict[str, Any]:
    """The send, as soon as this holds of it."""
    deadline = time.monotonic() + seconds
    while not holds(found := shown(customer, send_id)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def when_settled(customer: Customer, send_id: str, seconds: float = 60) -> dict[str, Any]:
    """The send, once all its money is accounted for."""
    return when(customer, send_id, lambda found: found["status"] == "settled", seconds)


def enrol(customer: Customer, agents: Sequence[UserAgent]) -> None:
    """Subscribe them all, each under an address of its own."""
    client = customer.client()
    for number, agent in enumerate(agents):
        expect(201, client.subscribe(agent.subscription, f"reader{number}@example.com"))
