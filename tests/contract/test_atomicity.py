"""What only an atomic store can show: many at once, and replies that get lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from tests.contract.emulator import running_ministack
from tests.contract.records import ANNA, APP, NOW, chunk, only_chunk, send, subscription
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.application.ports import Idempotency, InsufficientCredits, LeaseLost, Stale
from tocsin.domain.chunk import Repeat, Result, claimed, finished
from tocsin.domain.send import Balance, Send, Tally
from tocsin.domain.subscription import Counts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

THREADS = 8
DUE = NOW + 60
_numbers = count()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[DynamoDBClient]":
    with running_ministack(tmp_path_factory.mktemp("ministack")) as url:
        dynamodb = boto3.client(
            "dynamodb",
            "us-east-1",
            endpoint_url=url,
            aws_access_key_id="000000000000",
            aws_secret_access_key="x",
            config=Config(max_pool_connections=THREADS, retries={"mode": "standard"}),
        )
        yield dynamodb
        dynamodb.close()


@pytest.fixture
def stores(client: "DynamoDBClient") -> Stores:
    tables = create_tables(client, f"atomicity-{next(_numbers)}")
    return dynamo_stores(client, tables, SystemClock(), SystemRandomness())


def at_once(action: Callable[[int], object], times: int = THREADS) -> list[object]:
    """What `action(0)`, `action(1)`, ... came to, started together on 8 threads; a refusal is its class."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> object:
        if number < THREADS:
            start.wait()
        try:
            return action(number)
        except (InsufficientCredits, LeaseLost, Stale) as refusal:
            return type(refusal)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(times)))


def test_a_balance_is_shared_out_exactly(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW)
    seen: list[Balance] = []

    def reserve(number: int) -> object:
        stores.sends.reserve(send(number, reserved=3), None, None, DUE)
        seen.append(stores.credits.balance(APP))
        return "reserved"

    results = at_once(reserve, 80)
    assert results.count("reserved") == 33
    assert results.count(InsufficientCredits) == 47
    assert stores.credits.balance(APP) == Balance(1, 99, 0)
    assert all(one.available >= 0 and one.available + one.reserved == 100 for one in seen)


def test_a_new_endpoint_is_stored_by_one(stores: Stores) -> None:
    results = at_once(lambda _: stores.subscriptions.put(subscription(1, ANNA), None))
    assert sorted(map(str, results)) == sorted(map(str, [None, *[Stale] * (THREADS - 1)]))
    assert stores.subscriptions.counts(APP) == Counts(1, 0, 0)
    assert stores.subscriptions.of(APP, [ANNA]) == [subscription(1, ANNA)]


def test_newcomers_of_one_shard_are_all_counted(stores: Stores) -> None:
    at_once(lambda number: stores.subscriptions.put(subscription(32 * number, ANNA), None))
    assert stores.subscriptions.counts(APP) == Counts(THREADS, 0, 0)
    assert len(stores.subscriptions.of(APP, [ANNA])) == THREADS


def test_a_gone_subscription_is_expired_by_one(stores: Stores) -> None:
    one = subscription(1)
    stores.subscriptions.put(one, None)
    results = at_once(lambda _: stores.subscriptions.expire(APP, one.id, one.endpoint))
    assert results.count(True) == 1
    assert stores.subscriptions.counts(APP) == Counts(0, 0, 1)


def test_a_send_is_settled_by_one(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW)

    def settle(one: Send, _: int) -> bool:
        return stores.sends.settle(one, Tally(accepted=2), NOW)

    for number in range(5):
        one = send(number, reserved=3)
        stores.sends.reserve(one, None, None, DUE)
        results = at_once(partial(settle, one))
        assert results.count(True) == 1
        assert results.count(False) == THREADS - 1
    assert stores.credits.balance(APP) == Balance(90, 0, 10)


