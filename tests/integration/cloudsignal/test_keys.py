"""CloudSignal's keys at the deployed template: their form, their scopes, and where they may be used."""

import time

import pytest

from dev.stack import Stack
from tests.customer import SITE, CloudSignalClient, Customer, PushServiceClient, counts, expect
from tests.integration.cloudsignal.shop import Shop
from tests.integration.tables import everything_stored
from tocsin.domain.api_key import compose

NOTE = {"title": "t", "body": "b", "target_all": True}
ROUTES = [("POST", "/send"), ("POST", "/broadcast"), ("GET", "/requests/req_x"), ("GET", "/quota")]


def test_the_routes_of_this_file_are_found(client: CloudSignalClient) -> None:
    assert [client.call(method, path, NOTE).status for method, path in ROUTES] == [200, 200, 404, 200]


@pytest.mark.row("CS-1", "CS-37")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_cs_1_a_missing_or_wrong_key_is_401_in_one_wording(method: str, path: str, shop: Shop) -> None:
    text = shop.server.key
    guessed = compose("sk", text[3:11], "0" * 43)  # a real key's id, and a checksum that is right
    for headers in ({}, {"X-Secret-Key": ""}, {"X-Secret-Key": "sk_your_secret_key"}, {"X-Secret-Key": guessed}):
        answer = shop.customer.api.call(method, f"/v2/push{path}", b"not even JSON", headers)
        assert (answer.status, answer.json) == (401, {"detail": "Invalid or missing secret key"})
        assert answer.headers["x-error-code"] == "UNAUTHORIZED"


@pytest.mark.row("CS-1", "CS-7")
def test_cs_7_an_organisation_has_any_number_of_keys_each_told_once_and_stored_as_a_hash(
    deployed: Stack, shop: Shop
) -> None:
    keys = [shop.customer.key(dialect="cloudsignal", name=f"server {number}") for number in range(3)]
    for made in keys:
        assert made["key"].startswith("sk_")
        assert CloudSignalClient(shop.customer.api, made["key"]).call("GET", "/quota").status == 200
    listed = expect(200, shop.customer.api.operator("GET", shop.customer.at("/keys")))["keys"]
    assert {made["id"] for made in keys} <= {entry["id"] for entry in listed}
    assert all("key" not in entry for entry in listed)
    stored = str(everything_stored(deployed))
    assert not any(made["key"] in stored or made["key"][11:54] in stored for made in keys)


@pytest.mark.row("CS-7")
def test_cs_7_a_key_is_rotated_by_a_second_one_and_the_first_stops_within_a_minute(shop: Shop) -> None:
    lost, kept = (shop.customer.key(dialect="cloudsignal") for _ in range(2))
    old, new = (CloudSignalClient(shop.customer.api, made["key"]) for made in (lost, kept))
    assert old.call("GET", "/quota").status == 200
    expect(200, shop.customer.api.operator("DELETE", shop.customer.at(f"/keys/{lost['id']}")))
    at = time.monotonic()
    while (answer := old.call("GET", "/quota")).status == 200:
        assert time.monotonic() - at < 60
        time.sleep(0.5)
    assert (answer.status, answer.json) == (401, {"detail": "Invalid or missing secret key"})
    assert new.call("GET", "/quota").status == 200


@pytest.mark.row("CS-2", "CS-37")
@pytest.mark.parametrize(
    ("scope", "statuses"),
    [
        ("push:send", [200, 200, 404, 403]),
        ("service:read", [403, 403, 403, 200]),
        ("clients:read", [403] * 4),
        ("clients:write", [403] * 4),
    ],
)
def test_cs_2_a_key_without_a_scope_is_forbidden(scope: str, statuses: list[int], shop: Shop) -> None:
    client = shop.customer.cloudsignal(scopes=[scope])
    answers = [client.call(method, path, NOTE) for method, path in ROUTES]
    assert [answer.status for answer in answers] == statuses
    for answer in answers:
        if answer.status == 403:
            assert answer.json["detail"].startswith("This key lacks the scope ")
            assert answer.headers["x-error-code"] == "FORBIDDEN"


