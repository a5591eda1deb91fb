"""What the browser SDK calls, at the deployed template: settings, subscribing, naming, leaving; proofs of identity."""

import hmac
import time
from hashlib import sha256
from typing import Any

import pytest

from tests.customer import SITE, Api, Customer, expect, new_subscription
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent

PAGE = {"Origin": SITE, "Content-Type": "text/plain"}  # what the SDK sends: a request without a preflight


def sdk(customer: Customer, call: str, body: object, headers: dict[str, str] | None = None) -> Answer:
    """A call of a page."""
    return customer.api.call("POST", f"/sdk/v1/{customer.app}/{call}", body, PAGE if headers is None else headers)


def proof(customer: Customer, name: str, *, exp: int | None = None, secret: str | None = None) -> dict[str, Any]:
    """What the customer's server gives its page; name: `email:<address>` or `external:<id>`."""
    until = int(time.time()) + 600 if exp is None else exp
    key = (secret or customer.identity_secret).encode()
    return {"exp": until, "mac": hmac.new(key, f"{name}.{until}".encode(), sha256).hexdigest()}


def reach(customer: Customer, **to: object) -> Answer:
    """An operator's send."""
    return customer.api.operator("POST", customer.at("/sends"), {"to": to, "title": "Hi", "body": "there"})


@pytest.mark.row("X-7")
def test_a_page_is_told_what_it_needs_to_subscribe(customer: Customer) -> None:
    answer = customer.api.call("GET", f"/sdk/v1/{customer.app}/config", headers={"Origin": SITE})
    assert expect(200, answer) == {
        "key": customer.vapid_public_key,
        "keyId": answer.json["keyId"],
        "identity": "off",
        "worker": "/tocsin-sw.js",
        "scope": "/tocsin/",
        "icon": None,
        "site": f"{SITE}/",
        "title": "Shop",
    }
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["cache-control"] == "private, max-age=300"


def test_a_browser_subscribes_is_named_is_let_go_and_leaves(customer: Customer, simulator: Simulator) -> None:
    agent = simulator.user_agent("fcm", customer.vapid_public_key)
    body = {"subscription": agent.subscription, "lang": "de", "tz": "Europe/Berlin", "standalone": False, "tags": ["a"]}
    made = expect(201, sdk(customer, "subscriptions", body))
    assert made["id"].startswith("sub_")
    assert made["who"] is None
    assert expect(201, sdk(customer, "subscriptions", body)) == made

    named = expect(200, sdk(customer, "identify", {"id": made["id"], "identity": {"externalId": "u-17"}}))
    assert (named["id"], named["externalId"]) == (made["id"], "u-17")
    assert expect(200, reach(customer, external_ids=["u-17"]))["accepted"] == 1
    [message] = agent.messages(1)
    assert message["json"]["notification"]["data"]["u"] == named["who"]

    let_go = expect(200, sdk(customer, "identify", {"id": made["id"], "identity": None}))
    assert let_go == {"id": made["id"], "externalId": None, "who": None}
    expect(404, reach(customer, external_ids=["u-17"]))
    assert expect(200, reach(customer, everyone=True))["accepted"] == 1

    for _ in range(2):
        assert expect(200, sdk(customer, "unsubscribe", {"id": made["id"]})) == {"ok": True}
    expect(404, reach(customer, everyone=True))
    expect(404, sdk(customer, "identify", {"id": made["id"], "identity": None}))


def test_a_renewed_subscription_takes_over_what_was_known_of_the_old_one(
    customer: Customer, simulator: Simulator
) -> None:
    old, new = simulator.user_agent(), simulator.user_agent()
    identity = {"externalId": "u-17"}
    expect(201, sdk(customer, "subscriptions", {"subscription": old.subscription, "identity": identity}))
    expect(201, sdk(customer, "subscriptions", {"subscription": new.subscription, "previous": old.endpoint}))
    assert expect(200, reach(customer, external_ids=["u-17"]))["targets"] == 1
    assert len(new.messages(1)) == 1
    assert old.statuses() == []


