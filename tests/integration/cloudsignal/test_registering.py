"""What pages call with a publishable key: register and heartbeat, at the deployed template."""

import hmac
import time
from hashlib import sha256

import pytest

from tests.customer import SITE, Customer, expect, new_subscription
from tests.integration.cloudsignal.shop import PAGE, Shop
from tests.integration.deployed_api import DeployedApi, Simulator

CHROME = {
    "Sec-CH-UA": '"Not_A Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"',
    "Sec-CH-UA-Mobile": "?0",
    "Sec-CH-UA-Platform": '"Windows"',
}
FIREFOX = {"User-Agent": "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"}


@pytest.mark.row("CS-34", "CS-33")
def test_cs_34_a_page_registers_its_browser_which_is_then_sent_to(shop: Shop) -> None:
    assert shop.page.key.startswith("pk_")
    agent = shop.simulator.user_agent("fcm", shop.customer.vapid_public_key)
    body = {"subscription": agent.subscription, "user_email": "anna@example.com", "user_id": "u-17"}
    first, again = (shop.page.call("POST", "/clients/register", body, PAGE) for _ in range(2))
    made = expect(201, first)
    assert expect(201, again)["registration_id"] == made["registration_id"]
    assert (made["status"], made["is_active"], made["is_online"], made["is_installed"]) == ("active", True, True, False)
    assert first.headers["access-control-allow-origin"] == SITE
    assert not {"user_email", "user_id"} & made.keys()  # whoever sits there now may be another person

    for target in (
        {"target_registration_ids": [made["registration_id"]]},
        {"target_user_emails": [" ANNA@example.com"]},
        {"target_user_ids": ["u-17"]},
        {"target_all": True},
    ):
        sent = expect(200, shop.server.send(**target))
        assert (sent["total_targets"], sent["successful_sends"]) == (1, 1)
    assert len(agent.messages(4)) == 4


@pytest.mark.row("X-2")
def test_x_2_a_person_named_by_the_sdk_is_reached_by_user_id_and_one_registered_here_by_the_others(shop: Shop) -> None:
    call, sdk = shop.customer.api.call, f"/sdk/v1/{shop.customer.app}/subscriptions"
    by_sdk = shop.simulator.user_agent("mozilla", shop.customer.vapid_public_key)
    person = {"subscription": by_sdk.subscription, "identity": {"externalId": "u-17"}}
    expect(201, call("POST", sdk, person, {"Origin": SITE}))
    by_register = shop.visitor(user_id="u-17", user_email="anna@example.com")

    assert expect(200, shop.server.send(target_user_ids=["u-17"]))["successful_sends"] == 2
    assert shop.customer.client().send("anna@example.com").json["sent"] == 1

    assert [len(by_sdk.messages(1)), len(by_register.agent.messages(2))] == [1, 2]


@pytest.mark.row("CS-29", "CS-34")
@pytest.mark.parametrize(
    ("headers", "told", "device"),
    [
        (CHROME, None, ("Chrome", "120", "Windows", "desktop")),
        (FIREFOX, None, ("Firefox", "132", "Android", "mobile")),
        (CHROME, {"os_name": "Windows 11", "device_type": "tablet"}, ("Chrome", "120", "Windows 11", "tablet")),
        ({}, None, (None, None, None, None)),
    ],
)
def test_cs_29_a_device_is_what_the_page_tells_and_else_what_its_headers_tell(
    headers: dict[str, str], told: object, device: tuple[str | None, ...], shop: Shop
) -> None:
    body = {"subscription": new_subscription(), "device_info": told}
    made = expect(201, shop.page.call("POST", "/clients/register", body, PAGE | headers))
    client = expect(200, shop.server.call("GET", f"/clients/{made['registration_id']}"))
    names = ("browser_name", "browser_version", "os_name", "device_type")
    assert client["device_info"] == made["device_info"] == dict(zip(names, device, strict=True))


@pytest.mark.row("CS-5", "X-7")
@pytest.mark.parametrize("path", ["/clients/register", "/clients/heartbeat"])
def test_cs_5_only_pages_of_allowed_origins_get_in(
    path: str, shop: Shop, api: DeployedApi, simulator: Simulator
) -> None:
    wild = Shop.of(Customer.sign_up(api, origins=[SITE, "https://*.shop.example"]), simulator)
    visitor = wild.visitor()
    body = {"subscription": new_subscription(), "registration_id": visitor.id}
    for origin, allowed in (
        (SITE, True),
        ("https://eu.shop.example", True),
        ("https://a.b.shop.example", True),
        ("https://eu.shop.example:8443", False),
        ("http://eu.shop.example", False),
        ("https://evilshop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://shop.example/", False),
        ("null", False),
        (None, False),
    ):
        answer = wild.page.call("POST", path, body, {} if origin is None else {"Origin": origin})
        assert answer.status in ({200, 201} if allowed else {403}), origin
        if not allowed:
            assert answer.headers["x-error-code"] == "FORBIDDEN"
        readable_by = answer.headers.get("access-control-allow-origin")  # its developer may read why
        assert readable_by == (None if origin == "null" else origin)
    narrow = shop.page.call("POST", path, body, {"Origin": "https://eu.shop.example"})
    assert narrow.status == 403


