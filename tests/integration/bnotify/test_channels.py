"""Channels and their keys at the deployed template: who is let in, what they are told otherwise, and in which order."""

import time

import pytest

from dev.stack import Stack
from tests.customer import BNotifyClient, Customer, expect
from tests.http_api import Answer
from tests.integration.bnotify.channel import Channel
from tests.integration.deployed_api import DeployedApi

UNKNOWN = "0" * 24
ROUTES = [
    ("GET", "/subscriptions/u-17/code"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions/u-17"),
    ("POST", "/notifications/u-17"),
]
NOT_VALID = {"statusCode": 400, "message": "Channel id not valid", "error": "Bad Request"}
NO_KEY = {"statusCode": 401, "message": "Channel api key is no valid.", "error": "Unauthorized"}
NO_CHANNEL = {"statusCode": 404, "message": "Channel not found", "error": "Not Found"}
NO_SUBSCRIPTION = {"statusCode": 404, "message": "Subscription not found", "error": "Not Found"}
THROTTLED = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}


def told(answer: Answer) -> tuple[int, object]:
    return answer.status, answer.json


@pytest.mark.row("BN-1", "BN-2", "BN-28", "X-3")
def test_bn_1_a_channel_has_keys_that_are_shown_once_and_rotated_by_a_second_one(channel: Channel) -> None:
    customer = channel.customer
    first, second, third = (customer.key("secret", dialect="bnotify") for _ in range(3))
    assert first["key"].startswith("bn_")
    assert expect(200, customer.api.operator("GET", customer.at("")))["ids"]["bnotify"] == customer.channel
    listed = expect(200, customer.api.operator("GET", customer.at("/keys")))["keys"]
    assert first["key"] not in str(listed)
    clients = [BNotifyClient(customer.api, made["key"], customer.channel) for made in (first, second)]
    assert [client.subscriptions().status for client in clients] == [200, 200]
    # Before its first use: no function remembers it.
    expect(200, customer.api.operator("DELETE", customer.at(f"/keys/{third['id']}")))
    assert told(BNotifyClient(customer.api, third["key"], customer.channel).subscriptions()) == (401, NO_KEY)
    fresh = BNotifyClient(customer.api, customer.key("secret", dialect="pushservice")["key"], customer.channel)
    assert told(fresh.subscriptions()) == (401, NO_KEY)


@pytest.mark.row("BN-3")
def test_bn_3_both_bases_are_served(channel: Channel) -> None:
    channel.phone()
    for base in ("/api", ""):
        server = BNotifyClient(channel.customer.api, channel.server.key, channel.customer.channel, base)
        answers = [server.code("u-17"), server.subscriptions(), server.subscription("u-17"), server.notify("u-17")]
        assert [answer.status for answer in answers] == [200] * 4


@pytest.mark.row("BN-23", "BN-24", "BN-25", "BN-2")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_bn_24_each_refusal_has_the_documents_body_and_its_place_in_the_order(
    channel: Channel, api: DeployedApi, method: str, path: str
) -> None:
    stranger = Customer.sign_up(api, credits=0).bnotify()
    nobody = BNotifyClient(api, "", "not-an-id")
    assert told(nobody.call(method, path, b"not JSON")) == (400, NOT_VALID)
    for key in ("", "bn_wrong", stranger.key):
        intruder = BNotifyClient(api, key, channel.customer.channel)
        assert told(intruder.call(method, path, b"not JSON")) == (401, NO_KEY)
    nowhere = BNotifyClient(api, channel.server.key, UNKNOWN)
    assert told(nowhere.call(method, path, b"not JSON")) == (404, NO_CHANNEL)
    if method == "POST":
        assert told(channel.server.call(method, path, b"not JSON")) == (404, NO_SUBSCRIPTION)


@pytest.mark.row("BN-11", "BN-15", "BN-21", "BN-26")
@pytest.mark.parametrize(
    ("route", "name", "most"), list(zip(ROUTES, ["code", "list", "detail", "send"], [200, 200, 200, 600], strict=True))
)
def test_bn_26_the_last_request_of_a_minute_is_taken_and_the_next_one_refused_without_an_error_member(
    channel: Channel, deployed: Stack, route: tuple[str, str], name: str, most: int
) -> None:
    nowhere = BNotifyClient(channel.customer.api, channel.server.key, UNKNOWN)
    assert nowhere.call(*route, {}).status == 404
    database = deployed.aws("dynamodb")
    [table] = [each for each in database.list_tables()["TableNames"] if "Credits" in each]
    # A window of others, whose clocks are ahead: it does not end while this test runs.
    window = {"w": {"N": str(int(time.time()) // 60 * 60 + 3600)}, "n": {"N": str(most - 1)}}
    subject = {"pk": {"S": f"RATE#key.{channel.server.key[3:11]}.{name}"}, "sk": {"S": "WINDOW"}}
    assert "Item" in database.get_item(TableName=table, Key=subject)
    database.put_item(TableName=table, Item=subject | window)
    assert nowhere.call(*route, {}).status == 404
    refused = nowhere.call(*route, {})
    assert told(refused) == (429, THROTTLED)
    assert int(refused.headers["retry-after"]) > 0
    assert {nowhere.call(*other, {}).status for other in ROUTES if other != route} == {404}


@pytest.mark.row("BN-10")
@pytest.mark.parametrize("iuid", ["a b+c", "Zoë@shop.example", "日本#?&", "x" * 256])
def test_bn_10_an_iuid_is_taken_as_it_is(channel: Channel, iuid: str) -> None:
    phone = channel.phone(iuid)
    assert [one["iuid"] for one in expect(200, channel.server.subscriptions())] == [iuid]
    assert expect(200, channel.server.subscription(iuid))["iuid"] == iuid
    expect(200, channel.server.notify(iuid))
    assert len(phone.agent.messages(1)) == 1
    too_long = channel.server.subscription("x" * 257)
    assert too_long.json["message"] == "iuid must be shorter than or equal to 256 characters"
