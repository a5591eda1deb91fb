"""How DynamoDB's refusals are read, and how long the adapter is patient."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.memory.system import START, SeededRandomness, VirtualClock
from tocsin.adapters.dynamodb.database import (
    FIRST_WAIT,
    RETRIES,
    ConditionFailed,
    ConditionsFailed,
    Database,
    Put,
    Update,
)
from tocsin.adapters.dynamodb.keys import key
from tocsin.adapters.dynamodb.marshalling import MalformedRecord, Record, from_attribute, to_attribute
from tocsin.application.ports import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

FIRST = Put("table", {**key("a", "1"), "n": 1}, "attribute_not_exists(#pk)")
SECOND = Update("table", key("b", "1"), "ADD #n :one", {"one": 1}, "#n < :one")
ITEM = {"Put": {"TableName": "table", "Item": {"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}}}}
OK, FAILED, CONFLICT = {"Code": "None"}, {"Code": "ConditionalCheckFailed"}, {"Code": "TransactionConflict"}
LONGEST = sum(FIRST_WAIT * 2**attempt for attempt in range(RETRIES))


class Scripted:
    """A client that answers as told, and the database over it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.client: DynamoDBClient = boto3.client(
            "dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.answers = Stubber(self.client)
        self.database = Database(self.client, self.clock, SeededRandomness(0))

    @property
    def waited(self) -> float:
        return self.clock.now() - START

    def cancel(self, *reasons: Mapping[str, object], token: str | None = None) -> None:
        self.answers.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            "whatever the text is: ConditionalCheckFailed TransactionConflict",
            modeled_fields={"CancellationReasons": list(reasons)},
            expected_params=None if token is None else {"TransactItems": [ITEM], "ClientRequestToken": token},
        )


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    scripted = Scripted()
    with scripted.answers:
        yield scripted
        scripted.answers.assert_no_pending_responses()


def test_a_cancelled_transaction_says_which_condition_failed_and_what_is_stored(scripted: Scripted) -> None:
    scripted.cancel(OK, {**FAILED, "Item": {"n": {"N": "7"}}})
    with pytest.raises(ConditionsFailed) as refused:
        scripted.database.transact([FIRST, SECOND])
    refusal = refused.value
    assert (refusal.stopped(FIRST), refusal.stopped(SECOND), refusal.stopped(None)) == (False, True, False)
    stored = refusal.stored(SECOND)
    assert stored is not None
    assert stored.number("n") == 7
    assert refusal.stored(FIRST) is None
    assert scripted.waited == 0


def test_a_conflict_is_tried_again_under_the_same_token(scripted: Scripted) -> None:
    token = SeededRandomness(0).new_id()
    unconditional = Put("table", FIRST.item)
    for _ in range(RETRIES):
        scripted.cancel(CONFLICT, token=token)
    scripted.answers.add_response("transact_write_items", {}, {"TransactItems": [ITEM], "ClientRequestToken": token})
    scripted.database.transact([unconditional])
    assert 0 < scripted.waited <= LONGEST


def test_patience_ends_and_the_store_is_unavailable(scripted: Scripted) -> None:
    for _ in range(RETRIES + 1):
        scripted.cancel(CONFLICT, OK)
    with pytest.raises(Unavailable):
        scripted.database.transact([FIRST, SECOND])


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_in_trouble_is_unavailable_and_not_a_bug_of_ours(scripted: Scripted, status: int) -> None:
    scripted.answers.add_client_error("get_item", "InternalServerError", http_status_code=status)
    with pytest.raises(Unavailable):
        scripted.database.get("table", key("a", "1"))


def test_a_refusal_is_a_bug_of_ours_and_stays_what_it_is(scripted: Scripted) -> None:
    scripted.answers.add_client_error("get_item", "AccessDeniedException", http_status_code=400)
    with pytest.raises(ClientError):
        scripted.database.get("table", key("a", "1"))


def test_a_failed_condition_beside_a_conflict_counts_once_the_conflict_is_over(scripted: Scripted) -> None:
    scripted.cancel(CONFLICT, FAILED)
    scripted.cancel(FAILED, FAILED)
    with pytest.raises(ConditionsFailed) as refused:
        scripted.database.transact([FIRST, SECOND])
    assert refused.value.stopped(FIRST)


def test_other_reasons_are_no_refusal(scripted: Scripted) -> None:
    scripted.cancel({"Code": "ValidationError"}, OK)
    with pytest.raises(ClientError):
        scripted.database.transact([FIRST, SECOND])
    assert scripted.waited == 0


@pytest.mark.parametrize("code", ["TransactionConflictException", "ThrottlingException"])
def test_a_single_write_is_patient_too(scripted: Scripted, code: str) -> None:
    scripted.answers.add_client_error("put_item", code)
    scripted.answers.add_response("put_item", {})
    scripted.database.put(FIRST)
    assert scripted.waited > 0