@pytest.mark.row("X-7")
@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", f"{SITE}:8443", f"{SITE}.evil.example"])
def test_x_7_pages_of_other_origins_are_refused_and_told_why(
    origin: str | None, customer: Customer, simulator: Simulator
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = sdk(customer, "subscriptions", {"subscription": simulator.user_agent().subscription}, headers)
    assert expect(403, answer)["error"]["code"] == "origin_not_allowed"
    assert answer.headers.get("access-control-allow-origin") == (None if origin == "null" else origin)
    expect(404, reach(customer, everyone=True))
    if origin is not None:
        config = customer.api.call("GET", f"/sdk/v1/{customer.app}/config", headers=headers)
        assert list(expect(403, config)) == ["error"]


def test_a_browser_cannot_use_another_apps_subscription(api: DeployedApi, simulator: Simulator) -> None:
    victim, stranger = Customer.sign_up(api), Customer.sign_up(api)
    made = expect(201, sdk(victim, "subscriptions", {"subscription": simulator.user_agent().subscription}))
    expect(404, sdk(stranger, "unsubscribe", {"id": made["id"]}))
    expect(404, sdk(stranger, "identify", {"id": made["id"], "identity": {"externalId": "me"}}))
    assert expect(200, reach(victim, everyone=True))["accepted"] == 1


def test_the_id_that_lists_show_is_no_right_to_change_a_browser(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api)
    agent = simulator.user_agent()
    made = expect(201, sdk(customer, "subscriptions", {"subscription": agent.subscription}))
    name, _, capability = made["id"].partition(".")
    [listed] = expect(200, customer.cloudsignal().call("GET", "/clients"))["clients"]
    assert listed["registration_id"].removeprefix("reg_") == name.removeprefix("sub_")
    for known in (name, f"{name}.", f"{name}.{capability[:-1]}", f".{capability}"):
        assert expect(404, sdk(customer, "unsubscribe", {"id": known}))["error"]["code"] == "gone"
        assert expect(404, sdk(customer, "identify", {"id": known, "identity": None}))["error"]["code"] == "gone"
    assert expect(200, reach(customer, everyone=True))["accepted"] == 1


def claim(customer: Customer, agent: UserAgent, identity: dict[str, Any]) -> Answer:
    """A page's attempt to subscribe under somebody's name."""
    return sdk(customer, "subscriptions", {"subscription": agent.subscription, "identity": identity})


@pytest.mark.row("PS-20")
def test_required_accepts_the_customers_word_and_no_forgery(api: DeployedApi, simulator: Simulator) -> None:
    customer, other = Customer.sign_up(api, identity="required"), Customer.sign_up(api)
    agent, now = simulator.user_agent(), int(time.time())
    right = proof(customer, "external:u-17")
    forged = {
        "nothing": None,
        "for somebody else": proof(customer, "external:u-18"),
        "for an address of that name": proof(customer, "email:u-17"),
        "by another app's secret": proof(customer, "external:u-17", secret=other.identity_secret),
        "over": proof(customer, "external:u-17", exp=now - 1),
        "for too long": proof(customer, "external:u-17", exp=now + 8 * 86_400),
        "stretched": right | {"exp": right["exp"] + 1},
        "one bit off": right | {"mac": f"{int(right['mac'], 16) ^ 1:064x}"},
        "no hex": right | {"mac": "É" * 64},
    }
    for how, wrong in forged.items():
        answer = claim(customer, agent, {"externalId": "u-17", "proof": wrong})
        code = "identity_required" if wrong is None else "identity_invalid"
        assert (answer.status, answer.json["error"]["code"]) == (403, code), how
    expect(404, reach(customer, external_ids=["u-17"]))
    expect(201, claim(customer, agent, {"externalId": "u-17", "proof": right}))
    address = proof(customer, "email:reader@example.com")
    expect(201, claim(customer, agent, {"email": " Reader@Example.com", "proof": address}))
    assert expect(200, reach(customer, emails=["reader@example.com"]))["accepted"] == 1


@pytest.mark.row("PS-20")
@pytest.mark.parametrize("mode", ["off", "report"])
def test_off_and_report_accept_an_unproved_name(mode: str, api: Api, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, identity=mode)
    expect(201, claim(customer, simulator.user_agent(), {"externalId": "u-17"}))
    assert expect(200, reach(customer, external_ids=["u-17"]))["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subscription"),
        ({"subscription": "x"}, "subscription"),
        ({"subscription": {"endpoint": "https://x.example/"}}, "subscription.keys"),
        ({"subscription": new_subscription() | {"endpoint": "https://127.0.0.1/"}}, "subscription.endpoint"),
        ({"subscription": new_subscription(), "identity": {"externalId": ""}}, "identity.externalId"),
        ({"subscription": new_subscription(), "tags": ["x" * 65]}, "tags.0"),
        ({"subscription": new_subscription(), "email": "x"}, "email"),
    ],
)
def test_a_malformed_subscription_is_refused_by_field_and_the_page_may_read_why(
    body: dict[str, object], field: str, customer: Customer
) -> None:
    answer = sdk(customer, "subscriptions", body)
    assert expect(400, answer)["error"]["field"] == field
    assert answer.headers["access-control-allow-origin"] == SITE
