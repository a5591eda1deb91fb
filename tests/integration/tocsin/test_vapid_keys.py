"""Rotating VAPID keys at the deployed template: two live side by side until nobody uses the old one."""

import time

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.tables import everything_stored
from tests.integration.tocsin.test_accounts import own_pair

PAGE = {"Origin": SITE, "Content-Type": "text/plain"}


def subscribe(customer: Customer, agent: UserAgent, key: str, **fields: object) -> Answer:
    """A page subscribes under a key and says which."""
    body = {"subscription": agent.subscription, "key": key, **fields}
    return customer.api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", body, PAGE)


def present_key(customer: Customer) -> str:
    """What pages are told to subscribe under."""
    answer = customer.api.call("GET", f"/sdk/v1/{customer.app}/config", headers={"Origin": SITE})
    return str(expect(200, answer)["key"])


@pytest.mark.row("X-10", "CS-5")
def test_a_rotated_key_serves_new_browsers_while_the_old_one_still_signs_for_its_own(
    customer: Customer, simulator: Simulator
) -> None:
    old = customer.vapid_public_key
    settled = simulator.user_agent("apple", old)  # takes no message of another key
    made = expect(201, subscribe(customer, settled, old))
    [first] = expect(200, customer.api.operator("GET", customer.at("/vapid-keys")))["vapid_keys"]
    assert (first["public_key"], first["present"], first["subscriptions"]) == (old, True, 1)

    rotated = expect(201, customer.api.operator("POST", customer.at("/vapid-keys"), {}))
    at = time.monotonic()
    while present_key(customer) != rotated["public_key"]:
        assert time.monotonic() - at < 60
        time.sleep(3)  # a page may ask 30 times a minute
    new = simulator.user_agent("apple", rotated["public_key"])
    expect(201, subscribe(customer, new, rotated["public_key"]))
    sent = {"to": {"everyone": True}, "title": "To both", "body": "there"}
    assert expect(200, customer.api.operator("POST", customer.at("/sends"), sent))["accepted"] == 2
    assert [agent.messages(1)[0]["vapid"]["k"] for agent in (settled, new)] == [old, rotated["public_key"]]

    one = customer.at(f"/vapid-keys/{first['id']}")
    refused = expect(409, customer.api.operator("DELETE", one))["error"]
    assert refused["message"] == "Active subscriptions that were made under this VAPID key: 1"
    expect(409, customer.api.operator("DELETE", customer.at(f"/vapid-keys/{rotated['id']}")))
    # A browser that comes back under the new key moves, as the SDK does; the old one has nobody left.
    moved = simulator.user_agent("apple", rotated["public_key"])
    renewed = subscribe(customer, moved, rotated["public_key"], previous=settled.endpoint, renew=True)
    assert expect(201, renewed)["id"] != made["id"]
    retired = expect(200, customer.api.operator("DELETE", one))
    assert (retired["id"], retired["subscriptions"], retired["present"]) == (first["id"], 0, False)
    assert retired["retired_at"] is not None
    assert expect(200, customer.api.operator("DELETE", one)) == retired

    late = subscribe(customer, settled, old)
    error = expect(400, late)["error"]
    assert (error["field"], error["code"]) == ("key", "field_invalid")
    assert late.headers["access-control-allow-origin"] == SITE  # the page may read why
    keys = expect(200, customer.api.operator("GET", customer.at("/vapid-keys")))["vapid_keys"]
    assert [(key["id"], key["subscriptions"]) for key in keys] == [(rotated["id"], 2), (first["id"], 0)]


def test_a_key_that_is_brought_along_is_stored_encrypted_and_taken_once(
    deployed: Stack, api: DeployedApi, customer: Customer
) -> None:
    forms, public = own_pair()
    brought = {"vapid": {"private_key": forms["pem"], "public_key": public}}
    made = expect(201, api.operator("POST", customer.at("/vapid-keys"), brought))
    assert (made["public_key"], made["present"]) == (public, True)
    again = expect(409, api.operator("POST", customer.at("/vapid-keys"), brought))["error"]
    assert again["field"] == "vapid"
    wrong = {"vapid": {"private_key": forms["raw"], "public_key": customer.vapid_public_key}}
    assert expect(400, api.operator("POST", customer.at("/vapid-keys"), wrong))["error"]["field"] == "vapid"
    assert not any(forms["raw"] in str(item) for _, item in everything_stored(deployed))
    assert expect(200, api.operator("GET", customer.at("")))["vapid_key_id"] == made["id"]


@pytest.mark.parametrize("name", ["nonsense", "aaaaaaaaaaaa", "..%2f..%2fkeys", "x" * 1000])
def test_a_key_that_does_not_exist_cannot_be_retired(name: str, customer: Customer) -> None:
    answer = customer.api.operator("DELETE", customer.at(f"/vapid-keys/{name}"))
    assert expect(404, answer)["error"]["code"] in {"not_found", "route_unknown"}
