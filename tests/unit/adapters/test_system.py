"""The real clock, real chance and stored secrets."""

import time

import boto3
from moto import mock_aws

from tocsin.adapters.secrets_manager import read_secret
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.domain.api_key import BASE62
from tocsin.domain.ids import ID_BYTES


def test_the_clock_tells_unix_seconds_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0.02)
    assert clock.now() - before >= 0.019
    assert abs(before - time.time()) < 60


def test_chance_is_from_0_to_below_1_and_differs() -> None:
    chances = {SystemRandomness().chance() for _ in range(200)}
    assert all(0 <= chance < 1 for chance in chances)
    assert len(chances) > 190
    assert max(chances) - min(chances) > 0.5


def test_ids_are_96_random_bits_in_hex() -> None:
    ids = {SystemRandomness().new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(bytes.fromhex(one)) == ID_BYTES for one in ids)


def test_every_letter_and_digit_occurs() -> None:
    text = SystemRandomness().base62(5000)
    assert len(text) == 5000
    assert set(text) == set(BASE62)


@mock_aws
def test_a_secret_is_read_by_name_and_by_arn() -> None:
    client = boto3.client("secretsmanager", "us-east-1")
    arn = client.create_secret(Name="root", SecretString="s3cret")["ARN"]
    assert read_secret(client, "root") == "s3cret"
    assert read_secret(client, arn) == "s3cret"
