"""What stands in the tables beyond what the ports can show: ledger rows, ends of life, and nothing left behind."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.records import (
    ANNA,
    APP,
    BERT,
    NOW,
    REQUEST,
    UNLIMITED,
    changed,
    chunk,
    only_chunk,
    send,
    subscription,
)
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import Tables, create_tables
from tocsin.adapters.dynamodb.database import Database, Write
from tocsin.adapters.dynamodb.marshalling import Record, from_attributes
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.application.ports import EnrolmentCode, Gone, Idempotency, Place
from tocsin.domain.person import Person
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Tally

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

DUE = NOW + 60


@dataclass(frozen=True, slots=True)
class Shelves:
    """The stores with sight of their tables."""

    client: "DynamoDBClient"
    tables: Tables
    stores: Stores

    def items(self, table: str) -> dict[str, Record]:
        """All items of a table by `pk sk`."""
        found = [Record(from_attributes(item)) for item in self.client.scan(TableName=table)["Items"]]
        return {f"{record.text('pk')} {record.text('sk')}": record for record in found}


@pytest.fixture
def shelves(played_dynamodb: "DynamoDBClient", request: pytest.FixtureRequest) -> Shelves:
    tables = create_tables(played_dynamodb, f"layout-{request.node.name}")
    return Shelves(played_dynamodb, tables, dynamo_stores(played_dynamodb, tables))


def test_a_moved_identity_leaves_no_alias_behind(shelves: Shelves) -> None:
    first = subscription(1, ANNA)
    shelves.stores.subscriptions.put(first, None)
    shelves.stores.subscriptions.put(changed(first, identities=(BERT,)), first)
    aliases = [name for name in shelves.items(shelves.tables.subscriptions) if "#ID#" in name]
    assert aliases == [f"APP#{APP}#ID#external#{BERT.value} SUB#{first.id}"]


def test_an_erased_subscription_leaves_nothing_but_its_counter_at_zero(shelves: Shelves) -> None:
    one = replace(subscription(1, ANNA, BERT, vapid_key="Ab_-"), address=b"sealed")
    shelves.stores.subscriptions.put(one, None)
    shelves.stores.subscriptions.note_accepted(APP, send(1).id, [one.id], NOW)
    shelves.stores.subscriptions.erase(replace(one, revision=1))
    items = shelves.client.scan(TableName=shelves.tables.subscriptions)["Items"]
    assert [item["sk"]["S"] for item in items] == ["COUNT"]
    assert {name: value for name, value in items[0].items() if name not in ("pk", "sk")} == {
        "active": {"N": "0"},
        "key_41625f2d": {"N": "0"},
    }


def test_those_of_a_shard_that_are_gone_are_written_together_and_their_shard_once(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every one of them would meet the others at the counters of their shard."""
    several = [subscription(32 * number) for number in range(1, 120)]
    for one in several:
        shelves.stores.subscriptions.put(one, None)
    written: list[int] = []
    honest = Database.transact

    def counted(database: Database, writes: Sequence[Write]) -> None:
        written.append(len(writes))
        honest(database, writes)

    monkeypatch.setattr(Database, "transact", counted)
    shelves.stores.subscriptions.expire_all(APP, [Gone(one.id, one.endpoint, one.vapid_key) for one in several])
    assert written == [100, 21]


def test_only_subscriptions_are_listed_and_only_by_their_keys(shelves: Shelves) -> None:
    one = subscription(7, ANNA)
    shelves.stores.subscriptions.put(one, None)
    shelves.stores.subscriptions.mark(APP, "active", 1000, Place(NOW, one.id))
    rows = shelves.client.scan(TableName=shelves.tables.subscriptions, IndexName="by_created")["Items"]
    assert [{name: value["S"] for name, value in row.items()} for row in rows] == [
        {
            "pk": f"APP#{APP}#07",
            "sk": f"SUB#{one.id}",
            "listed": f"APP#{APP}#active#3",
            "listed_at": f"{NOW:012}#{one.id}",
        }
    ]


def test_a_kept_place_of_a_listing_ends_after_five_minutes(shelves: Shelves) -> None:
    shelves.stores.subscriptions.mark(APP, "active", 1000, Place(NOW, subscription(1).id))
    mark = shelves.items(shelves.tables.subscriptions)[f"APP#{APP}#PAGES#active 000001000"]
    assert mark.number("expires_at") == NOW + 300


def test_the_ledger_by_time_holds_its_rows_and_nothing_else(shelves: Shelves) -> None:
    shelves.stores.credits.grant(APP, 10, "invoice 1", NOW, REQUEST)
    shelves.stores.sends.reserve(send(1, charge=Charge.QUOTA), None, None, DUE, UNLIMITED)
    shelves.stores.windows.take("key", 3, 60, NOW)
    rows = shelves.client.scan(TableName=shelves.tables.credits, IndexName="by_time")["Items"]
    assert sorted(row["at_ref"]["S"] for row in rows) == [
        f"{NOW:012}#grant#invoice 1",
        f"{NOW:012}#reserve#{send(1).id}",
    ]


def test_an_endpoint_and_its_keys_stand_in_one_item_only(shelves: Shelves) -> None:
    one = subscription(1, ANNA)
    shelves.stores.subscriptions.put(one, None)
    shelves.stores.subscriptions.put(changed(one, identities=(ANNA, BERT)), one)
    items = shelves.client.scan(TableName=shelves.tables.subscriptions)["Items"]
    holders = [item["sk"]["S"] for item in items if one.endpoint in json.dumps(item, default=str)]
    assert holders == [f"SUB#{one.id}"]
    assert [item["sk"]["S"] for item in items if "auth" in item or "p256dh" in item] == holders


