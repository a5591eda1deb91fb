"""Receipts at a customer's own server: what became of notifications, signed as both parties know it."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

import pytest
import standardwebhooks

from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Receiver, Simulator
from tests.keymaster import Gym

pytestmark = pytest.mark.usefixtures("deployed")
PATIENCE = 60
"""Seconds that the workers of three queues may need to wake up one after the other."""


def arrived(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """The requests that the customer's server was sent, so many at least."""
    deadline = time.monotonic() + PATIENCE
    while len(receiver.arrived()) < count and time.monotonic() < deadline:
        time.sleep(0.5)
    return receiver.arrived(count)


@pytest.mark.row("KM-25", "KM-21", "KM-26")
def test_the_app_is_told_what_became_of_each_notification_and_by_whom(
    customer: Customer, api: DeployedApi, simulator: Simulator
) -> None:
    receiver = simulator.receiver()
    gym = Gym.opened(customer, webhook_url=receiver.url)
    secret = gym.admin().config()["webhook_secret"]
    reached, gone = (simulator.user_agent("mozilla", customer.vapid_public_key) for _ in range(2))
    devices = {name: gym.user(name).registered(agent.subscription) for name, agent in (("u-1", reached), ("u-2", gone))}
    expect(200, gym.admin().call("PUT", f"/apps/{gym.id}/users/u-3"))
    gone.delete()
    people = ["u-3", "u-1", "u-2"]
    ids = dict(zip(people, expect(200, gym.server().bulk(people))["notification_ids"], strict=True))

    delivered = arrived(receiver, 3)
    assert len(delivered) == 3
    [message] = reached.messages(1)
    data = message["json"]["notification"]["data"]
    click = {"e": "clicked", "id": data["id"], "k": data["k"], "t": int(time.time())}
    expect(202, api.call("POST", f"/sdk/v1/{customer.app}/events", [click, click], {"Origin": SITE}))

    receipts: dict[tuple[str, str], dict[str, Any]] = {}
    for one in arrived(receiver, 4):
        body, headers = one["body"], one["headers"]
        receipt = json.loads(body)
        assert headers["x-keymaster-event"] == receipt["event"]
        signature = hmac.new(secret.encode(), body.encode(), sha256).hexdigest()
        assert headers["x-keymaster-signature"] == f"sha256={signature}"
        assert headers["x-keymaster-timestamp"] == headers["webhook-timestamp"]
        assert headers["x-keymaster-delivery"]
        standardwebhooks.Webhook(secret).verify(body, headers)
        assert receipt["app_id"] == gym.id
        receipts[receipt["event"], receipt["data"]["user_id"]] = receipt["data"]
    assert len(receiver.arrived()) == len(receipts)
    of_one = {"notification_id": ids["u-1"], "user_id": "u-1", "device_id": devices["u-1"], "platform": "web"}
    no_device = {"notification_id": ids["u-3"], "user_id": "u-3", "device_id": None, "platform": None}
    of_two = {"notification_id": ids["u-2"], "user_id": "u-2", "device_id": devices["u-2"], "platform": "web"}
    reason = receipts["push.failed", "u-2"].pop("reason")
    assert reason
    assert receipts == {
        ("push.failed", "u-3"): no_device | {"reason": "no_devices"},
        ("push.delivered", "u-1"): of_one,
        ("push.clicked", "u-1"): of_one,
        ("push.failed", "u-2"): of_two,
    }


@pytest.mark.row("KM-8")
def test_after_a_new_secret_both_sign_for_a_day(customer: Customer, simulator: Simulator) -> None:
    receiver = simulator.receiver()
    gym = Gym.opened(customer, webhook_url=receiver.url)
    old = gym.admin().config()["webhook_secret"]
    new = expect(200, gym.admin().configure(regenerate_webhook_secret=True))["webhook_secret"]
    expect(200, gym.admin().call("PUT", f"/apps/{gym.id}/users/u-1"))
    expect(200, gym.server().send("u-1"))
    [receipt] = arrived(receiver, 1)
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(receipt["body"], receipt["headers"])
