"""The DeadLetters port, in memory and on SQS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.memory.dead_letters import MemoryDeadLetters
from tests.memory.system import VirtualClock
from tocsin.adapters import dead_letters
from tocsin.adapters.dead_letters import Place, SqsDeadLetters
from tocsin.application.ports import DeadLetters, Queue


@dataclass(frozen=True, slots=True)
class Twin:
    """One adapter, and what SQS does around it."""

    letters: DeadLetters
    give_up: Callable[[Queue, str, str], None]
    requeued: Callable[[Queue], list[tuple[str, str | None]]]


class MakesTwin(Protocol):
    """Makes one for a test."""

    def __call__(self) -> Twin: ...


def in_memory() -> Twin:
    twin = MemoryDeadLetters(VirtualClock())
    return Twin(twin, twin.add, lambda queue: [(one.body, one.group) for one in twin.requeued[queue]])


def on_sqs() -> Twin:
    client = boto3.client("sqs", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    places = {
        queue: Place(
            client.create_queue(QueueName=queue)["QueueUrl"], client.create_queue(QueueName=f"{queue}-dead")["QueueUrl"]
        )
        for queue in Queue
    }

    def give_up(queue: Queue, body: str, group: str) -> None:
        client.send_message(QueueUrl=places[queue].letters, MessageBody=body, MessageGroupId=group)

    def requeued(queue: Queue) -> list[tuple[str, str | None]]:
        reply = client.receive_message(
            QueueUrl=places[queue].queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [(one["Body"], one["Attributes"].get("MessageGroupId")) for one in reply.get("Messages", [])]

    return Twin(SqsDeadLetters(client, places), give_up, requeued)


@pytest.fixture(params=[in_memory, on_sqs], ids=["memory", "sqs"])
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    make: MakesTwin = request.param
    monkeypatch.setattr(dead_letters, "LONG_POLL", 0)
    with mock_aws():
        yield make()


def test_a_message_is_told_with_its_group_and_how_often_it_was_handed_out(twin: Twin) -> None:
    twin.give_up(Queue.DELIVER, "body", "tenant")
    [first] = twin.letters.take(Queue.DELIVER, 0)
    [again] = twin.letters.take(Queue.DELIVER, 60)
    assert (again.id, again.body, again.group) == (first.id, "body", "tenant")
    assert again.received == first.received + 1
    assert again.queued_at == first.queued_at > 1_700_000_000


def test_what_was_taken_is_nobody_elses_until_it_is_released(twin: Twin) -> None:
    for number in range(12):
        twin.give_up(Queue.DELIVER, str(number), "tenant")
    taken = [*twin.letters.take(Queue.DELIVER, 60), *twin.letters.take(Queue.DELIVER, 60)]
    assert sorted(int(one.body) for one in taken) == list(range(12))
    assert list(twin.letters.take(Queue.DELIVER, 60)) == []
    assert twin.letters.waiting(Queue.DELIVER) == 12
    twin.letters.release(Queue.DELIVER, taken)
    assert len(twin.letters.take(Queue.DELIVER, 60)) == 10


@pytest.mark.parametrize("queue", Queue)
def test_a_message_goes_back_into_its_own_queue_and_is_gone_here(twin: Twin, queue: Queue) -> None:
    for one in Queue:
        twin.give_up(one, f"of {one}", f"tenant of {one}")
    [letter] = twin.letters.take(queue, 0)
    twin.letters.requeue(queue, letter)
    assert twin.requeued(queue) == [(f"of {queue}", f"tenant of {queue}")]
    assert {one: twin.letters.waiting(one) for one in Queue} == {one: int(one is not queue) for one in Queue}
    assert list(twin.letters.take(queue, 0)) == []


@mock_aws
def test_what_does_not_reach_its_queue_stays() -> None:
    client = boto3.client("sqs", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    client.send_message(QueueUrl=dead, MessageBody="body", MessageGroupId="tenant")
    letters = SqsDeadLetters(client, {Queue.DELIVER: Place(f"{dead}-not-there", dead)})
    [letter] = letters.take(Queue.DELIVER, 0)
    with pytest.raises(ClientError):
        letters.requeue(Queue.DELIVER, letter)
    assert letters.waiting(Queue.DELIVER) == 1
