"""AWS as far as the engine uses it, in memory: conditions hold as on DynamoDB, and every call and unit is counted.

Units are those of on-demand tables: a write one for each KB of the larger of old and new item, twice that in a
transaction, and one more for each index whose projection changes; a read one for each 4 KB, half when it is only
eventually consistent. The tables and indexes are those of template.yaml.
"""

import base64
import hashlib
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from botocore import xform_name

from tests.bench.expressions import Attributes, change, condition, size_of
from tests.infrastructure import template

KB = 1024
PAGE_BYTES = 1_048_576
BILLED_MESSAGE_BYTES = 65_536
Reply = dict[str, Any]
Request = Mapping[str, Any]


class Refusal(Exception):
    """An error answer: AWS's code for it, and what else the answer holds."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


class MadeUp(Protocol):
    """Items of a table that exist only while they are read: a million of them need no memory."""

    def get(self, pk: str, sk: str) -> Attributes | None:
        """One item."""

    def after(self, pk: str, start: str) -> Iterable[tuple[Attributes, int]]:
        """The items of a partition after a sort key, in order, each with its size."""


class Cloud:
    """One account. `calls` by operation, units by table and sort of item, `queued` by queue URL."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._partitions: dict[tuple[str, str], _Partition] = {}
        self._indexes = _indexes()
        self.made_up: dict[str, MadeUp] = {}
        self.calls: Counter[str] = Counter()
        self.write_units: Counter[str] = Counter()
        self.read_units: Counter[str] = Counter()
        self.queue_requests = self.grouped_requests = 0
        self.queued: dict[str, list[tuple[float, str]]] = {}
        """Messages with the time from which they can be received."""
        self.when_read: Callable[[int], None] = lambda _items: None
        """Told of every page that is read: how many items."""

    def answer(self, operation: str, request: Request) -> Reply:
        """What AWS says. Raises Refusal."""
        self.calls[operation] += 1
        call: Callable[[Request], Reply] = getattr(self, f"_{xform_name(operation)}")
        return call(request)

    def forget_counts(self) -> None:
        """Count from here."""
        for counts in (self.calls, self.write_units, self.read_units):
            counts.clear()
        self.queue_requests = self.grouped_requests = 0

    def stored(self, table: str, pk: str, sk: str) -> Attributes | None:
        """An item."""
        partition = self._partitions.get((table, pk))
        found = None if partition is None else partition.items.get(sk)
        if found is None and table in self.made_up:
            return self.made_up[table].get(pk, sk)
        return found

    # --- DynamoDB ---

    def _get_item(self, request: Request) -> Reply:
        item = self._read(request["TableName"], request["Key"], consistent=request.get("ConsistentRead", False))
        return {} if item is None else {"Item": item}

    def _batch_get_item(self, request: Request) -> Reply:
        responses = {}
        for table, wanted in request["RequestItems"].items():
            consistent = wanted.get("ConsistentRead", False)
            found = [self._read(table, key, consistent=consistent) for key in wanted["Keys"]]
            responses[table] = [item for item in found if item is not None]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _query(self, request: Request) -> Reply:
        if "IndexName" in request or not request.get("ScanIndexForward", True):
            return self._query_list(request)
        table, values = request["TableName"], request["ExpressionAttributeValues"]
        keys, only = condition(request["KeyConditionExpression"]), request.get("FilterExpression")
        pk = values[request["KeyConditionExpression"].split()[2]]["S"]
        # Where the condition begins: what comes before it is not read.
        first = next((values[name]["S"] for name in (":prefix", ":after") if name in values), "")
        start = request.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "")
        found, read, read_bytes, last = [], 0, 0, None
        for item, size in self._after(table, pk, start, first):
            if not keys(item, values):
                last = None
                break
            if read == request.get("Limit") or read_bytes + size > PAGE_BYTES:
                break
            read, read_bytes, last = read + 1, read_bytes + size, item
            if only is None or condition(only)(item, values):
                found.append(item)
        else:
            last = None
        self._count_read(table, pk, first, read_bytes, consistent=request.get("ConsistentRead", False))
        self.when_read(read)
        reply: Reply = {"Items": found, "Count": len(found), "ScannedCount": read}
        if last is not None:
            reply["LastEvaluatedKey"] = {"pk": last["pk"], "sk": last["sk"]}
        return reply

    def _query_list(self, request: Request) -> Reply:
        """An index, or backwards: all at once and uncounted, for nobody who sends reads so."""
        values, keys = request["ExpressionAttributeValues"], condition(request["KeyConditionExpression"])
        index = self._indexes[request["TableName"]].get(request.get("IndexName", ""), _TABLE)
        items = [
            item
            for (table, _), partition in self._partitions.items()
            if table == request["TableName"]
            for item in partition.items.values()
            if index.holds(item) and keys(item, values)
        ]
        return {"Items": sorted(items, key=index.place, reverse=not request.get("ScanIndexForward", True))}

    def _put_item(self, request: Request) -> Reply:
        self._write([self._put(request)])
        return {}

    def _update_item(self, request: Request) -> Reply:
        write = self._update(request)
        self._write([write])
        return {"Attributes": write.new} if request.get("ReturnValues") == "ALL_NEW" else {}

    def _delete_item(self, request: Request) -> Reply:
        self._write([self._delete(request)])
        return {}

    def _transact_write_items(self, request: Request) -> Reply:
        makers = {"Put": self._put, "Update": self._update, "Delete": self._delete}
        writes = [makers[kind](one) for item in request["TransactItems"] for kind, one in item.items()]
        self._write(writes, transaction=True)
        return {}

    # --- the others ---

    def _send_message(self, request: Request) -> Reply:
        body = request["MessageBody"]
        self._count_queued(billed_requests(len(body.encode())), [request])
        return self._queue(request["QueueUrl"], body, request.get("DelaySeconds", 0))

    def _send_message_batch(self, request: Request) -> Reply:
        entries = request["Entries"]
        self._count_queued(billed_requests(sum(len(entry["MessageBody"].encode()) for entry in entries)), entries)
        return {
            "Successful": [
                {
                    "Id": entry["Id"],
                    **self._queue(request["QueueUrl"], entry["MessageBody"], entry.get("DelaySeconds", 0)),
                }
                for entry in entries
            ],
            "Failed": [],
        }

    def _encrypt(self, request: Request) -> Reply:
        return {"CiphertextBlob": request["Plaintext"], "KeyId": request["KeyId"]}

    def _decrypt(self, request: Request) -> Reply:
        return {"Plaintext": request["CiphertextBlob"], "KeyId": request["KeyId"]}

    def _get_secret_value(self, request: Request) -> Reply:
        return {"Name": request["SecretId"], "SecretString": f"the secret of a benchmark, {request['SecretId']}"}

    # --- what they stand on ---

    def _count_queued(self, requests: int, messages: Sequence[Request]) -> None:
        self.queue_requests += requests
        if any("MessageGroupId" in message for message in messages):
            self.grouped_requests += requests

    def _queue(self, url: str, body: str, delay: int) -> Reply:
        queue = self.queued.setdefault(url, [])
        queue.append((self._clock() + delay, body))
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": f"{len(queue):032x}", "MD5OfMessageBody": digest}

    def _after(self, table: str, pk: str, start: str, first: str) -> Iterable[tuple[Attributes, int]]:
        if table in self.made_up:
            yield from self.made_up[table].after(pk, max(start, first))
        partition = self._partitions.get((table, pk), _Partition())
        place = bisect_right(partition.order, start) if start else bisect_left(partition.order, first)
        for sk in partition.order[place:]:
            item = partition.items[sk]
            yield item, size_of(item)

    def _read(self, table: str, key: Attributes, *, consistent: bool) -> Attributes | None:
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        item = self.stored(table, pk, sk)
        self._count_read(table, pk, sk, 0 if item is None else size_of(item), consistent=consistent)
        return item

    def _count_read(self, table: str, pk: str, sk: str, size: int, *, consistent: bool) -> None:
        units = max(1, -(-size // (4 * KB)))
        self.read_units[_sort(table, pk, sk)] += units if consistent else units / 2  # type: ignore[assignment]

    def _put(self, request: Request) -> "_Write":
        item = request["Item"]
        return self._prepared(request, item, lambda _old: dict(item))

    def _update(self, request: Request) -> "_Write":
        update, values, key = change(request["UpdateExpression"]), request["ExpressionAttributeValues"], request["Key"]
        return self._prepared(request, key, lambda old: {**update(old, values), **key})

    def _delete(self, request: Request) -> "_Write":
        return self._prepared(request, request["Key"], lambda _old: None)

    def _prepared(self, request: Request, key: Attributes, make: Callable[[Attributes], Attributes | None]) -> "_Write":
        table, pk, sk = request["TableName"], key["pk"]["S"], key["sk"]["S"]
        old = self.stored(table, pk, sk)
        wanted = request.get("ConditionExpression")
        holds = wanted is None or condition(wanted)(old or {}, request.get("ExpressionAttributeValues", {}))
        return _Write(table, pk, sk, old, make(old or {}) if holds else None, holds)

    def _write(self, writes: "Sequence[_Write]", *, transaction: bool = False) -> None:
        for write in writes:
            units = max(_kilobytes(write.old), _kilobytes(write.new), 1)
            self.write_units[_sort(write.table, write.pk, write.sk)] += units * (2 if transaction else 1)
        if not all(write.holds for write in writes):
            raise _refusal(writes, transaction=transaction)
        for write in writes:
            for name, index in self._indexes.get(write.table, {}).items():
                if units := index.units(write.old, write.new):
                    self.write_units[f"{write.table} index {name}"] += units
            self._store(write)

    def _store(self, write: "_Write") -> None:
        partition = self._partitions.setdefault((write.table, write.pk), _Partition())
        if write.new is None:
            if partition.items.pop(write.sk, None) is not None:
                partition.order.remove(write.sk)
            return
        if write.sk not in partition.items:
            insort(partition.order, write.sk)
        partition.items[write.sk] = write.new


class _Partition:
    def __init__(self) -> None:
        self.items: dict[str, Attributes] = {}
        self.order: list[str] = []


class _Write:
    def __init__(
        self, table: str, pk: str, sk: str, old: Attributes | None, new: Attributes | None, holds: bool
    ) -> None:
        self.table, self.pk, self.sk, self.old, self.new, self.holds = table, pk, sk, old, new, holds


class _Index:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._keys = [part["AttributeName"] for part in schema["KeySchema"]]
        self._all = schema["Projection"]["ProjectionType"] == "ALL"

    def units(self, old: Attributes | None, new: Attributes | None) -> int:
        """Write units that the index needs for a change of its table."""
        before, after = self._projected(old), self._projected(new)
        if before == after:
            return 0
        if before is None or after is None or any(before[key] != after[key] for key in self._keys):
            return _kilobytes(before) + _kilobytes(after)
        return max(_kilobytes(before), _kilobytes(after))

    def holds(self, item: Attributes) -> bool:
        """Whether an item is in the index."""
        return all(key in item for key in self._keys)

    def place(self, item: Attributes) -> tuple[Any, ...]:
        """Where it stands there."""
        _, name = self._keys
        kind, value = next(iter(item[name].items()))
        return int(value) if kind == "N" else value, item["pk"]["S"], item["sk"]["S"]

    def _projected(self, item: Attributes | None) -> Attributes | None:
        if item is None or not self.holds(item):
            return None
        return item if self._all else {name: item[name] for name in {"pk", "sk", *self._keys}}


_TABLE = _Index(
    {"KeySchema": [{"AttributeName": name} for name in ("pk", "sk")], "Projection": {"ProjectionType": "ALL"}}
)


def billed_requests(size: int) -> int:
    """How many requests SQS bills for a call with so many bytes."""
    return max(1, -(-size // BILLED_MESSAGE_BYTES))


def plain(value: Any) -> Any:
    """Bytes as JSON carries them: in base64."""
    return base64.b64encode(value).decode()


def _kilobytes(item: Attributes | None) -> int:
    return 0 if item is None else -(-size_of(item) // KB)


def _sort(table: str, pk: str, sk: str) -> str:
    """The table, and what sort of item a key is of."""
    return f"{table} {sk.partition('#')[0] or pk.rpartition('#')[2]}"


def _refusal(writes: Sequence[_Write], *, transaction: bool) -> Refusal:
    if not transaction:
        return Refusal("ConditionalCheckFailedException", **({"Item": writes[0].old} if writes[0].old else {}))
    reasons: list[Reply] = [
        {"Code": "None"}
        if write.holds
        else {"Code": "ConditionalCheckFailed", **({"Item": write.old} if write.old else {})}
        for write in writes
    ]
    return Refusal("TransactionCanceledException", CancellationReasons=reasons)


def _indexes() -> dict[str, dict[str, _Index]]:
    return {
        table: {index["IndexName"]: _Index(index) for index in schema.get("GlobalSecondaryIndexes", ())}
        for table, schema in template.resources("AWS::DynamoDB::Table").items()
    }