@pytest.mark.row("CS-40", "X-3", "X-7")
@pytest.mark.parametrize("path", ["/clients/register", "/clients/heartbeat"])
def test_cs_40_pages_use_a_publishable_key_in_a_header_of_its_own(path: str, shop: Shop) -> None:
    call, body = shop.customer.api.call, {"subscription": new_subscription(), "registration_id": shop.visitor().id}
    for headers, status, code in (
        ({"X-Secret-Key": shop.server.key}, 401, "UNAUTHORIZED"),
        ({"X-Secret-Key": shop.page.key}, 401, "UNAUTHORIZED"),
        ({"X-Publishable-Key": shop.server.key}, 403, "FORBIDDEN"),
        ({"X-Publishable-Key": shop.customer.key("publishable")["key"]}, 401, "UNAUTHORIZED"),  # pushService's
        ({"X-Publishable-Key": shop.page.key, "X-Secret-Key": shop.server.key}, 400, "INVALID_REQUEST"),
        ({}, 401, "UNAUTHORIZED"),
    ):
        answer = call("POST", f"/v2/push{path}", body, PAGE | headers)
        assert (answer.status, answer.headers["x-error-code"], list(answer.json)) == (status, code, ["detail"])
    assert call("GET", "/v2/push/clients", headers={"X-Secret-Key": shop.page.key}).status == 403
    assert expect(200, shop.server.call("GET", "/clients"))["total"] == 1

    asking = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    asking["Access-Control-Request-Headers"] = "content-type,x-publishable-key"
    allowed = call("OPTIONS", f"/v2/push{path}", headers=asking)
    assert (allowed.status, allowed.body) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == SITE
    assert allowed.headers["access-control-allow-methods"] == "POST"
    named = allowed.headers["access-control-allow-headers"].lower().split(", ")
    assert {"content-type", "x-publishable-key"} <= set(named)
    assert "x-secret-key" not in named


@pytest.mark.row("CS-3", "CS-34", "CS-37")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"subscription": None}, "subscription"),
        ({"subscription": {"endpoint": "https://push.example/x", "keys": {}}}, "subscription.keys.p256dh is required"),
        ({"subscription": new_subscription() | {"endpoint": "https://10.0.0.1/"}}, "subscription.endpoint"),
        ({"user_email": "nobody"}, "user_email must be an e-mail address"),
        ({"user_id": " "}, "user_id must not be empty"),
        ({"device_info": {"device_type": "fridge"}}, "device_info.device_type"),
    ],
)
def test_cs_34_a_registration_that_makes_no_sense_is_400_in_the_documents_shape(
    fields: dict[str, object], text: str, shop: Shop
) -> None:
    good = {"subscription": new_subscription()}
    answer = shop.page.call("POST", "/clients/register", good | fields, PAGE)
    assert (answer.status, answer.headers["x-error-code"], list(answer.json)) == (400, "INVALID_REQUEST", ["detail"])
    assert answer.json["detail"].startswith(text)
    plain = shop.page.call("POST", "/clients/register", good, PAGE | {"Content-Type": "text/plain"})
    assert plain.json == {"detail": "Content-Type must be application/json"}
    assert expect(200, shop.server.call("GET", "/clients"))["total"] == 0


@pytest.mark.row("CS-34")
def test_cs_34_where_proof_is_required_a_name_needs_a_proof_or_a_user_token(
    api: DeployedApi, simulator: Simulator
) -> None:
    strict = Shop.of(Customer.sign_up(api, identity="required"), simulator)
    token = expect(201, api.operator("POST", strict.customer.at("/user-tokens"), {"user_id": "u-17"}))["token"]
    exp = int(time.time()) + 600
    mac = hmac.new(
        strict.customer.identity_secret.encode(), f"email:anna@example.com.{exp}".encode(), sha256
    ).hexdigest()
    proof = {"exp": exp, "mac": mac}
    for fields, status in (
        ({}, 201),  # nobody's browser
        ({"user_id": "u-17"}, 403),
        ({"user_id": "u-18", "identity": token}, 403),
        ({"user_id": "u-17", "identity": token}, 201),
        ({"user_email": "anna@example.com", "identity": proof}, 201),
        ({"user_email": "bert@example.com", "identity": proof}, 403),
        ({"user_email": "anna@example.com", "identity": token}, 403),
    ):
        body = {"subscription": new_subscription(), **fields}
        assert strict.page.call("POST", "/clients/register", body, PAGE).status == status, fields


@pytest.mark.row("CS-29", "CS-34")
def test_cs_34_a_heartbeat_is_for_active_clients_of_the_app_only(
    shop: Shop, api: DeployedApi, simulator: Simulator
) -> None:
    visitor, left = shop.visitor(), shop.visitor()
    stranger = Shop.of(Customer.sign_up(api), simulator).visitor()
    beat = shop.page.call("POST", "/clients/heartbeat", {"registration_id": visitor.id}, PAGE)
    assert expect(200, beat) == {"success": True, "registration_id": visitor.id}
    expect(200, shop.server.call("DELETE", f"/clients/{left.id}"))
    for name in (left.id, stranger.id, "reg_aaaaaaaaaaaaaaaaaaaa", "uuid-1"):
        beat = shop.page.call("POST", "/clients/heartbeat", {"registration_id": name}, PAGE)
        assert (beat.status, beat.json) == (404, {"detail": "Client registration not found"})
        assert beat.headers["x-error-code"] == "NOT_FOUND"
