"""What only an atomic store can show: many at once, and replies that get lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
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
from tests.contract.records import (
    ANNA,
    APP,
    BERT,
    NOW,
    REPORT,
    REQUEST,
    UNLIMITED,
    app,
    changed,
    chunk,
    counted,
    entry,
    only_chunk,
    sealed,
    send,
    subscription,
)
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tests.contract.test_campaigns import CAMPAIGN, its_send
from tocsin.adapters.dynamodb.database import Database, Update
from tocsin.adapters.dynamodb.keys import Key
from tocsin.adapters.dynamodb.marshalling import Record
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.application.ports import (
    CampaignChange,
    Gone,
    Idempotency,
    InsufficientCredits,
    InsufficientQuota,
    LeaseLost,
    Stale,
    Unavailable,
)
from tocsin.domain.campaign import CampaignStatus
from tocsin.domain.chunk import Repeat, Result, claimed, finished
from tocsin.domain.engagement import Act, Sighting, news, noted
from tocsin.domain.place_token import Place
from tocsin.domain.quota import Limits, QuotaWindow, Usage
from tocsin.domain.report import Report
from tocsin.domain.send import Balance, Charge, Course, Send, SendState, Tally
from tocsin.domain.subscription import MAX_REJECTIONS, Broadcasts, Counts, SubscriptionState
from tocsin.webpush.origins import PushService

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
        except (InsufficientCredits, InsufficientQuota, LeaseLost, Stale) as refusal:
            return type(refusal)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(times)))


def test_a_balance_is_shared_out_exactly(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW, REQUEST)
    seen: list[Balance] = []

    def reserve(number: int) -> object:
        stores.sends.reserve(send(number, reserved=3), None, None, DUE, UNLIMITED)
        seen.append(stores.credits.balance(APP))
        return "reserved"

    results = at_once(reserve, 80)
    assert results.count("reserved") == 33
    assert results.count(InsufficientCredits) == 47
    assert stores.credits.balance(APP) == Balance(1, 99, 0)
    assert all(one.available >= 0 and one.available + one.reserved == 100 for one in seen)


@pytest.mark.row("X-6")
def test_x_6_of_many_who_fetch_one_message_one_is_the_first(stores: Stores) -> None:
    results = at_once(lambda number: stores.fetches.first(APP, send(1).id, 0, number % 10), 80)
    assert results.count(True) == 10
    assert results.count(False) == 70


@pytest.mark.row("PU-32")
def test_pu_32_what_many_count_at_once_is_counted_once_for_each_recipient(stores: Stores) -> None:
    def count(number: int) -> object:
        """Whoever has to read again does; a beacon comes four times, from as many workers."""
        seen = [Sighting(Act.CLICKED, send(1).id, Place(0, number % 20, PushService.FCM), NOW)]
        while new := news(block := stores.engagements.block(APP, send(1).id, 0), seen, clicks_only=False):
            try:
                stores.engagements.put(noted(block, new), NOW)
            except Stale:
                continue
            return "new"
        return "known"

    results = at_once(count, 80)
    assert results.count("known") == 60
    found = stores.engagements.of(APP, send(1).id)
    assert (found.displayed, found.clicked, found.dismissed) == (20, 20, 0)
    assert stores.engagements.block(APP, send(1).id, 0).version == 20


def test_a_new_endpoint_is_stored_by_one(stores: Stores) -> None:
    results = at_once(lambda _: stores.subscriptions.put(subscription(1, ANNA), None))
    assert sorted(map(str, results)) == sorted(map(str, [None, *[Stale] * (THREADS - 1)]))
    assert stores.subscriptions.counts(APP) == counted(subscription(1, ANNA))
    assert stores.subscriptions.of(APP, [ANNA]) == [subscription(1, ANNA)]


def test_newcomers_of_one_shard_are_all_counted(stores: Stores) -> None:
    at_once(lambda number: stores.subscriptions.put(subscription(32 * number, ANNA), None))
    assert stores.subscriptions.counts(APP) == counted(*(subscription(32 * number) for number in range(THREADS)))
    assert len(stores.subscriptions.of(APP, [ANNA])) == THREADS


def test_a_gone_subscription_is_expired_by_one(stores: Stores) -> None:
    one = subscription(1)
    stores.subscriptions.put(one, None)
    results = at_once(lambda _: stores.subscriptions.expire(APP, one.id, one.endpoint, "vapid-1"))
    assert results.count(True) == 1
    assert stores.subscriptions.counts(APP) == counted(changed(one, state=SubscriptionState.EXPIRED))


def test_a_send_is_settled_by_one(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW, REQUEST)

    def settle(one: Send, _: int) -> bool:
        return stores.sends.settle(one, Tally(accepted=2), Report(), NOW)

    for number in range(5):
        one = send(number, reserved=3)
        stores.sends.reserve(one, None, None, DUE, UNLIMITED)
        results = at_once(partial(settle, one))
        assert results.count(True) == 1
        assert results.count(False) == THREADS - 1
    assert stores.credits.balance(APP) == Balance(90, 0, 10)


def test_an_only_chunk_is_finished_or_its_send_settled_by_one(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "start", NOW, REQUEST)
    one = send(1, reserved=3)
    owned, frozen = only_chunk(one)
    stores.sends.reserve(one, (owned, frozen), None, DUE, UNLIMITED)
    done = finished(replace(owned, results=(Result.ACCEPTED,) * 3, version=owned.version + 1))

    def end(number: int) -> object:
        if number % 2:
            return stores.sends.settle(one, Tally(accepted=3), Report(), NOW)
        return stores.chunks.finish_only(done, one, Tally(accepted=3), NOW)

    results = at_once(end)
    assert results.count(True) == 1
    assert stores.credits.balance(APP) == Balance(97, 0, 3)


def test_a_chunk_is_claimed_by_one(stores: Stores) -> None:
    unclaimed, frozen = chunk(send())
    stores.plan(unclaimed, frozen)
    results = at_once(lambda _: stores.chunks.claim(claimed(unclaimed, NOW, Repeat.RESEND)))
    assert results.count(LeaseLost) == THREADS - 1
    assert stores.chunks.get(APP, send().id, 0) == claimed(unclaimed, NOW, Repeat.RESEND)


def test_a_grant_is_made_by_one(stores: Stores) -> None:
    results = at_once(lambda _: stores.credits.grant(APP, 5, "invoice", NOW, REQUEST))
    assert results.count(True) == 1
    assert stores.credits.balance(APP) == Balance(5, 0, 0)


def test_a_window_is_exact_from_its_first_request_on(stores: Stores) -> None:
    results = at_once(lambda _: stores.windows.take("key", 30, 60, NOW).allowed, 50)
    assert results.count(True) == 30


@pytest.mark.row("CS-26")
def test_a_quota_is_never_exceeded_however_many_reserve_at_once_when_a_window_begins(stores: Stores) -> None:
    limits = Limits(10, 100)
    earlier = QuotaWindow.HOUR.start(NOW) - 1
    stores.sends.reserve(send(99, 9, charge=Charge.QUOTA, created_at=earlier), None, None, DUE, limits)
    seen: list[Usage] = []

    def reserve(number: int) -> object:
        # Half of the clocks lag, and count in the new hour all the same once it has begun.
        one = send(number, 3, charge=Charge.QUOTA, created_at=NOW if number % 2 else earlier)
        stores.sends.reserve(one, None, None, DUE, limits)
        seen.append(stores.quotas.usage(APP, NOW))
        return "reserved"

    results = at_once(reserve, 24)
    assert results.count("reserved") == 3
    assert results.count(InsufficientQuota) == 21
    assert stores.quotas.usage(APP, NOW) == Usage(9, 18, 18)
    assert all(one.hourly <= 10 for one in seen)


def test_what_a_send_did_not_use_is_returned_once_while_others_reserve(stores: Stores) -> None:
    one, hour = send(1, 50, charge=Charge.QUOTA), QuotaWindow.HOUR
    stores.sends.reserve(one, None, None, DUE, UNLIMITED)

    def settle_or_reserve(number: int) -> object:
        if number % 2:
            return stores.sends.settle(one, Tally(accepted=20), Report(), NOW)
        stores.sends.reserve(send(number + 2, 1, charge=Charge.QUOTA), None, None, DUE, UNLIMITED)
        return "reserved"

    results = at_once(settle_or_reserve, 16)
    assert (results.count(True), results.count("reserved")) == (1, 8)
    assert stores.quotas.usage(APP, NOW) == Usage(28, 28, 28)
    assert hour.start(NOW) == hour.start(one.created_at)


def test_a_settlement_meets_a_new_hour_and_returns_to_day_and_month_alone(stores: Stores) -> None:
    sends = [send(number, 4, charge=Charge.QUOTA) for number in range(THREADS)]
    for one in sends:
        stores.sends.reserve(one, None, None, DUE, UNLIMITED)
    later = QuotaWindow.HOUR.end(NOW)

    def settle_or_begin(number: int) -> object:
        if number == THREADS:
            stores.sends.reserve(send(99, 1, charge=Charge.QUOTA, created_at=later), None, None, DUE, UNLIMITED)
            return True
        return stores.sends.settle(sends[number], Tally(accepted=1), Report(), later)

    assert all(at_once(settle_or_begin, THREADS + 1))
    assert stores.quotas.usage(APP, later) == Usage(1, THREADS + 1, THREADS + 1)


def test_refusals_at_once_bounce_a_subscription_once(stores: Stores) -> None:
    one = subscription(1)
    stores.subscriptions.put(one, None)
    at_once(lambda _: stores.subscriptions.note_rejected(APP, [Gone(one.id, one.endpoint, one.vapid_key)]))
    found = stores.subscriptions.get(APP, one.id)
    assert found is not None
    assert (found.state, found.rejections >= MAX_REJECTIONS) == (SubscriptionState.BOUNCED, True)
    counts = stores.subscriptions.counts(APP)
    assert (counts.active, counts.bounced, counts.by_key) == (0, 1, {})


def test_a_listing_and_its_counters_agree_after_many_changes_at_once(stores: Stores) -> None:
    """Subscribing, changing keys, expiring and erasing of one shard, all at the same time."""
    several = [subscription(32 * number, ANNA, created_at=NOW + number, vapid_key="old") for number in range(24)]
    for one in several[:16]:
        stores.subscriptions.put(one, None)

    def change(number: int) -> None:
        one = several[number]
        match number // 4:
            case 0:
                stores.subscriptions.expire(APP, one.id, one.endpoint, "old")
            case 1:
                stores.subscriptions.put(changed(one, vapid_key="new"), one)
            case 2:
                stores.subscriptions.erase(one)
            case 4 | 5:
                stores.subscriptions.put(one, None)

    at_once(change, 24)
    assert stores.subscriptions.counts(APP) == Counts(16, 0, 4, 0, {"old": 12, "new": 4}, (16, *[0] * 31))
    listed = stores.subscriptions.listed(APP, tuple(SubscriptionState), None, 100)
    assert [place.created_at - NOW for place in listed] == [*range(23, 11, -1), *range(7, -1, -1)]
    assert len(stores.subscriptions.known(APP, ANNA)) == 20


def test_a_subscription_is_erased_or_changed_and_not_both(stores: Stores) -> None:
    one = subscription(1, ANNA)
    stores.subscriptions.put(one, None)

    def erase_or_change(number: int) -> None:
        if number % 2:
            stores.subscriptions.erase(one)
        else:
            stores.subscriptions.put(changed(one, identities=(BERT,)), one)

    results = at_once(erase_or_change)
    assert results.count(None) == 1
    left = stores.subscriptions.get(APP, one.id)
    assert stores.subscriptions.counts(APP) == counted(*([] if left is None else [left]))
    assert [*stores.subscriptions.known(APP, ANNA)] == []
    assert stores.subscriptions.known(APP, BERT) == ([] if left is None else [left])


def test_whoever_changes_hands_between_alias_and_record_is_not_found_under_the_old_name(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, honest = subscription(1, ANNA), Database.load
    stores.subscriptions.put(one, None)

    def late(database: Database, table: str, keys: Sequence[Key]) -> Iterator[Record]:
        monkeypatch.setattr(Database, "load", honest)
        stores.subscriptions.put(changed(one, identities=(BERT,)), one)
        return honest(database, table, keys)

    monkeypatch.setattr(Database, "load", late)
    assert stores.subscriptions.of(APP, [ANNA]) == []


def test_an_acceptance_is_noted_once_however_often_it_is_told(stores: Stores) -> None:
    one = subscription(1)
    stores.subscriptions.put(one, None)
    at_once(lambda _: stores.subscriptions.note_accepted(APP, send(1).id, [one.id], NOW))
    found = stores.subscriptions.get(APP, one.id)
    assert found is not None
    assert (found.activity.notified, found.revision) == (1, 1)


def test_broadcasts_that_end_at_once_are_all_counted(stores: Stores) -> None:
    sends = [send(number, 101, charge=Charge.NONE) for number in range(THREADS)]
    for one in sends:
        stores.sends.reserve(one, None, None, DUE, UNLIMITED)
    assert all(at_once(lambda number: stores.sends.settle(sends[number], Tally(), Report(), NOW)))
    assert stores.subscriptions.broadcasts(APP) == Broadcasts(THREADS, NOW)


def test_a_vapid_key_is_not_made_the_present_one_while_it_is_retired(stores: Stores) -> None:
    first, second = app(), replace(app(), vapid_key="vapid-2", revision=1)
    stores.registry.add_app(first, sealed("vapid-1"), entry(1))
    stores.registry.change_app(second, entry(2), sealed("vapid-2"))
    back = replace(second, vapid_key="vapid-1", revision=2)

    def change_or_retire(number: int) -> object:
        if number % 2:
            stores.registry.change_app(back, entry(number, first.id))
            return "changed"
        return stores.registry.retire_vapid_key(second, "vapid-1", NOW, entry(number, first.id))

    results = at_once(change_or_retire)
    assert results.count("changed") + results.count(True) == 1
    stored, key = stores.registry.app(first.id), stores.registry.vapid_key(first.id, "vapid-1")
    assert stored is not None
    assert key is not None
    assert (stored.vapid_key == "vapid-1") == (key.retired_at is None)
    assert len(stores.registry.audit(first.id, 10, None).items) == 1


def test_the_last_of_all_parts_opens_the_send_whoever_that_is(stores: Stores) -> None:
    planned = replace(send(reserved=80, state=SendState.PLANNED, charge=Charge.NONE), parts=(10,) * THREADS)
    stores.sends.reserve(planned, None, None, DUE, UNLIMITED)
    results = at_once(lambda part: stores.sends.opened(planned, part, part))
    assert results.count(True) == 1
    opened = replace(planned, state=SendState.SENDING, chunks=sum(range(THREADS)))
    assert stores.sends.get(APP, planned.id) == opened
    assert all(at_once(lambda part: stores.sends.opened(planned, part, 9)))
    assert stores.sends.get(APP, planned.id) == opened


def test_a_part_that_two_planners_finish_counts_once(stores: Stores) -> None:
    planned = replace(send(reserved=9, state=SendState.PLANNED, charge=Charge.NONE), parts=(4, 5))
    stores.sends.reserve(planned, None, None, DUE, UNLIMITED)
    results = at_once(lambda number: stores.sends.opened(planned, number % 2, 3))
    assert True in results
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SendState.SENDING, chunks=6)


def test_a_planner_lost_between_its_two_writes_is_made_good_by_whoever_plans_again(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = replace(send(reserved=9, state=SendState.PLANNED, charge=Charge.NONE), parts=(4, 5))
    stores.sends.reserve(planned, None, None, DUE, UNLIMITED)
    stores.sends.opened(planned, 0, 1)
    honest, written = Database.update, count()

    def lost(database: Database, write: Update) -> Record:
        if next(written):
            raise Unavailable
        return honest(database, write)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "update", lost)
        with pytest.raises(Unavailable):
            stores.sends.opened(planned, 1, 2)
    assert stores.sends.get(APP, planned.id) == planned
    assert stores.sends.opened(planned, 0, 1)
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SendState.SENDING, chunks=3)


def test_finished_chunks_are_counted_exactly(stores: Stores) -> None:
    results = at_once(lambda _: stores.sends.chunk_done(APP, send().id), 40)
    assert sorted(map(int, map(str, results))) == list(range(1, 41))


def test_all_planners_of_a_chunk_are_told_the_same_recipients(stores: Stores) -> None:
    offers = [chunk(send(), number, size=3)[1] for number in range(THREADS)]
    results = at_once(lambda number: stores.chunks.freeze(APP, send().id, 0, offers[number]))
    assert results == [stores.chunks.frozen(APP, send().id, 0)] * THREADS
    assert results[0] in offers


def test_a_chunk_that_many_open_is_not_taken_back_from_its_owner(stores: Stores) -> None:
    unclaimed = chunk(send())[0]

    def open_or_claim(number: int) -> str:
        stores.chunks.open(unclaimed)
        if number % 2:
            stores.chunks.claim(claimed(unclaimed, NOW, Repeat.RESEND))
        return "done"

    results = at_once(open_or_claim)
    assert results.count(LeaseLost) == THREADS // 2 - 1
    assert stores.chunks.get(APP, send().id, 0) == claimed(unclaimed, NOW, Repeat.RESEND)


def test_a_cancellation_is_final_however_many_steer_at_once(stores: Stores) -> None:
    one = send(charge=Charge.NONE)
    stores.sends.reserve(one, None, None, DUE, UNLIMITED)
    courses = [Course.CANCELLED, Course.PAUSED, Course.RUNNING]
    results = at_once(lambda number: stores.sends.steer(APP, one.id, courses[number % 3]), 24)
    assert results.count(replace(one, course=Course.CANCELLED)) == 1
    assert stores.sends.get(APP, one.id) == replace(one, course=Course.CANCELLED)


def test_a_send_is_steered_before_it_is_settled_or_not_at_all(stores: Stores) -> None:
    one = send(charge=Charge.NONE)
    stores.sends.reserve(one, None, None, DUE, UNLIMITED)

    def steer_or_settle(number: int) -> object:
        if number % 2:
            return stores.sends.settle(one, Tally(accepted=1), REPORT, NOW)
        return stores.sends.steer(APP, one.id, Course.CANCELLED)

    results = at_once(steer_or_settle)
    cancelled = replace(one, course=Course.CANCELLED)
    assert results.count(True) == 1
    assert results.count(cancelled) in (0, 1)
    steered = cancelled if cancelled in results else one
    assert stores.sends.get(APP, one.id) == replace(
        steered, state=SendState.SETTLED, counts=Tally(accepted=1), report=REPORT, settled_at=NOW
    )


def test_many_of_one_shard_that_several_workers_find_gone_expire_once(stores: Stores) -> None:
    several = [subscription(32 * number, ANNA) for number in range(60)]
    stores.subscriptions.put_all([(one, None) for one in several[:30]])
    stores.subscriptions.put_all([(one, None) for one in several[30:]])
    gone = [Gone(one.id, one.endpoint, one.vapid_key) for one in several[:50]]
    at_once(lambda number: stores.subscriptions.expire_all(APP, gone[number * 5 : number * 5 + 20]))
    expired = [changed(one, state=SubscriptionState.EXPIRED) for one in several[:50]]
    assert stores.subscriptions.counts(APP) == counted(*expired, *several[50:])
    # The store's own clock says when: here it is the real one.
    found = [replace(one, updated_at=NOW) for one in stores.subscriptions.known(APP, ANNA)]
    assert sorted(found, key=lambda one: one.id) == sorted([*expired, *several[50:]], key=lambda one: one.id)


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
    assert stores.credits.grant(APP, 5, "invoice", NOW, REQUEST)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(5, 0, 0)


def test_a_reserve_whose_reply_is_lost_holds_once(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.credits.grant(APP, 4, "start", NOW, REQUEST)
    network = LostReplies(monkeypatch, "TransactWriteItems")
    idempotency = Idempotency("/v1/send", "aa" * 32, "bb" * 32, NOW + 86_400)
    stores.sends.reserve(send(reserved=3), only_chunk(send()), idempotency, DUE, UNLIMITED)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(1, 3, 0)


def test_a_settlement_whose_reply_is_lost_pays_once_and_is_told_as_done(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.credits.grant(APP, 4, "start", NOW, REQUEST)
    stores.sends.reserve(send(reserved=3), None, None, DUE, UNLIMITED)
    network = LostReplies(monkeypatch, "TransactWriteItems")
    assert stores.sends.settle(send(reserved=3), Tally(accepted=2), Report(), NOW)
    assert network.carried == 2
    assert stores.credits.balance(APP) == Balance(2, 0, 2)


def test_a_save_whose_reply_is_lost_is_stored(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    unclaimed, frozen = chunk(send())
    owned = claimed(unclaimed, NOW, Repeat.RESEND)
    stores.plan(unclaimed, frozen)
    stores.chunks.claim(owned)
    network = LostReplies(monkeypatch, "UpdateItem")
    saved = replace(owned, results=(Result.ACCEPTED,) * 3, version=owned.version + 1)
    stores.chunks.save(saved)
    assert network.carried == 2
    assert stores.chunks.get(APP, send().id, 0) == saved


def test_quota_whose_replies_are_lost_is_taken_and_returned_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = send(1, 3, charge=Charge.QUOTA)
    stores.sends.reserve(send(2, 1, charge=Charge.QUOTA), None, None, DUE, UNLIMITED)
    with monkeypatch.context() as patch:
        LostReplies(patch, "TransactWriteItems")
        stores.sends.reserve(one, None, None, DUE, Limits(4, 4, 4))
    assert stores.quotas.usage(APP, NOW) == Usage(4, 4, 4)
    LostReplies(monkeypatch, "TransactWriteItems")
    assert stores.sends.settle(one, Tally(accepted=1), Report(), NOW)
    assert stores.quotas.usage(APP, NOW) == Usage(2, 2, 2)


def test_a_claim_whose_reply_is_lost_is_given_up(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    unclaimed, frozen = chunk(send())
    stores.plan(unclaimed, frozen)
    LostReplies(monkeypatch, "UpdateItem")
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claimed(unclaimed, NOW, Repeat.RESEND))


def test_recipients_whose_freezing_is_answered_by_nobody_are_frozen_all_the_same(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = chunk(send())[1]
    network = LostReplies(monkeypatch, "PutItem")
    assert stores.chunks.freeze(APP, send().id, 0, frozen) == frozen
    assert network.carried == 2
    assert stores.chunks.frozen(APP, send().id, 0) == frozen


def test_a_part_whose_reply_is_lost_counts_once_and_opens_the_send(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = send(state=SendState.PLANNED, charge=Charge.NONE)
    stores.sends.reserve(planned, None, None, DUE, UNLIMITED)
    network = LostReplies(monkeypatch, "UpdateItem")
    assert stores.sends.opened(planned, 0, 4)
    assert network.carried == 3
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SendState.SENDING, chunks=4)


@pytest.mark.row("PU-27")
@pytest.mark.parametrize("round_", range(4))
def test_pu_27_of_many_who_send_edit_or_delete_a_campaign_at_once_one_does_and_the_others_are_told(
    stores: Stores, round_: int
) -> None:
    stores.campaigns.put(CAMPAIGN)
    made = its_send()

    def act(number: int) -> object:
        new = replace(CAMPAIGN, status=CampaignStatus.SENDING, name=f"By {number}", revision=1)
        match number % 3:
            case 0:
                stores.sends.reserve(made, None, None, DUE, UNLIMITED, CampaignChange(new, None))
            case 1:
                stores.campaigns.put(new)
            case _:
                stores.campaigns.remove(CAMPAIGN)
        return number

    [number] = [one for one in at_once(lambda number: act(number + round_)) if one is not Stale]
    assert isinstance(number, int)
    left, sent = stores.campaigns.get(APP, CAMPAIGN.id), stores.sends.get(APP, made.id)
    assert (None if left is None else left.name) == (None if number % 3 == 2 else f"By {number}")
    assert sent == (None if number % 3 else made)
