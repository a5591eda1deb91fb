"""The proof of the money at the deployed template: what is changed in its tables behind its back is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.deployed_api import Simulator
from tests.integration.logs import wait_for_line
from tests.integration.queues import invoked
from tests.integration.tocsin.sends import enrol, send, when_settled
from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import to_attributes
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId, SendId

Item = dict[str, Any]


class Tables:
    """The tables of money and sends, as somebody with the AWS console has them."""

    def __init__(self, stack: Stack, customer: Customer) -> None:
        self.database = stack.aws("dynamodb")
        names = self.database.list_tables()["TableNames"]
        [self.credits], [self.sends] = ([n for n in names if part in n] for part in ("CreditsTable", "SendsTable"))
        self.app = AppId(parse("app", customer.app) or "")

    def credit(self, key: keys.Key) -> Item:
        """An item of the app's money."""
        return dict(self.database.get_item(TableName=self.credits, Key=to_attributes(key))["Item"])

    def sent(self, key: keys.Key) -> Item:
        """An item of a send."""
        return dict(self.database.get_item(TableName=self.sends, Key=to_attributes(key))["Item"])

    def put(self, table: str, item: Item) -> None:
        """Store an item as it is."""
        self.database.put_item(TableName=table, Item=item)

    def delete(self, table: str, item: Item) -> None:
        """Remove an item."""
        self.database.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


@pytest.fixture
def sent(customer: Customer, simulator: Simulator) -> tuple[str, str]:
    """A settled send to two browsers: its id as our API has it, and as the tables do."""
    enrol(customer, [simulator.user_agent(), simulator.user_agent("fcm")])
    shown = expect(200, send(customer))["id"]
    assert when_settled(customer, shown)["accepted"] == 2
    return shown, parse("snd", shown) or ""


def reconciled(customer: Customer) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, customer.api.operator("GET", customer.at("/reconciliation")))
    assert found["complete"]
    return found


def drifts(customer: Customer) -> list[tuple[str, str]]:
    return [(drift["kind"], drift["subject"]) for drift in reconciled(customer)["drifts"]]


def corruptions(tables: Tables, shown: str, id_: str, app: str) -> Iterator[tuple[str, Item, Item | None, str, str]]:
    """Table, an item as it is, as it shall be (None: gone, another key: one more), and the drift that must be told."""
    app_id, name = tables.app, SendId(id_)
    chunk = tables.sent(keys.chunk(app_id, name, 0))
    yield tables.sends, chunk, chunk | {"results": {"B": bytes([0b1001])}}, "counts", shown
    yield tables.sends, chunk, chunk | {"results": {"B": bytes(9)}}, "unreadable", shown
    record = tables.sent(keys.send(app_id, name))
    counts = record["counts"]["M"] | {"accepted": {"N": "5"}}
    yield tables.sends, record, record | {"counts": {"M": counts}}, "counts", shown
    frozen = tables.sent(keys.frozen(app_id, name, 0))
    ids = frozen["ids"]["B"]
    yield tables.sends, frozen, frozen | {"ids": {"B": bytes(ids[12:]) + bytes(ids[:12])}}, "recipients", shown
    yield tables.sends, chunk, None, "chunks", shown
    balance = tables.credit(keys.balance(app_id))
    yield tables.credits, balance, balance | {"spent": {"N": "1"}}, "balance", app
    settle = tables.credit(keys.ledger_row(app_id, "settle", id_))
    yield tables.credits, settle, None, "settle_row_missing", shown
    reserve = tables.credit(keys.ledger_row(app_id, "reserve", id_))
    yield tables.credits, reserve, None, "reserve_row_missing", shown
    yield tables.credits, settle, settle | {"sk": {"S": f"LEDGER#settle#{id_}-2"}}, "misfiled_row", shown
    yield tables.credits, settle, settle | {"amount": {"N": "9"}}, "settle_row", shown


def test_what_is_changed_behind_its_back_is_told_as_one_drift_each(
    deployed: Stack, customer: Customer, sent: tuple[str, str]
) -> None:
    before = reconciled(customer)
    assert (before["drifts"], before["examined"]) == ([], {"sends": 1, "chunks": 1})
    assert before["ledger"] == {"granted": 100, "available": 98, "reserved": 0, "spent": 2}
    tables = Tables(deployed, customer)
    for table, item, wrong, kind, subject in corruptions(tables, *sent, customer.app):
        if wrong is None:
            tables.delete(table, item)
        else:
            tables.put(table, wrong)
        assert drifts(customer) == [(kind, subject)], (kind, item["sk"])
        if wrong is not None:
            tables.delete(table, wrong)
        tables.put(table, item)
        assert drifts(customer) == []


def test_the_days_proof_logs_what_drifts_by_ids_and_counts(
    deployed: Stack, customer: Customer, sent: tuple[str, str]
) -> None:
    _, id_ = sent
    tables = Tables(deployed, customer)
    row = tables.credit(keys.ledger_row(tables.app, "settle", id_))
    tables.delete(tables.credits, row)
    try:
        assert invoked(deployed, "scheduler", {"task": "reconcile"}) is None
        line = wait_for_line(deployed, f'"app":"{tables.app}","drifts"')
        assert f'"drifts":{{"settle_row_missing":1}},"sends":["{id_}"]' in line
    finally:
        tables.put(tables.credits, row)
