"""DynamoDB's calls with conditions read by position, and with patience for conflicts.

In an expression `#name` is the attribute `name` (always written so: many plain words are reserved) and `:name` a value.

A write whose reply was lost is sent again by botocore. A transaction carries one token for all its attempts, so the
repeat changes nothing and is answered like the first. A single write is repeated against its condition.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from tocsin.adapters.aws import answered, code_of, passes, reasons_of
from tocsin.adapters.dynamodb.keys import Key
from tocsin.adapters.dynamodb.marshalling import Item, Record, from_attributes, to_attribute, to_attributes
from tocsin.application.ports import Clock, Randomness, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        DeleteTypeDef,
        PutTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateTypeDef,
    )

RETRIES = 4
FIRST_WAIT = 0.05
BATCH_GET_LIMIT = 100
CONDITION_FAILED = "ConditionalCheckFailed"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Put:
    """Store a whole item."""

    table: str
    item: Item = field(repr=False)
    condition: str | None = None
    values: Item = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item."""

    table: str
    key: Key
    change: str
    values: Item = field(repr=False)
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item."""

    table: str
    key: Key
    condition: str | None = None
    values: Item = field(default_factory=dict, repr=False)


Write = Put | Update | Delete


class ConditionFailed(Exception):
    """The condition of a single write did not hold; nothing was written. stored: the item as it is, None if absent."""

    def __init__(self, stored: Record | None) -> None:
        super().__init__()
        self.stored = stored


class ConditionsFailed(Exception):
    """Conditions of a transaction did not hold; nothing was written."""

    def __init__(self, refused: Sequence[tuple[Write, Record | None]]) -> None:
        super().__init__(len(refused))
        self._refused = refused

    def stopped(self, write: Write | None) -> bool:
        """Whether this write's own condition did not hold."""
        return any(refused is write for refused, _ in self._refused)

    def stored(self, write: Write) -> Record | None:
        """The item that this write met, as it is; None if it is absent."""
        return next((stored for refused, stored in self._refused if refused is write), None)