def test_an_only_chunk_is_finished_or_its_send_settled_by_one(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW)
    one = send(1, reserved=3)
    owned, frozen = only_chunk(one)
    stores.sends.reserve(one, (owned, frozen), None, DUE)
    done = finished(replace(owned, results=(Result.ACCEPTED,) * 3, version=owned.version + 1))

    def end(number: int) -> object:
        if number % 2:
            return stores.sends.settle(one, Tally(accepted=3), NOW)
        return stores.chunks.finish_only(done, one, Tally(accepted=3), NOW)

    results = at_once(end)
    assert results.count(True) == 1
    assert stores.credits.balance(APP) == Balance(97, 0, 3)


def test_a_chunk_is_claimed_by_one(stores: Stores) -> None:
    unclaimed, frozen = chunk(send())
    stores.chunks.add(unclaimed, frozen)
    results = at_once(lambda _: stores.chunks.claim(claimed(unclaimed, NOW, Repeat.RESEND)))
    assert results.count(LeaseLost) == THREADS - 1
    assert stores.chunks.get(APP, send().id, 0) == claimed(unclaimed, NOW, Repeat.RESEND)


def test_a_grant_is_made_by_one(stores: Stores) -> None:
    results = at_once(lambda _: stores.credits.grant(APP, 5, "invoice", NOW))
    assert results.count(True) == 1
    assert stores.credits.balance(APP) == Balance(5, 0, 0)


def test_a_window_is_exact_from_its_first_request_on(stores: Stores) -> None:
    results = at_once(lambda _: stores.windows.take("key", 30, 60, NOW).allowed, 50)
    assert results.count(True) == 30


class LostReplies:
    """A network that carries every request and loses the reply to the first one of an operation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
        self.carried = 0
        send_on = URLLib3Session.send

        def lossy(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
            reply = send_on(session, request)
            if operation.encode() in request.headers.get("X-Amz-Target", b""):
                self.carried += 1
                if self.carried == 1:
                    raise ConnectionClosedError(endpoint_url="the emulator")
            return reply

        monkeypatch.setattr(URLLib3Session, "send", lossy)


def test_a_grant_whose_reply_is_lost_is_made_once_and_told_as_made(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = LostReplies(monkeypatch, "TransactWriteItems")
    assert stores.credits.grant(APP, 5, "invoice", NOW)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(5, 0, 0)


def test_a_reserve_whose_reply_is_lost_holds_once(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.credits.grant(APP, 4, "start", NOW)
    network = LostReplies(monkeypatch, "TransactWriteItems")
    idempotency = Idempotency("/v1/send", "aa" * 32, "bb" * 32, NOW + 86_400)
    stores.sends.reserve(send(reserved=3), only_chunk(send()), idempotency, DUE)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(1, 3, 0)


def test_a_settlement_whose_reply_is_lost_pays_once_and_is_told_as_done(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.credits.grant(APP, 4, "start", NOW)
    stores.sends.reserve(send(reserved=3), None, None, DUE)
    network = LostReplies(monkeypatch, "TransactWriteItems")
    assert stores.sends.settle(send(reserved=3), Tally(accepted=2), NOW)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(2, 0, 2)


def test_a_save_whose_reply_is_lost_is_stored(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    unclaimed, frozen = chunk(send())
    owned = claimed(unclaimed, NOW, Repeat.RESEND)
    stores.chunks.add(unclaimed, frozen)
    stores.chunks.claim(owned)
    network = LostReplies(monkeypatch, "UpdateItem")
    saved = replace(owned, results=(Result.ACCEPTED,) * 3, version=owned.version + 1)
    stores.chunks.save(saved)
    assert network.carried == 2
    assert stores.chunks.get(APP, send().id, 0) == saved


def test_a_claim_whose_reply_is_lost_is_given_up(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    unclaimed, frozen = chunk(send())
    stores.chunks.add(unclaimed, frozen)
    LostReplies(monkeypatch, "UpdateItem")
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claimed(unclaimed, NOW, Repeat.RESEND))
