"""Configuring push: what the first enabling makes, and what later changes keep."""

import pytest

from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.keymaster import Gym
from tocsin.application.ports import Unavailable
from tocsin.domain.quota import LIMITS_OF, Plan

HOOK = "https://yourapp.example.com/hooks"


@pytest.mark.row("KM-7")
def test_a_new_app_has_push_off_until_it_is_enabled(customer: Customer) -> None:
    shown = expect(200, customer.api.operator("GET", customer.at("")))
    off = {name for name, on in shown["dialects"].items() if not on}
    assert off == {"keymaster"}
    expect(200, Gym.of(customer).admin().configure(enabled=True))
    assert expect(200, customer.api.operator("GET", customer.at("")))["dialects"]["keymaster"] is True


@pytest.mark.row("KM-7")
def test_before_push_is_first_enabled_there_is_no_secret_whatever_else_is_set(customer: Customer) -> None:
    admin = Gym.of(customer).admin()
    assert expect(200, admin.configure(webhook_url=HOOK, daily_quota=7)) == {
        "enabled": False,
        "webhook_url": HOOK,
        "webhook_secret": None,
        "daily_quota": 7,
    }
    refused = expect(400, admin.configure(regenerate_webhook_secret=True))
    assert refused["detail"].startswith("regenerate_webhook_secret needs a secret")
    first = expect(200, admin.configure(enabled=True))
    assert first["webhook_secret"].startswith("whsec_")
    assert (first["webhook_url"], first["daily_quota"]) == (HOOK, 7)


@pytest.mark.row("KM-8")
def test_the_secret_outlives_being_switched_off_by_whomever(gym: Gym, customer: Customer) -> None:
    secret = gym.admin().config()["webhook_secret"]
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"keymaster": False}}))
    shown = gym.admin().config()
    assert (shown["enabled"], shown["webhook_secret"]) == (False, secret)
    assert expect(200, gym.admin().configure(enabled=True))["webhook_secret"] == secret


def test_whom_the_operator_switched_on_gets_a_secret_by_enabling_once_more(customer: Customer) -> None:
    gym = Gym.of(customer)
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"keymaster": True}}))
    assert gym.admin().config()["webhook_secret"] is None
    assert expect(200, gym.admin().configure(enabled=True))["webhook_secret"].startswith("whsec_")


@pytest.mark.row("KM-5")
@pytest.mark.parametrize(
    ("settings", "quota"),
    [
        ({}, 10_000),
        ({"plan": "unlimited"}, 10_000),
        ({"plan": "starter"}, 1_000),
        ({"limits": {"hourly": None, "daily": 70, "monthly": 900}}, 70),
    ],
)
def test_the_first_enabling_sets_a_quota_where_nobody_chose_one(
    engine: MemoryEngine, settings: dict[str, object], quota: int
) -> None:
    assert engine.default_limits == LIMITS_OF[Plan.SCALE]
    admin = Gym.of(Customer.sign_up(HttpApi(engine), **settings)).admin()  # type: ignore[arg-type]
    assert expect(200, admin.configure(enabled=True))["daily_quota"] == quota
    assert expect(200, admin.configure(enabled=False, daily_quota=0))["daily_quota"] == 0
    assert expect(200, admin.configure(enabled=True))["daily_quota"] == 0


def test_other_limits_stay_when_the_daily_one_changes(customer: Customer, gym: Gym) -> None:
    limits = {"hourly": 5, "daily": 6, "monthly": 7}
    expect(200, customer.api.operator("PATCH", customer.at(""), {"limits": limits}))
    expect(200, gym.admin().configure(daily_quota=3))
    shown = expect(200, customer.api.operator("GET", customer.at("")))
    assert shown["limits"] == limits | {"daily": 3}


@pytest.mark.row("KM-5")
def test_an_empty_change_changes_nothing_and_leaves_no_trace(customer: Customer, gym: Gym) -> None:
    def audit() -> int:
        return len(expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"])

    before, entries = gym.admin().config(), audit()
    told = expect(200, gym.admin().configure())
    assert told == {name: before[name] for name in told}
    expect(200, gym.admin().configure(webhook_url=None, enabled=True, daily_quota=before["daily_quota"]))
    assert audit() == entries


def test_the_audit_log_names_the_administrator_and_marks_that_it_was_one(customer: Customer, gym: Gym) -> None:
    body = {"type": "admin", "roles": ["platform_admin"], "user_id": "operator"}
    token = expect(201, customer.api.operator("POST", customer.at("/access-tokens"), body))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    expect(200, customer.api.call("PATCH", f"/push/config/{gym.id}", {"daily_quota": 4}, headers))
    entry = expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"][0]
    assert (entry["actor"], entry["action"]) == ("admin operator", "app.changed")
    assert entry["details"]["limits"]["to"]["daily"] == 4


def test_nothing_is_half_changed_by_what_is_refused(customer: Customer) -> None:
    admin = Gym.of(customer).admin()
    expect(400, admin.configure(enabled=True, daily_quota=5, webhook_url="http://yourapp.example.com/"))
    assert admin.config()["enabled"] is False
    assert admin.config()["daily_quota"] is None


@pytest.mark.row("KM-19")
def test_only_names_can_be_enrolled_and_twice_is_once(gym: Gym) -> None:
    admin = gym.admin()
    for _ in range(2):
        assert expect(200, admin.call("PUT", f"/apps/{gym.id}/users/u%2F7")) == {"user_id": "u/7", "enrolled": True}
    expect(200, gym.server().send("u/7"))
    assert expect(400, admin.call("PUT", f"/apps/{gym.id}/users/{'u' * 257}"))["detail"].startswith("user_id must be")
    assert expect(400, admin.call("PUT", f"/apps/{gym.id}/users/%20"))["detail"] == "user_id must not be empty"


@pytest.mark.row("KM-3", "KM-17")
def test_of_an_app_that_one_does_not_administer_one_is_told_no_more_than_of_none(
    gym: Gym, engine: MemoryEngine
) -> None:
    other = Gym.of(Customer.sign_up(HttpApi(engine)))
    for admin in (gym.admin(), gym.admin("tenant_admin")):
        for app in (other.id, "00000000-0000-4000-8000-000000000000", other.id[:-1], "x"):
            for answer in (
                admin.call("GET", f"/config/{app}"),
                admin.call("PATCH", f"/config/{app}", {"enabled": True}),
                admin.call("GET", f"/devices/{app}"),
                admin.call("PUT", f"/apps/{app}/users/u-1"),
            ):
                assert expect(404, answer) == {"detail": "App not found"}
    expect(200, gym.admin("platform_admin").call("GET", f"/config/{other.id}"))


def test_only_the_first_enabling_sets_a_quota(gym: Gym, customer: Customer) -> None:
    expect(200, customer.api.operator("PATCH", customer.at(""), {"plan": "unlimited"}))
    for change in ({}, {"enabled": True}, {"webhook_url": HOOK}):
        assert expect(200, gym.admin().configure(**change))["daily_quota"] is None


@pytest.mark.row("KM-5", "KM-7")
def test_a_first_enabling_that_failed_half_way_is_one_when_it_is_repeated(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Gym.of(Customer.sign_up(HttpApi(engine))).admin()
    change = engine.registry.change_app

    def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.registry, "change_app", away)
        expect(503, admin.configure(enabled=True))
    assert engine.registry.change_app == change
    shown = expect(200, admin.configure(enabled=True))
    assert (shown["daily_quota"], shown["webhook_secret"][:6]) == (10_000, "whsec_")