def test_the_ledger_tells_each_step_of_the_money_and_never_expires(shelves: Shelves) -> None:
    shelves.stores.credits.grant(APP, 10, "invoice 1", NOW, REQUEST)
    shelves.stores.sends.reserve(send(1, reserved=3), None, None, DUE, UNLIMITED)
    shelves.stores.sends.settle(send(1, reserved=3), Tally(accepted=2), Report(), NOW + 5)
    rows = {name: row for name, row in shelves.items(shelves.tables.credits).items() if "LEDGER" in name}
    amounts = {name.split(" ", 1)[1]: row.number("amount") for name, row in rows.items()}
    assert amounts == {
        "LEDGER#grant#invoice 1": 10,
        f"LEDGER#reserve#{send(1).id}": 3,
        f"LEDGER#settle#{send(1).id}": 2,
    }
    assert not any("expires_at" in row for row in rows.values())


@pytest.mark.row("PS-8")
def test_a_send_without_charge_is_in_the_ledger_with_its_count(shelves: Shelves) -> None:
    free = send(1, reserved=3, charge=Charge.NONE)
    shelves.stores.sends.reserve(free, None, None, DUE, UNLIMITED)
    shelves.stores.sends.settle(free, Tally(accepted=2), Report(), NOW + 5)
    items = shelves.items(shelves.tables.credits)
    reserved, settled = (items[f"APP#{APP} LEDGER#{kind}#{free.id}"] for kind in ("reserve", "settle"))
    assert (reserved.number("amount"), reserved.details("details")["recipients"]) == (0, 3)
    assert (settled.number("amount"), settled.details("details")["accepted"]) == (0, 2)
    assert f"APP#{APP} BALANCE" not in items


def test_a_send_with_its_chunks_ends_after_ninety_days_and_its_idempotency_key_when_it_says(shelves: Shelves) -> None:
    shelves.stores.credits.grant(APP, 10, "start", NOW, REQUEST)
    idempotency = Idempotency("/v1/send", "aa" * 32, "bb" * 32, NOW + 86_400)
    shelves.stores.sends.reserve(send(1), only_chunk(send(1)), idempotency, DUE, UNLIMITED)
    shelves.stores.plan(*chunk(send(1), 1))
    shelves.stores.sends.chunk_done(APP, send(1).id)
    ends = {name.split(" ")[-1]: row.number("expires_at") for name, row in shelves.items(shelves.tables.sends).items()}
    kept = dict.fromkeys(
        ["SEND", "PROGRESS", "CHUNK#00000", "IDS#00000", "CHUNK#00001", "IDS#00001"], NOW + 90 * 86_400
    )
    assert ends == {**kept, "IDEM": NOW + 86_400}
    assert KEPT_SECONDS == 90 * 86_400


def test_a_settled_send_leaves_the_index_of_due_ones(shelves: Shelves) -> None:
    shelves.stores.credits.grant(APP, 10, "start", NOW, REQUEST)
    shelves.stores.sends.reserve(send(1), None, None, DUE, UNLIMITED)
    shelves.stores.sends.settle(send(1), Tally(), Report(), NOW)
    shelves.stores.sends.postpone(APP, send(1).id, DUE)
    stored = shelves.items(shelves.tables.sends)[f"APP#{APP}#SEND#{send(1).id} SEND"]
    assert "due_pk" not in stored
    assert "due_at" not in stored
    assert stored.number("held") == 0


def test_a_request_window_ends_soon_after_its_time(shelves: Shelves) -> None:
    shelves.stores.windows.take("key", 3, 60, NOW)
    window = shelves.items(shelves.tables.credits)["RATE#key WINDOW"]
    assert window.number("expires_at") == NOW // 60 * 60 + 120


def test_fetches_of_a_chunk_stand_in_one_item_of_a_partition_of_its_own_as_long_as_the_send(shelves: Shelves) -> None:
    for index in (7, 0, 499):
        shelves.stores.fetches.first(APP, send(1).id, 3, index)
    [(name, item)] = shelves.items(shelves.tables.sends).items()
    assert name == f"APP#{APP}#SEND#{send(1).id}#FETCHES#00003 FETCHES"
    assert item.number("expires_at") == shelves.stores.clock.now() + KEPT_SECONDS


def test_a_person_is_listed_with_their_record_and_only_while_subscribed(shelves: Shelves) -> None:
    """So a list of ten thousand reads no further item."""
    person = Person(APP, "ab" * 12, BERT.value, True, False, False, NOW, NOW, 7)
    shelves.stores.persons.put(person, None)
    rows = shelves.client.scan(TableName=shelves.tables.subscriptions, IndexName="by_created")["Items"]
    assert [row.keys() for row in rows] == [{"pk", "sk", "listed", "listed_at", "person"}]
    shelves.stores.persons.put(replace(person, subscribed=False, revision=8), person)
    assert shelves.client.scan(TableName=shelves.tables.subscriptions, IndexName="by_created")["Items"] == []


def test_an_enrolment_code_ends_by_itself_in_both_places(shelves: Shelves) -> None:
    code = EnrolmentCode(APP, BERT.value, "ab" * 32, "cd" * 12, NOW + 60)
    shelves.stores.codes.add(code)
    items = shelves.items(shelves.tables.subscriptions)
    assert items.keys() == {f"CODE#{code.digest} META", f"APP#{APP}#ID#external#{BERT.value} CODE"}
    assert {item.number("expires_at") for item in items.values()} == {NOW + 60}
