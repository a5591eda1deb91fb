"""Callbacks at the deployed template: a customer's server is told who subscribed, and who is so no more."""

import json
import time

import pytest
from standardwebhooks import Webhook

from tests.customer import expect
from tests.integration.bnotify.channel import Channel

CREDENTIAL = "dXNlcjpwYXNz"


@pytest.mark.row("BN-27", "BN-28")
def test_bn_27_the_first_device_and_the_last_one_are_told_with_bnotifys_body_and_basic_header(channel: Channel) -> None:
    receiver = channel.simulator.receiver()
    at, api = channel.customer.at("/webhooks/bnotify"), channel.customer.api
    made = expect(200, api.operator("PUT", at, {"url": receiver.url, "auth": CREDENTIAL}))
    shown = expect(200, api.operator("GET", at))
    assert shown["url"] == receiver.url
    assert not {CREDENTIAL, made["secret"]} & set(map(str, shown.values()))
    phones = [channel.phone(), channel.phone()]
    for phone in phones:
        phone.turn_off()
    told = receiver.arrived(2)
    # Nothing says in which order two callbacks arrive.
    bodies = sorted((json.loads(each["body"]) for each in told), key=lambda body: str(body["type"]))
    assert [body.pop("date") >= time.time() - 60 for body in bodies] == [True, True]
    of = {"channelId": channel.customer.channel, "iuid": "u-17"}
    assert bodies == [
        {"type": "subscription", "message": "Channel subscription.", **of},
        {"type": "unsubcription", "message": "Channel unsubscription.", **of},
    ]
    for each in told:
        assert each["headers"]["authorization"] == f"Basic {CREDENTIAL}"
        Webhook(made["secret"]).verify(each["body"], each["headers"])  # raises where the signature is not right
