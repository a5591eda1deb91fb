"""A function without its role's policy fails closed: it answers 5xx or gives the message back, and does nothing.

All other tests run with the roles enforced; here one is taken away at a time, and exactly its function fails.
"""

import contextlib
import json
from collections.abc import Callable, Iterator

import pytest

from dev.stack import Stack
from dev.stack.build import ROOT
from tests.customer import CloudSignalClient, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.queues import invoked
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.registry import dialects

# Each function with the dialect that it is called by here.
DIALECTS = {
    "send": "pushservice",
    "subscribe": "pushservice",
    "unsubscribe": "pushservice",
    "subscribers": "cloudsignal",
    "quota": "cloudsignal",
    "campaigns": "pushary",
    "account": "tocsin",
    "web": "tocsin",
}
WORKERS = ["fanout", "deliver", "webhooks"]


@contextlib.contextmanager
def without_policy(deployed: Stack, function: str) -> Iterator[None]:
    """Take away what a function's role allows, and give it back."""
    roles = deployed.aws("iam")
    (role,) = (
        r["RoleName"] for r in roles.list_roles()["Roles"] if f"-{function.capitalize()}Role-" in f"{r['RoleName']}-"
    )
    (name,) = roles.list_role_policies(RoleName=role)["PolicyNames"]
    policy = roles.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    roles.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        roles.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def of_app(deployed: Stack, customer: Customer) -> list[str]:
    """Everything stored that names an app, in an order of its own."""
    app = parse("app", customer.app) or ""
    return sorted(f"{table} {item}" for table, item in everything_stored(deployed) if app in str(item))


def a_call_of_each(api: DeployedApi, simulator: Simulator, customer: Customer) -> dict[str, Callable[[], Answer]]:
    """One call a function, which succeeds as often as it is made."""
    shop = customer.client()
    cloudsignal = CloudSignalClient(api, customer.key(dialect="cloudsignal")["key"])
    pushary = customer.pushary()
    agent = simulator.user_agent("mozilla", customer.vapid_public_key)
    expect(201, shop.subscribe(agent.subscription))
    return {
        "send": shop.send,
        "subscribe": lambda: shop.subscribe(agent.subscription),
        "unsubscribe": lambda: shop.unsubscribe("nobody@example.com"),
        "subscribers": lambda: cloudsignal.call("GET", "/clients"),
        "quota": lambda: cloudsignal.call("GET", "/quota"),
        "campaigns": lambda: pushary.call("GET", "/campaigns"),
        "account": lambda: api.operator("POST", customer.at("/keys"), {"dialect": "pushservice"}),
        "web": lambda: api.call("GET", "/sw.js", query={"app": customer.app}),
    }


@pytest.mark.parametrize("function", DIALECTS)
def test_without_its_policy_exactly_this_function_fails_and_leaves_no_trace(
    deployed: Stack, api: DeployedApi, simulator: Simulator, function: str
) -> None:
    customer = Customer.sign_up(api)
    calls = a_call_of_each(api, simulator, customer)
    before = of_app(deployed, customer)
    with without_policy(deployed, function):
        refused = calls[function]()
        expected = dialects()[DialectName(DIALECTS[function])].render(Refused(Fault.INTERNAL, "Internal error"))
        assert (refused.status, refused.json) == (500, expected.body)
        assert of_app(deployed, customer) == before
        others = {name: call().status for name, call in calls.items() if name != function}
        assert max(others.values()) < 400, others
    assert calls[function]().status < 400


@pytest.mark.parametrize("function", WORKERS)
def test_a_worker_without_its_policy_gives_the_message_back(deployed: Stack, function: str) -> None:
    event = json.loads((ROOT / "events" / f"{function}.json").read_text())
    (message,) = event["Records"]
    # Awake before that, for what may fail is the work: a start that fails gives all messages back by itself.
    assert invoked(deployed, function, event) == {"batchItemFailures": []}
    with without_policy(deployed, function):
        assert invoked(deployed, function, event) == {"batchItemFailures": [{"itemIdentifier": message["messageId"]}]}
    assert invoked(deployed, function, event) == {"batchItemFailures": []}


def test_a_sweep_without_its_policy_is_an_error(deployed: Stack) -> None:
    with without_policy(deployed, "scheduler"):
        assert "errorMessage" in invoked(deployed, "scheduler", {})
    assert invoked(deployed, "scheduler", {}) is None
