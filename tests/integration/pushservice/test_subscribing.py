"""POST /v1/subscribe and /v1/unsubscribe at the deployed template: from servers and from web pages."""

import pytest

from tests.customer import SITE, Customer, PushServiceClient, new_subscription
from tests.integration.deployed_api import Simulator

PAGE = {"Origin": SITE, "Sec-Fetch-Site": "cross-site"}


@pytest.mark.row("PS-19", "PS-22")
def test_ps_22_subscribing_is_201_each_time_and_leaves_one_device(
    client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    for _ in range(3):
        answer = client.subscribe(agent.subscription)
        assert (answer.status, answer.json) == (201, {"ok": True})
    assert client.send().json["sent"] == 1
    assert len(agent.messages(1)) == 1


@pytest.mark.row("PS-22")
def test_ps_22_another_address_takes_the_browser_over(client: PushServiceClient, simulator: Simulator) -> None:
    shared = simulator.user_agent()
    client.subscribe(shared.subscription, "first@example.com")
    client.subscribe(shared.subscription, "second@example.com")
    assert client.send("first@example.com").status == 404
    assert client.send("second@example.com", title="For the second").json["sent"] == 1
    assert shared.titles() == ["For the second"]


@pytest.mark.row("PS-21")
def test_ps_21_a_subscription_may_say_more_than_the_document_names(
    client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    keys = {name: f"{value}=" if name == "p256dh" else value for name, value in agent.subscription["keys"].items()}
    wordy = {**agent.subscription, "keys": keys, "expirationTime": 1234.5, "contentEncoding": "aes128gcm"}
    assert client.subscribe(wordy).status == 201
    assert client.send().json["sent"] == 1


@pytest.mark.row("PS-21", "PS-27", "X-8")
@pytest.mark.parametrize(
    "endpoint",
    [
        "http://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/wpush/v2/abc",
        "https://push.example/wpush/v2/abc",
        "https://updates.push.services.mozilla.com:8443/wpush/v2/abc",
        "https://updates.push.services.mozilla.com@10.0.0.1/wpush/v2/abc",
        "https://updates.push.services.mozilla.com\\@10.0.0.1/",
        "https://xpush.apple.com/abc",
        "https://fcm.googleapis.com.evil.example/fcm/send/abc",
        "https://fcm.googleapis.com/fcm/send/a\r\nX-Injected: 1",
        "javascript:alert(1)",
        "",
    ],
)
def test_ps_21_an_endpoint_of_no_known_push_service_is_refused(endpoint: str, client: PushServiceClient) -> None:
    answer = client.subscribe(new_subscription() | {"endpoint": endpoint})
    assert answer.status == 400
    assert answer.json["error"].startswith("subscription.endpoint is not acceptable")
    assert client.send().status == 404


@pytest.mark.row("PS-21", "PS-27")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p256dh", "BA" + "A" * 85),  # right length, no point on the curve
        ("p256dh", "AAAA"),
        ("p256dh", "not base64 at all!"),
        ("p256dh", None),
        ("auth", "AAAA"),
        ("auth", "A" * 24),
        ("auth", 5),
    ],
)
def test_ps_21_keys_that_nothing_can_be_encrypted_to_are_refused(
    name: str, value: object, client: PushServiceClient
) -> None:
    subscription = new_subscription()
    subscription["keys"][name] = value
    answer = client.subscribe(subscription)
    assert answer.status == 400
    assert "subscription.keys" in answer.json["error"]
    assert client.send().status == 404


@pytest.mark.row("PS-23", "PS-24")
def test_ps_23_unsubscribing_ends_every_device_of_the_address_and_counts_them(
    client: PushServiceClient, simulator: Simulator
) -> None:
    mine = [simulator.user_agent(), simulator.user_agent("apple")]
    other = simulator.user_agent()
    for agent in mine:
        client.subscribe(agent.subscription)
    client.subscribe(other.subscription, "somebody@example.com")

    answers = [client.unsubscribe(" READER@example.com"), client.unsubscribe(), client.unsubscribe("who@example.com")]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.json for answer in answers] == [{"removed": 2}, {"removed": 0}, {"removed": 0}]
    assert client.send().status == 404
    assert client.send("somebody@example.com").json["sent"] == 1
    assert [agent.statuses() for agent in mine] == [[], []]


@pytest.mark.row("PS-20", "X-7")
def test_ps_20_a_page_of_an_allowed_origin_subscribes_with_a_publishable_key(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    page = customer.client("publishable")
    assert page.key.startswith("psp_")
    answer = page.subscribe(simulator.user_agent().subscription, headers=PAGE)
    assert (answer.status, answer.json) == (201, {"ok": True})
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"
    assert client.send().json["sent"] == 1


@pytest.mark.row("PS-20", "X-7")
@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": SITE.replace("https", "http")}]
)
def test_ps_20_a_publishable_key_works_from_the_apps_own_origins_only(
    headers: dict[str, str], customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    answer = customer.client("publishable").subscribe(simulator.user_agent().subscription, headers=headers)
    assert answer.status == 401
    assert answer.headers["x-error-code"] == "ORIGIN_NOT_ALLOWED"
    readable_by = answer.headers.get("access-control-allow-origin")  # its developer may read why
    assert readable_by == (None if headers.get("Origin") == "null" else headers.get("Origin"))
    assert client.send().status == 404


@pytest.mark.row("PS-20", "PS-23")
def test_ps_20_a_publishable_key_may_neither_send_nor_unsubscribe(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    page = customer.client("publishable")
    answers = [page.send(headers=PAGE), page.call("/v1/unsubscribe", {"email": "reader@example.com"}, PAGE)]
    assert [answer.headers["x-error-code"] for answer in answers] == ["SCOPE_MISSING", "SCOPE_MISSING"]
    assert [answer.status for answer in answers] == [401, 401]
    assert client.send().json["sent"] == 1


@pytest.mark.row("X-7")
def test_x_7_a_browser_may_ask_before_it_subscribes_and_for_nothing_else(customer: Customer) -> None:
    asking = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = customer.api.call("OPTIONS", "/v1/subscribe", headers=asking)
    assert (allowed.status, allowed.body) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == SITE
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert "x-api-key" in allowed.headers["access-control-allow-headers"].lower()
    for path in ("/v1/send", "/v1/unsubscribe", "/admin/tenants"):
        refused = customer.api.call("OPTIONS", path, headers=asking)
        assert refused.status in {401, 405}
        assert not any(name.startswith("access-control-") for name in refused.headers)


@pytest.mark.row("PS-20")
def test_ps_20_where_proof_is_required_a_page_cannot_enrol_itself_under_somebodys_address(
    customer: Customer, simulator: Simulator
) -> None:
    strict = Customer.sign_up(customer.api, identity="required")
    server, page = strict.client(), strict.client("publishable")
    answer = page.subscribe(simulator.user_agent().subscription, headers=PAGE)
    assert answer.status == 401
    assert answer.headers["x-error-code"] == "IDENTITY_REQUIRED"
    forged = {"exp": 4102444800, "mac": "0" * 64}
    answer = page.subscribe(simulator.user_agent().subscription, headers=PAGE, identity=forged)
    assert answer.headers["x-error-code"] == "IDENTITY_INVALID"
    assert server.send().status == 404
    assert server.subscribe(simulator.user_agent().subscription).status == 201  # a server is believed
    assert server.send().json["sent"] == 1
