"""What reaches the queues is what a worker reads, in memory as on SQS."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.memory.jobs import Delayed, MemoryJobs
from tocsin.adapters.sqs import SqsJobs
from tocsin.application.jobs import DeliverChunk, FanOut, Recipient, decode_deliver, decode_fan_out
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.webpush.encryption import RecipientKeys

PLAN = FanOut(AppId("a0" * 12), SendId("b0" * 12))
KEYS = RecipientKeys(b"\x04" + bytes(64), bytes(16))
RECIPIENT = Recipient(SubscriptionId("c0" * 12), "https://push.example/1", KEYS, "vapid-1", "bert é")
CHUNK = DeliverChunk(PLAN.app, PLAN.send, 7, "ff" * 32, 1_800_000_000, (RECIPIENT,))


@mock_aws
def test_jobs_arrive_in_their_own_queue_as_they_were_sent() -> None:
    client = boto3.client("sqs", "us-east-1")
    plans = client.create_queue(QueueName="fanout")["QueueUrl"]
    chunks = client.create_queue(QueueName="deliver")["QueueUrl"]
    jobs = SqsJobs(client, plans, chunks)
    jobs.fan_out(PLAN)
    jobs.deliver(CHUNK)

    [plan] = client.receive_message(QueueUrl=plans, MaxNumberOfMessages=10)["Messages"]
    [chunk] = client.receive_message(QueueUrl=chunks, MaxNumberOfMessages=10)["Messages"]
    assert decode_fan_out(plan["Body"]) == PLAN
    assert decode_deliver(chunk["Body"]) == CHUNK


@mock_aws
def test_a_delayed_chunk_is_not_seen_yet() -> None:
    client = boto3.client("sqs", "us-east-1")
    chunks = client.create_queue(QueueName="deliver")["QueueUrl"]
    SqsJobs(client, "unused", chunks).deliver(CHUNK, 900)
    assert "Messages" not in client.receive_message(QueueUrl=chunks)
    counts = client.get_queue_attributes(QueueUrl=chunks, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert counts["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


@mock_aws
def test_a_delay_that_sqs_does_not_take_is_an_error() -> None:
    client = boto3.client("sqs", "us-east-1")
    chunks = client.create_queue(QueueName="deliver")["QueueUrl"]
    with pytest.raises(ClientError):
        SqsJobs(client, "unused", chunks).deliver(CHUNK, 901)


def test_the_queues_in_memory_carry_the_same() -> None:
    jobs = MemoryJobs()
    jobs.fan_out(PLAN)
    jobs.deliver(CHUNK, 900)
    assert jobs.planned == [PLAN]
    assert jobs.delayed == [Delayed(CHUNK, 900)]
    with pytest.raises(ValueError, match="900"):
        jobs.deliver(CHUNK, 901)
