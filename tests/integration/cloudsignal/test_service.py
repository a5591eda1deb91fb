"""GET /v2/push/service, and the switch that turns push on and off, at the deployed template."""

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.integration.cloudsignal.shop import PAGE, Shop
from tests.integration.deployed_api import DeployedApi, Simulator

DISABLED = (403, {"detail": "Push notifications are not enabled"}, "FORBIDDEN")


@pytest.mark.row("CS-35", "CS-25")
def test_cs_35_a_service_has_every_member_of_the_document(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, name="My Café & Bar", contact="mailto:admin@tocsin.dev", plan="professional")
    shop = Shop.of(customer, simulator)
    visitors = [shop.visitor() for _ in range(3)]
    visitors[0].agent.delete()
    shop.server.send(target_all=True)
    expect(200, shop.server.call("DELETE", f"/clients/{visitors[1].id}"))

    assert expect(200, shop.server.call("GET", "/service")) == {
        "service_id": customer.app.replace("app_", "svc_"),
        "organization_id": customer.tenant.replace("ten_", "org_"),
        "service_identifier": "my-cafe-bar",
        "service_name": "My Café & Bar",
        "vapid_public_key": customer.vapid_public_key,
        "contact_email": "admin@tocsin.dev",
        "notifications_enabled": True,
        "is_active": True,
        "hourly_notification_limit": 1000,
        "daily_notification_limit": 10000,
        "active_registrations": 1,
        "push_subscribers": 1,
    }


@pytest.mark.row("CS-25", "CS-35")
def test_cs_35_no_limit_is_null_and_so_is_a_contact_that_is_no_address(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, plan="unlimited", contact="https://tocsin.dev/contact")
    service = expect(200, Shop.of(customer, simulator).server.call("GET", "/service"))
    assert service["hourly_notification_limit"] is service["daily_notification_limit"] is None
    assert service["contact_email"] is None
    assert (service["active_registrations"], service["push_subscribers"]) == (0, 0)


@pytest.mark.row("CS-4", "X-1")
def test_cs_4_while_push_is_off_only_the_service_answers_and_says_so(shop: Shop) -> None:
    switch = {"dialects": {"cloudsignal": False}}
    expect(200, shop.customer.api.operator("PATCH", shop.customer.at(""), switch))
    note = {"title": "t", "body": "b"}
    for client, method, path, body in (
        (shop.server, "POST", "/send", note | {"target_all": True}),
        (shop.server, "POST", "/broadcast", note),
        (shop.server, "GET", "/requests/req_aaaaaaaaaaaaaaaaaaaa", None),
        (shop.server, "GET", "/quota", None),
        (shop.server, "GET", "/clients", None),
        (shop.server, "GET", "/clients/reg_aaaaaaaaaaaaaaaaaaaa", None),
        (shop.server, "DELETE", "/clients/reg_aaaaaaaaaaaaaaaaaaaa", None),
        (shop.server, "GET", "/clients/reg_aaaaaaaaaaaaaaaaaaaa/doctor", None),
        (shop.page, "POST", "/clients/register", {"subscription": new_subscription()}),
        (shop.page, "POST", "/clients/heartbeat", {"registration_id": "reg_aaaaaaaaaaaaaaaaaaaa"}),
    ):
        answer = client.call(method, path, body, PAGE if client is shop.page else None)
        assert (answer.status, answer.json, answer.headers["x-error-code"]) == DISABLED, path

    service = expect(200, shop.server.call("GET", "/service"))
    assert (service["notifications_enabled"], service["is_active"], service["active_registrations"]) == (False, True, 0)
    assert shop.customer.client().send().status == 404  # the other dialects go on
