"""User tokens at the deployed template: the customer's server asks for one, its page shows it."""

import time
from datetime import datetime
from typing import Any

import pytest

from tests.customer import SITE, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent

PAGE = {"Origin": SITE, "Content-Type": "text/plain"}


def token(customer: Customer, user_id: str = "u-17", **fields: object) -> dict[str, Any]:
    """A token for a person, as the operator's API gives it."""
    body = {"user_id": user_id, **fields}
    made: dict[str, Any] = expect(201, customer.api.operator("POST", customer.at("/user-tokens"), body))
    return made


def claim(customer: Customer, agent: UserAgent, proof: object, name: str = "u-17", kind: str = "externalId") -> Answer:
    """A page's attempt to subscribe under a name."""
    body = {"subscription": agent.subscription, "identity": {kind: name, "proof": proof}}
    return customer.api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", body, PAGE)


@pytest.mark.row("PS-20", "X-2")
def test_a_token_proves_the_person_that_it_names_at_its_own_app(api: DeployedApi, simulator: Simulator) -> None:
    customer, other = (Customer.sign_up(api, identity="required") for _ in range(2))
    agent, right = simulator.user_agent(), token(customer)["token"]
    forged = {
        "for somebody else": (right, "u-18"),
        "of another app": (token(other)["token"], "u-17"),
        "changed": (right[:-4] + ("AAAA" if right[-4:] != "AAAA" else "BBBB"), "u-17"),
        "without signature": (right.rpartition(".")[0] + ".", "u-17"),
        "no token": ("x.y.z", "u-17"),
        "a deep header": ("W1tb" * 900 + ".x.y", "u-17"),
    }
    for how, (text, name) in forged.items():
        answer = claim(customer, agent, text, name)
        assert (answer.status, answer.json["error"]["code"]) == (403, "identity_invalid"), how
        assert text not in answer.body.decode()
    reach = {"to": {"external_ids": ["u-17"]}, "title": "Hi", "body": "there"}
    expect(404, customer.api.operator("POST", customer.at("/sends"), reach))

    expect(201, claim(customer, agent, right))

    assert expect(200, customer.api.operator("POST", customer.at("/sends"), reach))["accepted"] == 1
    assert len(agent.messages(1)) == 1


def test_a_token_proves_no_address(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, identity="required")
    proof = token(customer, "reader@example.com")["token"]
    answer = claim(customer, simulator.user_agent(), proof, "reader@example.com", "email")
    assert expect(403, answer)["error"]["code"] == "identity_invalid"


def test_a_token_lives_for_an_hour_or_less(customer: Customer) -> None:
    assert token(customer)["expires_at"] >= token(customer, ttl_seconds=3599)["expires_at"]
    for seconds in (60, 3600):
        until = datetime.fromisoformat(token(customer, ttl_seconds=seconds)["expires_at"]).timestamp()
        assert -5 <= until - time.time() - seconds <= 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"user_id": 17}, "user_id"),
        ({"user_id": "u", "ttl_seconds": 59}, "ttl_seconds"),
        ({"user_id": "u", "ttl_seconds": 3601}, "ttl_seconds"),
        ({"user_id": "u", "ttl_seconds": "60"}, "ttl_seconds"),
        ({"user_id": "u", "ttl_seconds": None}, "ttl_seconds"),
    ],
)
def test_a_token_that_cannot_be_is_refused_by_field(body: dict[str, object], field: str, customer: Customer) -> None:
    answer = customer.api.operator("POST", customer.at("/user-tokens"), body)
    assert expect(400, answer)["error"]["field"] == field


def test_there_is_no_token_for_no_app(api: DeployedApi) -> None:
    answer = api.operator("POST", "/admin/apps/app_aaaaaaaaaaaaaaaaaaaa/user-tokens", {"user_id": "u"})
    assert expect(404, answer)["error"]["code"] == "not_found"
