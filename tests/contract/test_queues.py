"""Queues as both emulators play them: batches, their limits, and the groups that make standard queues fair."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.contract.emulator import running_ministack
from tests.contract.records import APP, TENANT, send
from tocsin.adapters.sqs import SqsJobs
from tocsin.application.jobs import MESSAGE_LIMIT, DeliverChunk, Lane, Route, decode_deliver, encode_deliver
from tocsin.domain.ids import TenantId

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

OTHER_TENANT = TenantId("d0" * 12)


@pytest.fixture(scope="module", params=["moto", "ministack"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SQSClient]":
    if request.param == "moto":
        with mock_aws():
            yield boto3.client("sqs", "us-east-1")
        return
    with running_ministack(tmp_path_factory.mktemp("ministack")) as url:
        sqs = boto3.client(
            "sqs", "us-east-1", endpoint_url=url, aws_access_key_id="000000000000", aws_secret_access_key="x"
        )
        yield sqs
        sqs.close()


def waiting(client: "SQSClient", queue: str) -> "list[MessageTypeDef]":
    found: list[MessageTypeDef] = []
    while messages := client.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages"):
        found += messages
    return found


def job(number: int, tenant: TenantId, digest: str = "ff") -> DeliverChunk:
    return DeliverChunk(APP, send().id, number, digest, Route(tenant, Lane.DIRECT))


def test_messages_of_a_standard_queue_are_grouped_by_tenant(client: "SQSClient") -> None:
    queue = client.create_queue(QueueName="grouped")["QueueUrl"]
    several = [job(number, OTHER_TENANT if number % 3 else TENANT) for number in range(12)]
    SqsJobs(client, {}, dict.fromkeys(Lane, queue)).deliver(several)
    found = {decode_deliver(one["Body"]).number: one["Attributes"]["MessageGroupId"] for one in waiting(client, queue)}
    assert found == {each.number: each.route.tenant for each in several}


def test_a_batch_carries_a_mebibyte_and_one_group_is_no_first_in_first_out(client: "SQSClient") -> None:
    queue = client.create_queue(QueueName="large")["QueueUrl"]
    empty = len(encode_deliver(job(0, TENANT, "")))
    several = [job(number, TENANT, "f" * (MESSAGE_LIMIT // 2 - empty)) for number in range(3)]
    SqsJobs(client, {}, dict.fromkeys(Lane, queue)).deliver(several)
    # None waits for another one of its group to be dealt with, as it would in a FIFO queue.
    assert sorted(decode_deliver(one["Body"]).number for one in waiting(client, queue)) == [0, 1, 2]
