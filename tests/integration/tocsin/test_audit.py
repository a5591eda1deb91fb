"""Who changed what, and where the money went, at the deployed template."""

import json
from typing import Any

import pytest

from tests.customer import Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator


def pages(customer: Customer, path: str, limit: int) -> list[dict[str, Any]]:
    """All entries of a listing, read in pages."""
    api, listed, cursor = customer.api, [], None
    assert isinstance(api, DeployedApi)
    headers = {"Authorization": f"Bearer {api.operator_key}"}
    while True:
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = expect(200, api.call("GET", customer.at(path), headers=headers, query=query))
        assert len(page["entries"]) <= limit
        listed += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            return listed


@pytest.mark.row("X-5", "X-10")
def test_every_change_is_logged_with_who_when_and_by_which_request(customer: Customer) -> None:
    changes: list[tuple[str, Answer]] = []

    def does(action: str, method: str, path: str, body: object = None) -> Any:
        answer = customer.api.operator(method, customer.at(path), body)
        changes.append((action, answer))
        return expect(201 if method == "POST" and "people" not in path else 200, answer)

    key = does("key.created", "POST", "/keys", {"dialect": "cloudsignal", "name": "till"})
    does("app.changed", "PATCH", "", {"name": "Store", "contact": "mailto:other@tocsin.dev"})
    added = does("vapid_key.added", "POST", "/vapid-keys", {})
    does("vapid_key.retired", "DELETE", f"/vapid-keys/{first_vapid_key(customer, added['id'])}")
    does("person.exported", "POST", "/people/export", {"external_id": "u-17"})
    does("person.erased", "POST", "/people/erase", {"external_id": "u-17"})
    does("key.revoked", "DELETE", f"/keys/{key['id']}")
    # What is so already, is only read, or is refused, is no change.
    customer.api.operator("PATCH", customer.at(""), {"name": "Store"})
    customer.api.operator("PATCH", customer.at(""), {"name": ""})
    customer.api.operator("DELETE", customer.at(f"/keys/{key['id']}"))
    customer.api.operator("GET", customer.at("/audit"))
    customer.api.operator("POST", customer.at("/user-tokens"), {"user_id": "u-17"})

    entries = expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"]
    logged = {entry["request_id"]: entry for entry in entries}
    assert len(logged) == len(entries) == len(changes) + 1
    for action, answer in changes:
        assert logged[answer.headers["x-request-id"]]["action"] == action
    assert {entry["actor"] for entry in entries} == {"operator"}
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)
    changed = next(entry for entry in entries if entry["action"] == "app.changed")
    assert changed["details"] == {"name": {"from": "Shop", "to": "Store"}, "contact": "changed"}
    for secret in (key["key"], key["key"][12:], "other@tocsin.dev", "u-17"):
        assert secret not in json.dumps(entries)


def first_vapid_key(customer: Customer, added: str) -> str:
    """The key that is not the one that was added."""
    keys = expect(200, customer.api.operator("GET", customer.at("/vapid-keys")))["vapid_keys"]
    [first] = [key["id"] for key in keys if key["id"] != added]
    return str(first)


@pytest.mark.row("X-10")
def test_the_log_comes_in_pages_newest_first_and_loses_nothing(customer: Customer) -> None:
    for number in range(5):
        expect(200, customer.api.operator("PATCH", customer.at(""), {"name": f"Shop {number}"}))
    assert pages(customer, "/audit", 2) == pages(customer, "/audit", 500)
    names = [entry["details"]["name"]["to"] for entry in pages(customer, "/audit", 4) if "from" in str(entry)]
    assert sorted(names) == [f"Shop {number}" for number in range(5)]


@pytest.mark.row("PS-33", "PS-34", "X-5")
def test_ps_33_the_ledger_tells_every_purchase_and_every_send(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, credits=0)
    grant = {"amount": 10, "reference": "invoice-17"}
    for status in (201, 200):  # the second one adds nothing, and no row
        expect(status, api.operator("POST", customer.at("/credits"), grant))
    client, agent = customer.client(), simulator.user_agent()
    client.subscribe(agent.subscription)
    sent = client.send()
    assert sent.json["sent"] == 1

    rows = pages(customer, "/ledger", 2)
    assert rows == pages(customer, "/ledger", 500)
    by_kind = {row["kind"]: row for row in rows}
    assert len(rows) == len(by_kind) == 3
    assert {kind: row["amount"] for kind, row in by_kind.items()} == {"grant": 10, "reserve": 1, "settle": 1}
    assert by_kind["grant"]["reference"] == "invoice-17"
    assert by_kind["reserve"]["reference"] == by_kind["settle"]["reference"]
    assert by_kind["reserve"]["reference"].startswith("snd_")
    assert by_kind["reserve"]["details"]["request_id"] == sent.headers["x-request-id"]
    shown = expect(200, api.operator("GET", customer.at(f"/sends/{by_kind['settle']['reference']}")))
    assert shown["accepted"] == 1
    assert pages(Customer.sign_up(api, credits=0), "/ledger", 500) == []


@pytest.mark.parametrize("listing", ["audit", "ledger"])
@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"cursor": "zzz"}, {"cursor": ""}])
def test_a_listing_refuses_a_limit_or_cursor_that_is_none(
    listing: str, query: dict[str, str], api: DeployedApi, customer: Customer
) -> None:
    headers = {"Authorization": f"Bearer {api.operator_key}"}
    answer = api.call("GET", customer.at(f"/{listing}"), headers=headers, query=query)
    assert expect(400, answer)["error"]["field"] == next(iter(query))