@pytest.mark.row("CS-4")
def test_cs_4_nothing_is_sent_until_push_is_enabled(customer: Customer, shop: Shop) -> None:
    visitor = shop.visitor()
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"cloudsignal": False}}))
    deadline = time.monotonic() + 45  # a container remembers the app for half a minute

    while (refused := shop.server.send(target_all=True, title="Off")).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    seen = len(visitor.agent.messages())

    assert (refused.status, refused.json) == (403, {"detail": "Push notifications are not enabled"})
    assert refused.headers["x-error-code"] == "FORBIDDEN"
    new = customer.cloudsignal()
    for method, path in ROUTES:
        assert new.call(method, path, NOTE).json == {"detail": "Push notifications are not enabled"}
    assert len(visitor.agent.messages()) == seen
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"cloudsignal": True}}))
    while new.send(target_all=True).status != 200:
        assert time.monotonic() < deadline + 45
        time.sleep(0.5)


@pytest.mark.row("CS-40")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_cs_40_a_page_gets_no_cors_headers_and_may_not_use_the_secret_key(method: str, path: str, shop: Shop) -> None:
    visitor = shop.visitor()
    api, page = shop.customer.api, {"Origin": SITE}
    preflight = {**page, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-secret-key"}
    asked = api.call("OPTIONS", f"/v2/push{path}", headers=preflight)
    assert asked.status == 405
    assert list(asked.json) == ["detail"]
    refused = [
        shop.server.call(method, path, NOTE, headers)
        for headers in (page, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"})
    ]
    for answer in refused:
        assert (answer.status, answer.headers["x-error-code"]) == (403, "FORBIDDEN")
        assert "web pages use /sdk.js, or a publishable key" in answer.json["detail"]
    for answer in (
        asked,
        *refused,
        api.call(method, f"/v2/push{path}", NOTE, page),
        shop.server.call(method, path, NOTE),
    ):
        assert not any(name.startswith("access-control-") for name in answer.headers)
    publishable = CloudSignalClient(api, shop.page.key).call(method, path, NOTE, page)
    assert publishable.status == 401  # it is no secret key, and stands in its own header
    assert api.call(method, f"/v2/push{path}", NOTE, {"X-Secret-Key": shop.page.key}).status == 403
    sent = 1 if method == "POST" else 0
    assert len(visitor.agent.messages(sent)) == sent  # by the one call that came from a server


@pytest.mark.row("X-3")
def test_x_3_no_key_opens_the_other_dialect(shop: Shop) -> None:
    api, push_service = shop.customer.api, shop.customer.client()
    assert CloudSignalClient(api, push_service.key).call("GET", "/quota").status == 401
    assert api.call("POST", "/v1/send", NOTE, {"X-Api-Key": shop.server.key}).status == 401
    assert PushServiceClient(api, shop.server.key).unsubscribe().status == 401
    both = shop.server.call("GET", "/quota", headers={"X-Api-Key": push_service.key})
    assert (both.status, both.json) == (400, {"detail": "Send exactly one credential"})


@pytest.mark.row("CS-1", "X-2")
def test_x_2_a_browser_is_reached_whatever_dialect_it_came_by(shop: Shop) -> None:
    agent, email = shop.simulator.user_agent(), "anna@example.com"
    expect(201, shop.customer.client().subscribe(agent.subscription, email))
    assert counts(shop.server.send(target_user_emails=[email])) == ("completed", 1, 1, 0)
    named = shop.simulator.user_agent()
    body = {"subscription": named.subscription, "identity": {"externalId": "uuid-1"}}
    expect(201, shop.customer.api.call("POST", f"/sdk/v1/{shop.customer.app}/subscriptions", body, {"Origin": SITE}))
    assert counts(shop.server.send(target_user_ids=["uuid-1"])) == ("completed", 1, 1, 0)
    assert [len(one.messages(1)) for one in (agent, named)] == [1, 1]