def test_a_single_write_says_what_it_met(scripted: Scripted) -> None:
    scripted.answers.add_client_error(
        "update_item", "ConditionalCheckFailedException", modeled_fields={"Item": {"n": {"N": "7"}}}
    )
    with pytest.raises(ConditionFailed) as refused:
        scripted.database.update(SECOND)
    assert refused.value.stored is not None
    assert refused.value.stored.number("n") == 7


def batch(*names: str) -> dict[str, object]:
    return {"table": {"Keys": [{"pk": {"S": name}, "sk": {"S": "1"}} for name in names], "ConsistentRead": True}}


def found(*names: str) -> dict[str, object]:
    return {"table": [{"pk": {"S": name}} for name in names]}


def test_keys_left_unread_are_asked_for_again(scripted: Scripted) -> None:
    scripted.answers.add_response(
        "batch_get_item",
        {"Responses": found("a"), "UnprocessedKeys": batch("b")},
        {"RequestItems": batch("a", "b")},
    )
    scripted.answers.add_response(
        "batch_get_item", {"Responses": found("b"), "UnprocessedKeys": {}}, {"RequestItems": batch("b")}
    )
    records = scripted.database.load("table", [key("a", "1"), key("b", "1")])
    assert [record.text("pk") for record in records] == ["a", "b"]


def test_a_store_that_keeps_leaving_keys_unread_is_unavailable(scripted: Scripted) -> None:
    for _ in range(RETRIES + 1):
        scripted.answers.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": batch("a")})
    with pytest.raises(Unavailable):
        list(scripted.database.load("table", [key("a", "1")]))
    assert 0 < scripted.waited <= 2 * LONGEST


def test_a_refusal_tells_nothing_of_the_records(scripted: Scripted) -> None:
    secret = Put("table", {**key("a", "1"), "endpoint": "https://push.example/secret"}, "attribute_not_exists(#pk)")
    scripted.cancel({**FAILED, "Item": {"endpoint": {"S": "https://push.example/secret"}}})
    with pytest.raises(ConditionsFailed) as refused:
        scripted.database.transact([secret])
    assert "secret" not in f"{secret!r} {refused.value!r} {refused.value}"


@pytest.mark.parametrize(
    ("asked", "consistent"),
    [({}, True), ({"consistent": False}, False), ({"index": "by_due"}, False)],
    ids=["as a rule", "for half the price", "an index never is"],
)
def test_a_query_reads_consistently_unless_told_otherwise(
    scripted: Scripted, asked: dict[str, Any], consistent: bool
) -> None:
    index = {"IndexName": asked["index"]} if "index" in asked else {}
    scripted.answers.add_response(
        "query",
        {"Items": [{"pk": {"S": "a"}}]},
        {
            "TableName": "table",
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": "pk"},
            "ExpressionAttributeValues": {":pk": {"S": "a"}},
            "ScanIndexForward": True,
            "ConsistentRead": consistent,
            **index,
        },
    )
    assert [record.text("pk") for record in scripted.database.query("table", "#pk = :pk", {"pk": "a"}, **asked)] == [
        "a"
    ]


def test_an_update_tells_the_whole_item_and_a_change_does_not_ask_for_it(scripted: Scripted) -> None:
    written = {
        "TableName": "table",
        "Key": {"pk": {"S": "b"}, "sk": {"S": "1"}},
        "UpdateExpression": "ADD #n :one",
        "ConditionExpression": "#n < :one",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    scripted.answers.add_response(
        "update_item", {"Attributes": {"n": {"N": "2"}}}, {**written, "ReturnValues": "ALL_NEW"}
    )
    scripted.answers.add_response("update_item", {}, written)
    assert scripted.database.update(SECOND).number("n") == 2
    scripted.database.change(SECOND)


@pytest.mark.parametrize("write", ["update", "change"])
def test_a_change_is_as_patient_and_as_plain_about_refusals_as_an_update(scripted: Scripted, write: str) -> None:
    scripted.answers.add_client_error("update_item", "ThrottlingException")
    scripted.answers.add_client_error("update_item", "ConditionalCheckFailedException")
    with pytest.raises(ConditionFailed):
        getattr(scripted.database, write)(SECOND)
    assert scripted.waited > 0


def test_a_set_of_numbers_is_stored_as_one_and_read_back() -> None:
    attribute = to_attribute(frozenset({3, 1}))
    assert sorted(attribute["NS"]) == ["1", "3"]
    record = Record({"set": from_attribute(attribute), "list": [1, 2], "other": ["x"]})
    assert sorted(record.numbers("set")) == [1, 3]
    assert record.numbers("list") == (1, 2)
    for name in ("other", "none"):
        with pytest.raises(MalformedRecord, match=name):
            record.numbers(name)
