"""What reaches the queues is what a worker reads, in memory as on SQS; and what no worker can read."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.memory.jobs import Delayed, MemoryJobs
from tocsin.adapters.sqs import BATCH_LIMIT, BATCH_SIZE, SqsJobs
from tocsin.application.jobs import (
    MESSAGE_LIMIT,
    VERSION,
    DeliverChunk,
    FanOut,
    Lane,
    MalformedJob,
    Recipient,
    Route,
    decode_deliver,
    decode_fan_out,
    encode_deliver,
    encode_fan_out,
)
from tocsin.application.ports import Unavailable
from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.webpush.encryption import RecipientKeys

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

ROUTE = Route(TenantId("d0" * 12), Lane.DIRECT)
BULK = Route(TenantId("e0" * 12), Lane.BULK)
PLAN = FanOut(AppId("a0" * 12), SendId("b0" * 12), ROUTE, 3, 2, 700, "07:SUB#x")
KEYS = RecipientKeys(b"\x04" + bytes(64), bytes(16))
RECIPIENT = Recipient(SubscriptionId("c0" * 12), "https://push.example/1", KEYS, "vapid-1", "bert é\ud800")
CHUNK = DeliverChunk(PLAN.app, PLAN.send, 7, "ff" * 32, ROUTE, 1_800_000_000, (RECIPIENT,))


@dataclass(slots=True)
class Queues:
    """A queue for each sort of job and lane, and the batches that were sent."""

    client: "SQSClient"
    jobs: SqsJobs
    urls: Mapping[str, str]
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def received(self, queue: str) -> list[tuple[str, str]]:
        """The group and body of each message that waits there, all read."""
        found: list[tuple[str, str]] = []
        while messages := self.client.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
        ).get("Messages"):
            found += [(message["Attributes"]["MessageGroupId"], message["Body"]) for message in messages]
        return found


@pytest.fixture
def queues() -> Iterator[Queues]:
    with mock_aws():
        client = boto3.client("sqs", "us-east-1")
        names = [f"{job}-{lane}" for job in ("fanout", "deliver") for lane in Lane]
        urls = {name: client.create_queue(QueueName=name)["QueueUrl"] for name in names}
        jobs = SqsJobs(
            client, {lane: urls[f"fanout-{lane}"] for lane in Lane}, {lane: urls[f"deliver-{lane}"] for lane in Lane}
        )
        queues = Queues(client, jobs, urls)
        client.meta.events.register(
            "provide-client-params.sqs.SendMessageBatch",
            lambda params, **_: queues.batches.append(params["Entries"]),
        )
        yield queues


def test_jobs_arrive_in_the_queue_of_their_sort_and_lane_as_they_were_sent_in_the_group_of_their_tenant(
    queues: Queues,
) -> None:
    plans = [PLAN, replace(PLAN, route=BULK), replace(PLAN, part=0, after=None)]
    chunks = [CHUNK, replace(CHUNK, route=BULK, recipients=())]
    queues.jobs.fan_out(plans)
    queues.jobs.deliver(chunks)
    assert [(group, decode_fan_out(body)) for group, body in queues.received("fanout-direct")] == [
        (ROUTE.tenant, plans[0]),
        (ROUTE.tenant, plans[2]),
    ]
    assert [(group, decode_fan_out(body)) for group, body in queues.received("fanout-bulk")] == [
        (BULK.tenant, plans[1])
    ]
    assert [(group, decode_deliver(body)) for group, body in queues.received("deliver-direct")] == [
        (ROUTE.tenant, chunks[0])
    ]
    assert [(group, decode_deliver(body)) for group, body in queues.received("deliver-bulk")] == [
        (BULK.tenant, chunks[1])
    ]


def test_two_tenants_of_one_lane_are_two_groups(queues: Queues) -> None:
    other = TenantId("f0" * 12)
    queues.jobs.deliver([CHUNK, replace(CHUNK, route=Route(other, Lane.DIRECT))])
    assert [group for group, _ in queues.received("deliver-direct")] == [ROUTE.tenant, other]


def test_nothing_to_queue_asks_nobody(queues: Queues) -> None:
    queues.jobs.fan_out([])
    queues.jobs.deliver([])
    assert queues.batches == []


def test_small_jobs_go_ten_at_a_time_and_none_is_lost(queues: Queues) -> None:
    queues.jobs.fan_out([replace(PLAN, part=part) for part in range(32)])
    assert [len(batch) for batch in queues.batches] == [BATCH_SIZE, BATCH_SIZE, BATCH_SIZE, 2]
    assert [decode_fan_out(body).part for _, body in queues.received("fanout-direct")] == list(range(32))


def with_recipients(number: int, *, external: str | None = None) -> DeliverChunk:
    return replace(CHUNK, recipients=(replace(RECIPIENT, external_id=external),) * number)


@pytest.mark.parametrize("external", [None, "x" * 500])
def test_full_chunks_are_packed_as_far_as_a_batch_holds(queues: Queues, external: str | None) -> None:
    several = [replace(with_recipients(CHUNK_SIZE, external=external), number=number) for number in range(12)]
    queues.jobs.deliver(several)
    sizes = [[len(entry["MessageBody"]) for entry in batch] for batch in queues.batches]
    assert all(sum(batch) <= BATCH_LIMIT and len(batch) <= BATCH_SIZE for batch in sizes)
    assert all(len(full) == BATCH_SIZE or sum(full) + after[0] > BATCH_LIMIT for full, after in pairwise(sizes))
    assert [decode_deliver(body) for _, body in queues.received("deliver-direct")] == several


@pytest.mark.parametrize(("more", "carried"), [(0, True), (1, False)])
def test_recipients_that_do_not_fit_a_message_are_left_for_the_worker_to_load(
    queues: Queues, more: int, carried: bool
) -> None:
    room = MESSAGE_LIMIT - len(encode_deliver(with_recipients(1, external="")))
    job = with_recipients(1, external="x" * (room + more))
    queues.jobs.deliver([job])
    [(_, body)] = queues.received("deliver-direct")
    assert decode_deliver(body) == (job if carried else job.without_recipients())
    assert not job.without_recipients().recipients


def test_what_travels_is_ascii_so_that_its_length_is_its_size() -> None:
    job = with_recipients(2, external="é\u2028\U0001f514\x00")
    assert encode_deliver(job).isascii()
    assert decode_deliver(encode_deliver(job)) == job


def test_a_delayed_chunk_is_not_seen_yet(queues: Queues) -> None:
    queues.jobs.deliver([CHUNK], 900)
    assert queues.received("deliver-direct") == []
    counts = queues.client.get_queue_attributes(
        QueueUrl=queues.urls["deliver-direct"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert counts["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_delay_that_sqs_does_not_take_is_an_error(queues: Queues) -> None:
    with pytest.raises(Unavailable):
        queues.jobs.deliver([CHUNK], 901)
    assert queues.received("deliver-direct") == []


@pytest.mark.parametrize("queue", [lambda jobs: jobs.deliver([CHUNK] * 12), lambda jobs: jobs.fan_out([PLAN] * 12)])
def test_a_message_of_a_batch_that_failed_is_an_error_and_nothing_more_is_sent(
    queue: Callable[[SqsJobs], None],
) -> None:
    client = boto3.client("sqs", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    url = {lane: f"https://sqs.example/{lane}" for lane in Lane}
    failed = {"Id": "3", "SenderFault": False, "Code": "InternalError"}
    with Stubber(client) as answers:
        answers.add_response(
            "send_message_batch", {"Successful": [], "Failed": [failed]}, {"QueueUrl": url[Lane.DIRECT], "Entries": ANY}
        )
        with pytest.raises(Unavailable):
            queue(SqsJobs(client, url, url))
        answers.assert_no_pending_responses()


def test_the_queues_in_memory_carry_the_same() -> None:
    jobs = MemoryJobs()
    jobs.fan_out([PLAN, replace(PLAN, route=BULK)])
    jobs.deliver([CHUNK], 900)
    assert jobs.planned == [PLAN, replace(PLAN, route=BULK)]
    assert jobs.delayed == [Delayed(CHUNK, 900)]
    with pytest.raises(ValueError, match="900"):
        jobs.deliver([CHUNK], 901)


# --- what no worker can read -------------------------------------------------------------------------------------

WRITTEN_PLAN: dict[str, Any] = json.loads(encode_fan_out(PLAN))
WRITTEN_CHUNK: dict[str, Any] = json.loads(encode_deliver(CHUNK))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=7),
    max_leaves=8,
)
NO_TEXT = ANYTHING.filter(lambda value: not isinstance(value, str))
NO_NUMBER = ANYTHING.filter(lambda value: isinstance(value, bool) or not isinstance(value, int) or value < 0)
WRONG = {
    "v": ANYTHING.filter(lambda value: value != VERSION),
    "app": NO_TEXT,
    "send": NO_TEXT,
    "tenant": NO_TEXT,
    "lane": ANYTHING,
    "part": NO_NUMBER,
    "ordinal": NO_NUMBER,
    "taken": NO_NUMBER,
    "after": NO_TEXT.filter(lambda value: value is not None),
    "chunk": NO_NUMBER,
    "digest": NO_TEXT,
    "at": NO_NUMBER,
    "to": ANYTHING.filter(lambda value: value != []),
}


def refuse(body: str) -> None:
    for decode in (decode_fan_out, decode_deliver):
        with pytest.raises(MalformedJob):
            decode(body)


@given(data=st.data())
def test_a_field_of_a_wrong_type_makes_a_job_malformed(data: st.DataObject) -> None:
    for written, decode in ((WRITTEN_PLAN, decode_fan_out), (WRITTEN_CHUNK, decode_deliver)):
        name = data.draw(st.sampled_from(sorted(written)))
        with pytest.raises(MalformedJob):
            decode(json.dumps({**written, name: data.draw(WRONG[name])}))


@given(data=st.data())
def test_a_recipient_of_a_wrong_shape_makes_a_job_malformed(data: st.DataObject) -> None:
    [right] = WRITTEN_CHUNK["to"]
    place = data.draw(st.integers(0, len(right) - 1))
    wrong = NO_TEXT.filter(lambda value: value is not None) if place == len(right) - 1 else NO_TEXT
    bent = [*right[:place], data.draw(wrong), *right[place + 1 :]]
    for row in (bent, right[:-1], [*right, None], dict.fromkeys(right), data.draw(ANYTHING)):
        with pytest.raises(MalformedJob):
            decode_deliver(json.dumps({**WRITTEN_CHUNK, "to": [row]}))


@pytest.mark.parametrize("name", sorted(WRITTEN_PLAN))
def test_a_plan_without_one_of_its_fields_is_malformed(name: str) -> None:
    with pytest.raises(MalformedJob):
        decode_fan_out(json.dumps({other: value for other, value in WRITTEN_PLAN.items() if other != name}))


@pytest.mark.parametrize("name", sorted(WRITTEN_CHUNK))
def test_a_chunk_without_one_of_its_fields_is_malformed(name: str) -> None:
    with pytest.raises(MalformedJob):
        decode_deliver(json.dumps({other: value for other, value in WRITTEN_CHUNK.items() if other != name}))


@pytest.mark.parametrize("key", ["p", "!!!!", "é", "AA AA", "A" * 5])
def test_keys_that_are_no_base64url_make_a_job_malformed(key: str) -> None:
    [right] = WRITTEN_CHUNK["to"]
    for place in (2, 3):
        with pytest.raises(MalformedJob):
            decode_deliver(json.dumps({**WRITTEN_CHUNK, "to": [[*right[:place], key, *right[place + 1 :]]]}))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        "2",
        '"x"',
        "[" * 100_000,
        '{"v":' * 100_000,
        '{"v":2,"app":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"v":2,"part":' + "9" * 5_000 + "}",
        json.dumps({**WRITTEN_PLAN, **WRITTEN_CHUNK, "v": VERSION - 1}),
        json.dumps({**WRITTEN_PLAN, **WRITTEN_CHUNK, "v": VERSION + 1}),
        json.dumps({**WRITTEN_PLAN, **WRITTEN_CHUNK, "v": str(VERSION)}),
    ],
    ids=lambda body: re.sub(r"(.)\1{9,}", r"\1...", body)[:20],
)
def test_what_is_no_job_of_ours_is_malformed(body: str) -> None:
    refuse(body)


@given(body=st.text(max_size=40) | ANYTHING.map(json.dumps))
def test_whatever_arrives_that_is_no_job_is_malformed(body: str) -> None:
    refuse(body)
