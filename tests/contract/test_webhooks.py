"""The ports of webhooks, in memory and on AWS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.contract.records import APP, NOW, app
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import create_tables
from tests.memory.webhooks import MemoryEvents
from tocsin.adapters.sqs import SqsEvents
from tocsin.application.jobs import ChunkReceipts, Notify, TryAgain, WebhookJob, decode_webhook_job
from tocsin.application.ports import Events, MalformedCursor, SealedVapidKey, Stale
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import EventState, PendingEvent, Webhook

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PAGER, OTHER = DialectName("pager"), DialectName("other")
HOOK = Webhook(APP, PAGER, "https://hooks.example.com/", 2, NOW, b"sealed", NOW + 1, NOW + 2)
ENTRY = AuditEntry("e" * 24, APP, NOW, Actor("operator", "r"), Action.WEBHOOK_CHANGED, {"dialect": PAGER})
FIRST = AuditEntry("f" * 24, APP, NOW - 1, Actor("operator", "r"), Action.APP_CREATED)


def event(number: int, owner: AppId = APP) -> Event:
    return Event(f"{number:02x}" * 12, owner, EventKind.FAILED, NOW, person="anna é", send=SendId("b0" * 12), place=3)


def pending(number: int, due_at: int | None = NOW) -> PendingEvent:
    return PendingEvent(event(number), PAGER, 1, due_at, NOW + 99, 503, 12, NOW - 5)


def test_a_webhook_is_found_as_it_was_stored(stores: Stores) -> None:
    assert stores.hooks.get(APP, PAGER) is None
    stores.hooks.put(HOOK)
    assert stores.hooks.get(APP, PAGER) == HOOK
    assert stores.hooks.get(APP, OTHER) is None
    assert stores.hooks.get(AppId("99" * 12), PAGER) is None
    bare = Webhook(APP, PAGER, None, 2, NOW, revision=1)
    stores.hooks.put(bare)
    assert stores.hooks.get(APP, PAGER) == bare


@pytest.mark.parametrize("revision", [0, 2])
def test_a_webhook_that_changed_since_it_was_read_is_left_alone(stores: Stores, revision: int) -> None:
    stores.hooks.put(HOOK)
    with pytest.raises(Stale):
        stores.hooks.put(replace(HOOK, url=None, revision=revision))
    assert stores.hooks.get(APP, PAGER) == HOOK


def test_a_webhook_and_its_apps_mark_and_the_entry_are_stored_together_or_not_at_all(stores: Stores) -> None:
    owner = replace(app(), id=APP)
    stores.registry.add_app(owner, SealedVapidKey(owner.vapid_key, owner.vapid_public, b"x", NOW), FIRST)
    marked = replace(owner, hooks=frozenset({PAGER, OTHER}), revision=owner.revision + 1)
    stores.hooks.put(HOOK, marked, ENTRY)
    assert stores.registry.app(APP) == marked
    assert stores.registry.audit(APP, 9, None).items == [ENTRY, FIRST]
    with pytest.raises(Stale):
        stores.hooks.put(replace(HOOK, revision=1), marked, replace(ENTRY, id="d" * 24))
    assert stores.hooks.get(APP, PAGER) == HOOK
    assert len(stores.registry.audit(APP, 9, None).items) == 2


def test_a_pending_event_is_found_as_it_was_stored_until_it_is_removed(stores: Stores) -> None:
    one = pending(1)
    stores.pending_events.put(one)
    assert stores.pending_events.get(APP, PAGER, one.event.id) == one
    assert stores.pending_events.get(APP, OTHER, one.event.id) is None
    assert stores.pending_events.get(AppId("99" * 12), PAGER, one.event.id) is None
    dead = replace(one, tries=8, due_at=None, status=None, milliseconds=None, tried_at=None, revision=1)
    stores.pending_events.put(dead)
    assert stores.pending_events.get(APP, PAGER, one.event.id) == dead
    stores.pending_events.remove(dead)
    stores.pending_events.remove(dead)
    assert stores.pending_events.get(APP, PAGER, one.event.id) is None


@pytest.mark.parametrize("revision", [0, 2])
def test_a_pending_event_that_changed_since_it_was_read_is_left_alone(stores: Stores, revision: int) -> None:
    stores.pending_events.put(pending(1))
    with pytest.raises(Stale):
        stores.pending_events.put(replace(pending(1), tries=5, revision=revision))
    assert stores.pending_events.get(APP, PAGER, event(1).id) == pending(1)


def test_only_what_is_failing_and_due_is_swept_the_longest_waiting_first(stores: Stores) -> None:
    for number, due_at in enumerate([NOW - 5, NOW, NOW + 1, None, NOW - 9]):
        stores.pending_events.put(pending(number, due_at))
    due = [TryAgain(APP, PAGER, event(number).id) for number in (4, 0, 1)]
    assert list(stores.pending_events.due(NOW, 10)) == due
    assert list(stores.pending_events.due(NOW, 2)) == due[:2]


def test_what_is_postponed_is_due_later_and_what_is_dead_or_gone_stays_so(stores: Stores) -> None:
    stores.pending_events.put(pending(1))
    stores.pending_events.put(pending(2, None))
    for number in (1, 2, 3):
        stores.pending_events.postpone(TryAgain(APP, PAGER, event(number).id), NOW + 60)
    assert list(stores.pending_events.due(NOW + 59, 10)) == []
    assert [one.event for one in stores.pending_events.due(NOW + 60, 10)] == [event(1).id]
    assert stores.pending_events.get(APP, PAGER, event(2).id) == pending(2, None)
    assert stores.pending_events.get(APP, PAGER, event(3).id) is None
    # The postponed one can still be stored as it was read.
    stores.pending_events.put(replace(pending(1), tries=2, revision=1))


def test_events_are_listed_by_state_in_pages(stores: Stores) -> None:
    for number in range(6):
        stores.pending_events.put(pending(number, NOW if number % 2 else None))
    first = stores.pending_events.listed(APP, PAGER, EventState.DEAD, 2, None)
    assert [one.event.id for one in first.items] == [event(4).id, event(2).id]
    rest = stores.pending_events.listed(APP, PAGER, EventState.DEAD, 2, first.cursor)
    assert ([one.event.id for one in rest.items], rest.cursor) == ([event(0).id], None)
    assert len(stores.pending_events.listed(APP, PAGER, EventState.FAILING, 9, None).items) == 3
    assert not stores.pending_events.listed(APP, OTHER, EventState.FAILING, 9, None).items


@pytest.mark.parametrize("cursor", ["", "x", "0" * 23, "0" * 25, "META"])
def test_a_cursor_that_no_list_gave_out_is_malformed(stores: Stores, cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        stores.pending_events.listed(APP, PAGER, EventState.DEAD, 2, cursor)


def test_what_did_not_arrive_ends_by_itself_and_the_dead_are_in_no_index(played_dynamodb: "DynamoDBClient") -> None:
    tables = create_tables(played_dynamodb, "webhooks-layout")
    stores = dynamo_stores(played_dynamodb, tables)
    stores.pending_events.put(pending(1))
    stores.pending_events.put(pending(2, None))
    items = played_dynamodb.scan(TableName=tables.sends)["Items"]
    assert [item["expires_at"] for item in items] == [{"N": str(NOW + 99)}] * 2
    assert sorted(len({"due_pk", "due_at"} & item.keys()) for item in items) == [0, 2]


@dataclass(frozen=True, slots=True)
class Queue:
    """One adapter, and what stands in its queue."""

    events: Events
    jobs: Callable[[], list[WebhookJob]]


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    if request.param == "memory":
        memory = MemoryEvents()
        yield Queue(memory, memory.take)
        return
    with mock_aws():
        client = boto3.client("sqs", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        url = client.create_queue(QueueName="webhooks")["QueueUrl"]

        def jobs() -> list[WebhookJob]:
            found = []
            while messages := client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
            ).get("Messages"):
                for one in messages:
                    job = decode_webhook_job(one["Body"])
                    assert one["Attributes"]["MessageGroupId"] == job.app
                    found.append(job)
            return found

        yield Queue(SqsEvents(client, url), jobs)


def test_what_is_queued_arrives_whole(queue: Queue) -> None:
    events = [event(number, AppId(f"{number:02x}" * 12)) for number in range(23)]
    queue.events.emit(events)
    queue.events.report(ChunkReceipts(APP, SendId("b0" * 12), 7), 0)
    queue.events.again([TryAgain(APP, PAGER, "e0" * 12)])
    queue.events.emit([])
    found = queue.jobs()
    assert sorted((one.event.id for one in found if isinstance(one, Notify)), key=str) == [one.id for one in events]
    assert [one.event for one in found if isinstance(one, Notify) and one.event.id == events[3].id] == [events[3]]
    assert ChunkReceipts(APP, SendId("b0" * 12), 7) in found
    assert TryAgain(APP, PAGER, "e0" * 12) in found
