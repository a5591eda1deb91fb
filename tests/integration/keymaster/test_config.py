"""GET and PATCH /push/config/{app_id} at the deployed API."""

import pytest

from tests.customer import Customer, expect
from tests.keymaster import Gym

pytestmark = pytest.mark.usefixtures("deployed")

HOOK = "https://yourapp.example.com/hooks/push-receipts"


@pytest.mark.row("KM-5", "KM-6", "KM-7", "KM-9")
def test_push_is_configured_from_nothing(customer: Customer) -> None:
    gym = Gym.of(customer)
    admin = gym.admin()
    nothing = {"enabled": False, "webhook_url": None, "webhook_secret": None, "daily_quota": None}
    assert admin.config() == nothing | {"device_count": 0, "notifications_today": 0}
    first = expect(200, admin.configure(enabled=True))
    secret = first.pop("webhook_secret")
    assert first == {"enabled": True, "webhook_url": None, "daily_quota": 10_000}
    assert secret.startswith("whsec_")
    changed = {"enabled": True, "webhook_url": HOOK, "webhook_secret": secret, "daily_quota": 5}
    assert expect(200, admin.configure(webhook_url=HOOK, daily_quota=5)) == changed
    assert admin.config() == changed | {"device_count": 0, "notifications_today": 0}
    assert expect(200, admin.configure(webhook_url=None))["webhook_url"] is None


@pytest.mark.row("KM-5")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"webhook_url": "http://yourapp.example.com/"}, "webhook_url must look like https://"),
        ({"webhook_url": "https://169.254.169.254/latest"}, "webhook_url must name a host"),
        ({"webhook_url": "https://localhost/"}, "webhook_url must name a host"),
        ({"daily_quota": -1}, "daily_quota must be greater than or equal to 0"),
        ({"daily_quota": None}, "daily_quota must not be null"),
        ({"enabled": "yes"}, "enabled must be a boolean"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(gym: Gym, change: dict[str, object], told: str) -> None:
    before = gym.admin().config()
    assert expect(400, gym.admin().configure(**{"enabled": False, "daily_quota": 7} | change))["detail"].startswith(
        told
    )
    assert gym.admin().config() == before


@pytest.mark.row("KM-8")
def test_the_secret_stays_until_it_is_regenerated(gym: Gym) -> None:
    admin = gym.admin()
    secret = admin.config()["webhook_secret"]
    for change in ({"enabled": False}, {"enabled": True}, {"webhook_url": HOOK}, {"daily_quota": 3}):
        assert expect(200, admin.configure(**change))["webhook_secret"] == secret
    regenerated = expect(200, admin.configure(regenerate_webhook_secret=True))["webhook_secret"]
    assert regenerated.startswith("whsec_")
    assert regenerated != secret
    assert admin.config()["webhook_secret"] == regenerated


@pytest.mark.row("KM-9", "KM-10", "KM-24")
def test_notifications_count_by_person_and_those_beyond_the_days_quota_are_all_refused(customer: Customer) -> None:
    gym = Gym.opened(customer, daily_quota=3)
    for _device in range(2):
        gym.user("u-1").registered()
    gym.user("u-2").registered()
    server, admin = gym.server(), gym.admin()
    assert admin.config()["device_count"] == 3
    expect(200, server.send("u-1"))
    assert admin.config()["notifications_today"] == 1
    answer = server.batch(*({"user_id": "u-1", "title": title} for title in "abc"))
    assert expect(429, answer) == {"detail": "Daily quota exceeded"}
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    expect(200, server.bulk(["u-1", "u-2", "u-1"]))
    assert admin.config()["notifications_today"] == 3
    assert expect(429, server.send("u-2")) == {"detail": "Daily quota exceeded"}


@pytest.mark.row("KM-5")
def test_a_quota_of_zero_blocks_all(customer: Customer) -> None:
    gym = Gym.opened(customer, daily_quota=0)
    gym.user("u-1").registered()
    assert expect(429, gym.server().send("u-1")) == {"detail": "Daily quota exceeded"}
