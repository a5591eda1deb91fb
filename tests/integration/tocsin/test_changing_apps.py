"""Changing an app at the deployed template: what it may send, who may call for it, and when that takes effect."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import SITE, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator

SHOP = {"name": "Shop", "site_url": f"{SITE}/", "contact": "mailto:push@tocsin.dev"}


def change(customer: Customer, **settings: object) -> dict[str, Any]:
    """The app after a change."""
    changed: dict[str, Any] = expect(200, customer.api.operator("PATCH", customer.at(""), settings))
    return changed


def config(customer: Customer, origin: str) -> Answer:
    """What a page of this origin is told."""
    return customer.api.call("GET", f"/sdk/v1/{customer.app}/config", headers={"Origin": origin})


def within_a_minute(done: Callable[[], bool], since: float) -> None:
    """Wait for what containers may not know yet."""
    while not done():
        assert time.monotonic() - since < 60
        time.sleep(0.5)


@pytest.mark.row("X-10")
def test_x_10_settings_are_changed_one_by_one_or_together_and_read_back(customer: Customer) -> None:
    before = expect(200, customer.api.operator("GET", customer.at("")))
    wanted = {
        "name": "Store",
        "site_url": "https://store.example/home",
        "origins": ["https://store.example", "https://*.store.example", "http://localhost:8787"],
        "contact": "https://tocsin.dev/contact",
        "identity": "required",
        "icon": "https://store.example/icon.png",
    }
    changed = change(customer, **wanted, plan="starter", dialects={"cloudsignal": False})
    assert changed == before | wanted | {
        "plan": "starter",
        "limits": {"hourly": 100, "daily": 1000, "monthly": None},
        "dialects": before["dialects"] | {"cloudsignal": False},
    }
    own = {"hourly": None, "daily": 5, "monthly": 50}
    assert change(customer, icon=None, limits=own) == changed | {"icon": None, "plan": None, "limits": own}
    assert change(customer) == expect(200, customer.api.operator("GET", customer.at("")))
    [listed] = expect(200, customer.api.operator("GET", f"/admin/tenants/{customer.tenant}/apps"))["apps"]
    assert listed["icon"] is None


@pytest.mark.row("X-1", "X-7", "CS-4", "CS-5")
def test_x_1_a_change_takes_effect_everywhere_within_a_minute(customer: Customer) -> None:
    store = "https://store.example"
    pushservice, cloudsignal = customer.client(), customer.cloudsignal()
    # From now on containers remember the app as it is.
    assert pushservice.unsubscribe("nobody@example.com").status == 200
    assert cloudsignal.call("GET", "/quota").status == 200
    assert expect(200, cloudsignal.call("GET", "/service"))["notifications_enabled"]
    assert (config(customer, SITE).status, config(customer, store).status) == (200, 403)

    change(customer, origins=[store], dialects={"pushservice": False, "cloudsignal": False})

    at = time.monotonic()
    within_a_minute(lambda: pushservice.unsubscribe("nobody@example.com").status != 200, at)
    within_a_minute(lambda: cloudsignal.call("GET", "/quota").status != 200, at)
    within_a_minute(lambda: config(customer, store).status == 200, at)
    within_a_minute(lambda: not cloudsignal.call("GET", "/service").json["notifications_enabled"], at)
    refused = pushservice.unsubscribe("nobody@example.com")
    assert (refused.status, refused.headers["x-error-code"]) == (401, "APP_DISABLED")
    disabled = cloudsignal.call("GET", "/quota")
    assert (disabled.status, disabled.json) == (403, {"detail": "Push notifications are not enabled"})
    assert disabled.headers["x-error-code"] == "FORBIDDEN"
    assert config(customer, SITE).status == 403


@pytest.mark.row("X-1")
def test_x_1_one_api_is_switched_off_and_the_other_goes_on(api: DeployedApi) -> None:
    customer = Customer.sign_up(api)
    change(customer, dialects={"pushservice": False})
    assert customer.client().send().status == 401
    assert customer.cloudsignal().call("GET", "/quota").status == 200
    other = Customer.sign_up(api)
    change(other, dialects={"cloudsignal": False})
    assert other.client().unsubscribe().status == 200
    assert other.cloudsignal().call("GET", "/clients").status == 403
    change(other, dialects={"cloudsignal": True})
    fresh = other.cloudsignal()  # no container remembers this key
    assert fresh.call("GET", "/clients").status == 200


@pytest.mark.row("CS-5", "X-7")
def test_cs_5_all_subdomains_of_a_domain_may_register_and_nobody_else(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, origins=["https://*.shop.example"])
    page = customer.cloudsignal("publishable")

    def register(origin: str) -> int:
        body = {"subscription": simulator.user_agent().subscription}
        return page.call("POST", "/clients/register", body, {"Origin": origin}).status

    for inside in ("https://www.shop.example", "https://a.b.shop.example"):
        assert register(inside) == 201
    for outside in (
        "https://shop.example",
        "http://www.shop.example",
        "https://www.shop.example:8443",
        "https://evilshop.example",
        "https://www.shop.example.evil.example",
        "null",
    ):
        assert register(outside) == 403
    assert expect(200, customer.cloudsignal().call("GET", "/clients"))["total"] == 2


@pytest.mark.row("CS-25")
@pytest.mark.parametrize(
    ("asked", "plan", "hourly", "daily"),
    [
        ({}, "scale", 10_000, 100_000),
        ({"plan": "starter"}, "starter", 100, 1_000),
        ({"plan": "professional"}, "professional", 1_000, 10_000),
        ({"plan": "unlimited"}, "unlimited", None, None),
        ({"limits": {"hourly": 3, "daily": None}}, None, 3, None),
        ({"limits": {"hourly": 100, "daily": 1_000}}, "starter", 100, 1_000),
    ],
)
def test_cs_25_an_app_is_made_on_a_plan_or_with_limits_of_its_own(
    api: DeployedApi, asked: dict[str, Any], plan: str | None, hourly: int | None, daily: int | None
) -> None:
    customer = Customer.sign_up(api, **asked)
    made = expect(200, api.operator("GET", customer.at("")))
    assert (made["plan"], made["limits"]) == (plan, {"hourly": hourly, "daily": daily, "monthly": None})
    told = expect(200, customer.cloudsignal().call("GET", "/quota"))
    assert (told["hourly_limit"], told["daily_limit"]) == (hourly, daily)


@pytest.mark.row("CS-24", "CS-26", "X-10")
def test_the_operator_sees_what_was_used_of_the_hour_the_day_and_the_month(
    customer: Customer, simulator: Simulator
) -> None:
    change(customer, limits={"hourly": 2, "daily": None, "monthly": 9})
    client = customer.client()
    for number in range(3):
        expect(201, client.subscribe(simulator.user_agent().subscription, f"r{number}@example.com"))
    sender = customer.cloudsignal()
    assert sender.send(target_user_emails=["r0@example.com", "r1@example.com"]).status == 200
    refused = sender.send(target_user_emails=["r2@example.com"])
    assert (refused.status, refused.headers["x-error-code"]) == (429, "QUOTA_EXCEEDED")
    quota = expect(200, customer.api.operator("GET", customer.at("/quota")))
    assert (quota["hourly"]["limit"], quota["hourly"]["used"]) == (2, 2)
    assert (quota["daily"]["limit"], quota["daily"]["used"]) == (None, 2)
    assert (quota["monthly"]["limit"], quota["monthly"]["used"]) == (9, 2)
    assert quota["hourly"]["resets_at"].endswith(":00:00Z")
    assert quota["daily"]["resets_at"].endswith("T00:00:00Z")
    assert quota["monthly"]["resets_at"].endswith("-01T00:00:00Z")


def test_an_app_that_does_not_exist_cannot_be_changed(api: DeployedApi) -> None:
    error = expect(404, api.operator("PATCH", "/admin/apps/app_aaaaaaaaaaaaaaaaaaaa", {"name": "x"}))["error"]
    assert error["code"] == "not_found"


def test_a_plan_and_limits_together_are_refused_wherever_they_are_asked_for(customer: Customer) -> None:
    both = {"plan": "starter", "limits": {"hourly": 1, "daily": 1}}
    for method, path, body in (
        ("PATCH", customer.at(""), both),
        ("POST", f"/admin/tenants/{customer.tenant}/apps", SHOP | both),
    ):
        assert expect(400, customer.api.operator(method, path, body))["error"]["field"] == "limits"
