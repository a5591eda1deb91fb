"""GET /v2/push/clients/{registration_id}/doctor at the deployed template: the document's troubleshooting, answered."""

from typing import Any

import pytest

from tests.customer import Customer, expect
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import DeployedApi, Simulator

CHECKS = ["api_enabled", "subscription_active", "permission", "vapid_key", "hourly_quota", "daily_quota"]
CHECKS += ["monthly_quota", "allowed_origins", "expired_share", "payload_size"]


def examined(shop: Shop, id_: str) -> tuple[set[str], dict[str, str]]:
    """The checks that failed, and what is told of each check."""
    report: dict[str, Any] = expect(200, shop.server.call("GET", f"/clients/{id_}/doctor"))
    assert report["registration_id"] == id_
    findings = report["findings"]
    assert [finding["check"] for finding in findings] == CHECKS
    failed = {finding["check"] for finding in findings if not finding["ok"]}
    assert report["ok"] is not bool(failed)
    return failed, {finding["check"]: finding["detail"] for finding in findings}


@pytest.mark.row("CS-38")
def test_cs_38_a_client_that_is_reached_is_well_and_the_payload_limit_is_told(shop: Shop) -> None:
    visitor = shop.visitor(user_email="anna@example.com")
    shop.server.send(target_all=True)
    failed, told = examined(shop, visitor.id)
    assert failed == set()
    assert "3993 bytes" in told["payload_size"]
    assert "9999 of 10000" in told["hourly_quota"]
    assert "https://shop.example" in told["allowed_origins"]
    everything = " ".join(told.values())
    assert visitor.agent.endpoint not in everything
    assert "anna" not in everything


@pytest.mark.row("CS-38")
def test_cs_38_expired_and_unregistered_clients_are_told_why(shop: Shop) -> None:
    gone, left, *_ = (shop.visitor() for _ in range(5))
    gone.agent.delete()
    shop.server.send(target_registration_ids=[gone.id])
    expect(200, shop.server.call("DELETE", f"/clients/{left.id}"))

    failed, told = examined(shop, gone.id)
    assert failed == {"subscription_active", "permission"}
    assert "gone (404 or 410)" in told["subscription_active"]
    assert "took the permission back" in told["permission"]
    assert told["expired_share"].startswith("1 of the app's 5 subscriptions are expired (20%)")
    failed, told = examined(shop, left.id)
    assert failed == {"subscription_active"}
    assert "unregistered with a key of yours" in told["subscription_active"]


@pytest.mark.row("CS-38")
def test_cs_38_who_turned_notifications_off_is_told_of(shop: Shop) -> None:
    visitor = shop.visitor(user_email="anna@example.com")
    assert shop.customer.client().unsubscribe("anna@example.com").json == {"removed": 1}
    assert expect(200, shop.server.call("GET", f"/clients/{visitor.id}"))["status"] == "inactive"
    failed, told = examined(shop, visitor.id)
    assert failed == {"subscription_active", "permission"}
    assert "turned notifications off" in told["subscription_active"]


@pytest.mark.row("CS-38")
def test_cs_38_a_used_quota_and_missing_origins_are_told_and_where_to_go(
    api: DeployedApi, simulator: Simulator
) -> None:
    shop = Shop.of(Customer.sign_up(api, limits={"hourly": 1, "daily": 5, "monthly": 9}), simulator)
    visitor = shop.visitor()
    assert shop.server.send(target_all=True).json["successful_sends"] == 1
    expect(200, api.operator("PATCH", shop.customer.at(""), {"origins": []}))
    failed, told = examined(shop, visitor.id)
    assert failed == {"hourly_quota", "allowed_origins"}
    assert "wait until" in told["hourly_quota"]
    assert "let the operator add" in told["allowed_origins"]
    assert "4 of 5" in told["daily_quota"]
    assert "8 of 9" in told["monthly_quota"]


@pytest.mark.row("CS-38", "CS-5")
def test_cs_38_an_earlier_vapid_key_is_told_and_a_retired_one_is_found(shop: Shop) -> None:
    visitor, operator, at = shop.visitor(), shop.customer.api.operator, shop.customer.at
    [first] = expect(200, operator("GET", at("/vapid-keys")))["vapid_keys"]
    expect(201, operator("POST", at("/vapid-keys"), {}))
    failed, told = examined(shop, visitor.id)
    assert failed == set()
    assert "earlier VAPID key" in told["vapid_key"]
    expect(200, shop.server.call("DELETE", f"/clients/{visitor.id}"))
    expect(200, operator("DELETE", at(f"/vapid-keys/{first['id']}")))
    failed, told = examined(shop, visitor.id)
    assert failed == {"subscription_active", "vapid_key"}
    assert "would still arrive" in told["vapid_key"]
    assert "subscribe anew" in told["vapid_key"]
