"""The operator's route that proves the money, in this process: its words, its cursor, and what it refuses."""

from dataclasses import replace
from typing import Any

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import Answer
from tests.memory.storage import Entry
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.reconciliation import MEANING
from tocsin.domain.reconciliation import DriftKind


@pytest.fixture
def shop(engine: MemoryEngine, customer: Customer) -> Customer:
    """A customer of five sends to one browser: one that an operator made, and four of the customer's own."""
    client = customer.client()
    expect(201, client.subscribe(new_subscription()))
    note = {"to": {"everyone": True}, "title": "Hello", "body": "Everyone"}
    expect(200, customer.api.operator("POST", customer.at("/sends"), note))
    for _ in range(4):
        expect(200, client.send())
    engine.clock.advance(1_000)
    return customer


def reconcile(customer: Customer, **query: object) -> Answer:
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    parameters = {name: str(value) for name, value in query.items()}
    return customer.api.call("GET", customer.at("/reconciliation"), None, headers, query=parameters)


def test_money_that_adds_up_is_told_with_its_figures(engine: MemoryEngine, shop: Customer) -> None:
    now = int(engine.clock.now())
    assert expect(200, reconcile(shop, days=3)) == {
        "complete": True,
        "next_cursor": None,
        "as_of": iso(now - 120),
        "since": iso(now - 3 * 86_400),
        "ledger": {"granted": 100, "available": 95, "reserved": 0, "spent": 5},
        "balance": {"available": 95, "reserved": 0, "spent": 5},
        "sends": 5,
        "unsettled": 0,
        "examined": {"sends": 5, "chunks": 5},
        "drifts": [],
    }
    assert expect(200, reconcile(shop))["since"] == iso(now - 89 * 86_400)


def test_a_drift_names_what_differs_in_plain_words(engine: MemoryEngine, shop: Customer) -> None:
    (app, send), stored = next(iter(engine.storage.sends.items()))
    counts = replace(stored.send.counts, accepted=7)
    engine.storage.sends[app, send] = replace(stored, send=replace(stored.send, counts=counts))
    assert expect(200, reconcile(shop))["drifts"] == [
        {
            "kind": "counts",
            "subject": render("snd", send),
            "meaning": "The send says something else of its recipients than its chunks do.",
            "stored": {"accepted": 7},
            "recomputed": {"accepted": 1},
        }
    ]


def test_a_balance_is_named_by_its_app_and_a_grant_by_its_reference(engine: MemoryEngine, shop: Customer) -> None:
    (app, balance), *_ = engine.storage.balances.items()
    engine.storage.balances[app] = replace(balance, spent=4)
    [drift] = expect(200, reconcile(shop))["drifts"]
    assert (drift["kind"], drift["subject"]) == ("balance", shop.app)
    engine.storage.balances[app] = balance
    kind, reference, row = next((k, r, row) for (_, k, r), row in engine.storage.ledger.items() if k is Entry.GRANT)
    engine.storage.ledger[app, kind, "elsewhere"] = row
    [drift] = expect(200, reconcile(shop))["drifts"]
    assert (drift["kind"], drift["subject"]) == ("misfiled_row", reference)


def test_every_kind_has_its_meaning() -> None:
    assert MEANING.keys() == set(DriftKind)


def test_a_long_ledger_is_told_in_parts(engine: MemoryEngine, shop: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = expect(200, reconcile(shop))
    monkeypatch.setattr("tocsin.dialects.tocsin.reconciliation.SECONDS", 0)
    parts = [expect(200, reconcile(shop, days=7))]
    while not parts[-1]["complete"]:
        engine.clock.advance(60)
        parts.append(expect(200, reconcile(shop, cursor=parts[-1]["next_cursor"])))
        assert len(parts) < 50
    assert len({(part["as_of"], part["since"]) for part in parts}) == 1
    assert all(part["balance"] is None for part in parts[:-1])
    assert [part["sends"] for part in parts] == sorted(part["sends"] for part in parts)
    assert sum(part["examined"]["sends"] for part in parts) == 5
    for figure in ("ledger", "balance", "sends", "unsettled", "drifts"):
        assert parts[-1][figure] == whole[figure]


def test_a_cursor_belongs_to_its_app_and_to_this_list(shop: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.dialects.tocsin.reconciliation.SECONDS", 0)
    cursor = expect(200, reconcile(shop))["next_cursor"]
    expect(200, reconcile(shop, cursor=cursor))
    other = Customer.sign_up(shop.api)
    for customer, given in ((other, cursor), (shop, cursor[:-1]), (shop, ""), (shop, "MTIz")):
        error = expect(400, reconcile(customer, cursor=given))["error"]
        assert (error["code"], error["field"]) == ("field_invalid", "cursor")


@pytest.mark.parametrize("days", ["0", "90", "x", "-1", "1.5"])
def test_days_are_a_number_that_makes_sense(shop: Customer, days: str) -> None:
    error = expect(400, reconcile(shop, days=days))["error"]
    assert (error["code"], error["field"]) == ("field_invalid", "days")


def test_an_unknown_app_is_not_found(shop: Customer) -> None:
    path = "/admin/apps/app_aaaaaaaaaaaaaaaaaaaa/reconciliation"
    answer: Any = expect(404, shop.api.operator("GET", path))
    assert answer["error"]["code"] == "not_found"
