"""The document's own examples, as they stand: each request with the answer that it shows."""

import json
import uuid
from typing import Any

import pytest

from tests.customer import expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer
from tests.keymaster import Gym

CONFIG = json.loads('{"enabled": true, "webhook_url": "https://yourapp.com/hooks/push-receipts", "daily_quota": 10000}')
SEND = """{"user_id": "uuid", "title": "Your shift starts in 30 min", "body": "Open GymOps to view details.",
           "data": {"route": "/schedule"}, "ttl": 3600}"""
BULK = """{"user_ids": ["uuid1", "uuid2", "uuid3"], "title": "Gym closes early today", "body": "Closing at 6pm.",
           "data": {}}"""
BATCH = """{"notifications": [
    {"user_id": "uuid1", "title": "Shift approved", "body": "Your request was approved."},
    {"user_id": "uuid2", "title": "Time off denied", "body": "Please contact your manager."}]}"""
USERS = ("uuid", "uuid1", "uuid2", "uuid3")


@pytest.fixture
def enrolled(gym: Gym) -> Gym:
    for name in USERS:
        gym.user(name).registered()
    return gym


def is_id(value: object) -> bool:
    return isinstance(value, str) and str(uuid.UUID(value)) == value and uuid.UUID(value).version == 4


def sent(gym: Gym, path: str, body: str) -> dict[str, Any]:
    told: dict[str, Any] = expect(200, gym.server().call("POST", path, body.encode()))
    return told


@pytest.mark.row("KM-5", "KM-6")
def test_patch_config(gym: Gym) -> None:
    told = expect(200, gym.admin().call("PATCH", f"/config/{gym.id}", CONFIG))
    assert list(told) == ["enabled", "webhook_url", "webhook_secret", "daily_quota"]
    assert told.pop("webhook_secret").startswith("whsec_")
    assert told == CONFIG


@pytest.mark.row("KM-9")
def test_get_config(enrolled: Gym) -> None:
    expect(200, enrolled.admin().call("PATCH", f"/config/{enrolled.id}", CONFIG))
    sent(enrolled, "/send", SEND)
    told = enrolled.admin().config()
    assert told.pop("webhook_secret").startswith("whsec_")
    assert told == CONFIG | {"device_count": 4, "notifications_today": 1}


@pytest.mark.row("KM-11")
def test_get_devices(gym: Gym, engine: MemoryEngine) -> None:
    device = gym.user("uuid").registered("fcm-token-or-web-push-subscription", "ios")
    told = gym.admin().devices()
    seen = "2027-01-15T08:00:31Z"
    assert int(engine.clock.now()) % 60 == 31
    assert told == {
        "devices": [{"device_id": device, "user_id": "uuid", "platform": "ios", "last_seen_at": seen}],
        "total": 1,
        "next_cursor": None,
    }


@pytest.mark.row("KM-12", "KM-16")
@pytest.mark.parametrize("platform", ["web", "ios", "android"])
def test_register_and_remove_a_device(gym: Gym, platform: str) -> None:
    token = json.dumps(new_subscription()) if platform == "web" else "fcm-token-or-web-push-subscription"
    body = {"app_id": gym.id, "platform": platform, "push_token": token}
    told = expect(201, gym.user("uuid").call("POST", "/devices/register", body))
    assert list(told) == ["device_id"]
    assert is_id(told["device_id"])
    removed: Answer = gym.user("uuid").call("DELETE", f"/devices/{told['device_id']}")
    assert expect(200, removed) == {"status": "ok"}


@pytest.mark.row("KM-18")
def test_send(enrolled: Gym, engine: MemoryEngine) -> None:
    told = sent(enrolled, "/send", SEND)
    assert list(told) == ["notification_id"]
    assert is_id(told["notification_id"])
    [stored] = engine.storage.sends.values()
    assert (stored.send.notification.ttl, stored.send.notification.data) == (3600, {"route": "/schedule"})


@pytest.mark.row("KM-22")
def test_send_bulk(enrolled: Gym) -> None:
    told = sent(enrolled, "/send/bulk", BULK)
    assert list(told) == ["notification_ids"]
    assert len({*filter(is_id, told["notification_ids"])}) == 3


@pytest.mark.row("KM-23")
def test_send_batch(enrolled: Gym) -> None:
    told = sent(enrolled, "/send/batch", BATCH)
    assert list(told) == ["notification_ids"]
    assert len({*filter(is_id, told["notification_ids"])}) == 2


@pytest.mark.row("KM-4", "KM-15", "KM-16", "KM-17", "KM-20", "KM-24")
def test_every_line_of_the_table_of_errors(enrolled: Gym, engine: MemoryEngine) -> None:
    gym, server, user, admin = enrolled, enrolled.server(), enrolled.user("uuid"), enrolled.admin()
    unknown = "00000000-0000-4000-8000-000000000000"
    table = [
        (400, "User not enrolled", server.send("nobody")),
        (400, "Data payload too large", server.send("uuid", data={"x": "y" * 4096})),
        (401, "Invalid token", gym.customer.api.call("POST", "/push/send", {})),
        (403, "Missing required scope", user.send("uuid")),
        (403, "Insufficient permissions", user.configure()),
        (404, "App not found", user.register(app_id=unknown)),
        (404, "Device not found", server.call("DELETE", f"/devices/{unknown}")),
    ]
    expect(200, admin.configure(daily_quota=0))
    engine.clock.advance(31)
    table.append((429, "Daily quota exceeded", server.send("uuid")))
    expect(200, admin.configure(enabled=False))
    engine.clock.advance(31)
    table.append((403, "Push not enabled", user.register()))
    assert [(answer.status, answer.json) for _, _, answer in table] == [
        (status, {"detail": detail}) for status, detail, _ in table
    ]