class Database:
    """One client for all tables."""

    def __init__(self, client: "DynamoDBClient", clock: Clock, randomness: Randomness) -> None:
        self._client = client
        self._clock = clock
        self._randomness = randomness

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock.now())

    def get(self, table: str, key: Key) -> Record | None:
        """An item by its key. A consistent read."""
        with answered():
            reply = self._client.get_item(TableName=table, Key=to_attributes(key), ConsistentRead=True)
        return Record(from_attributes(reply["Item"])) if "Item" in reply else None

    def load(self, table: str, keys: Sequence[Key]) -> Iterator[Record]:
        """Those items that exist, in any order. Consistent reads; keys must not repeat."""
        for start in range(0, len(keys), BATCH_GET_LIMIT):
            yield from self._load(table, keys[start : start + BATCH_GET_LIMIT])

    def query(
        self,
        table: str,
        keys: str,
        values: Item,
        *,
        index: str | None = None,
        only: str | None = None,
        page: int | None = None,
        newest_first: bool = False,
        consistent: bool = True,
        attributes: str | None = None,
    ) -> Iterator[Record]:
        """Items by a key condition, in order, read on as they are taken. An index is never consistent.

        only: a filter. page: how many items to read at once. consistent False: for half the price, and what changed
        within the last second may not show. attributes: those to read, all by default.
        """
        request: QueryInputTypeDef = {
            "TableName": table,
            "KeyConditionExpression": keys,
            "ExpressionAttributeNames": _names(keys, only, attributes),
            "ExpressionAttributeValues": _values(values),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": consistent and index is None,
        }
        if index is not None:
            request["IndexName"] = index
        if only is not None:
            request["FilterExpression"] = only
        if page is not None:
            request["Limit"] = page
        if attributes is not None:
            request["ProjectionExpression"] = attributes
        while True:
            with answered():
                reply = self._client.query(**request)
            for item in reply["Items"]:
                yield Record(from_attributes(item))
            if "LastEvaluatedKey" not in reply:
                return
            request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    def put(self, write: Put) -> None:
        """One put. Raises ConditionFailed."""
        self._single(lambda: self._client.put_item(**_put(write)))

    def update(self, write: Update) -> Record:
        """One update; the whole item afterwards. Raises ConditionFailed."""
        reply = self._single(lambda: self._client.update_item(**_update(write), ReturnValues="ALL_NEW"))
        return Record(from_attributes(reply["Attributes"]))

    def change(self, write: Update) -> None:
        """One update, when nobody asks for the item afterwards. Raises ConditionFailed."""
        self._single(lambda: self._client.update_item(**_update(write)))

    def transact(self, writes: Sequence[Write]) -> None:
        """All of these or none. Raises ConditionsFailed."""
        token = self._randomness.new_id()
        items = [_transacted(write) for write in writes]
        try:
            self._patiently(
                lambda: self._client.transact_write_items(TransactItems=items, ClientRequestToken=token),
            )
        except ClientError as error:
            reasons = reasons_of(error)
            refused = [
                (write, _stored(reason))
                for write, reason in zip(writes, reasons, strict=False)
                if reason.get("Code") == CONDITION_FAILED
            ]
            if not refused:
                raise
            raise ConditionsFailed(refused) from error

    def _single(self, call: Callable[[], Result]) -> Result:
        try:
            return self._patiently(call)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            raise ConditionFailed(_stored(error.response)) from error

    def _patiently(self, call: Callable[[], Result]) -> Result:
        """Raises Unavailable when there is no answer, or still "not now" after the last try."""
        with answered():
            for attempt in range(RETRIES):
                try:
                    return call()
                except ClientError as error:
                    if not passes(error):
                        raise
                self._wait(attempt)
            return call()

    def _load(self, table: str, keys: Sequence[Key]) -> Iterator[Record]:
        wanted: Sequence[Mapping[str, AttributeValueTypeDef]] = [to_attributes(key) for key in keys]
        without_progress = 0
        while wanted:
            with answered():
                reply = self._client.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
            for item in reply["Responses"].get(table, ()):
                yield Record(from_attributes(item))
            left = reply["UnprocessedKeys"]
            rest = left[table]["Keys"] if table in left else []
            if rest:
                without_progress = without_progress + 1 if len(rest) == len(wanted) else 0
                if without_progress > RETRIES:
                    raise Unavailable
                self._wait(without_progress)
            wanted = rest

    def _wait(self, attempt: int) -> None:
        self._clock.sleep(self._randomness.chance() * FIRST_WAIT * 2**attempt)


def _put(write: Put) -> "PutTypeDef":
    request: PutTypeDef = {"TableName": write.table, "Item": to_attributes(write.item)}
    if write.condition is not None:
        request["ConditionExpression"] = write.condition
        request["ExpressionAttributeNames"] = _names(write.condition)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if write.values:
        request["ExpressionAttributeValues"] = _values(write.values)
    return request


def _update(write: Update) -> "UpdateTypeDef":
    request: UpdateTypeDef = {
        "TableName": write.table,
        "Key": to_attributes(write.key),
        "UpdateExpression": write.change,
        "ExpressionAttributeNames": _names(write.change, write.condition),
        "ExpressionAttributeValues": _values(write.values),
    }
    if write.condition is not None:
        request["ConditionExpression"] = write.condition
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return request


def _delete(write: Delete) -> "DeleteTypeDef":
    request: DeleteTypeDef = {"TableName": write.table, "Key": to_attributes(write.key)}
    if write.condition is not None:
        request["ConditionExpression"] = write.condition
        request["ExpressionAttributeNames"] = _names(write.condition)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if write.values:
        request["ExpressionAttributeValues"] = _values(write.values)
    return request


def _transacted(write: Write) -> "TransactWriteItemTypeDef":
    match write:
        case Put():
            return {"Put": _put(write)}
        case Update():
            return {"Update": _update(write)}
        case Delete():
            return {"Delete": _delete(write)}


@lru_cache(maxsize=256)
def _names(*expressions: str | None) -> dict[str, str]:
    return {f"#{name}": name for text in expressions if text for name in re.findall(r"#(\w+)", text)}


def _values(values: Item) -> "dict[str, AttributeValueTypeDef]":
    return {f":{name}": to_attribute(value) for name, value in values.items()}


def _stored(reply: Mapping[str, object]) -> Record | None:
    item = reply.get("Item")
    return Record(from_attributes(item)) if isinstance(item, dict) else None
