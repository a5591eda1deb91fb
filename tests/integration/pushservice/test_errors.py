"""Refusals at the deployed template: their shape, their order, and that they change nothing."""

import json

import pytest

from dev.stack import Stack
from tests.customer import READER, Customer, PushServiceClient, expect, new_subscription
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.logs import wait_for_line
from tests.integration.tables import everything_stored

NOTE = {"email": READER, "title": "t", "body": "b"}


@pytest.mark.row("PS-1", "PS-26", "PS-27")
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "The body must be a JSON object: line 1, column 1"),
        (b"[]", "The body must be a JSON object"),
        (b"email=reader", "The body must be a JSON object: line 1, column 1"),
        (b'{"title": "a", "title": "b"}', "The body must be a JSON object: a key stands in it twice"),
        (b'{"n": NaN}', "The body must be a JSON object: NaN is not a JSON number"),
        (b'{"n": 1e999}', "The body must be a JSON object: a number is too large"),
        (b'{"title": "\\ud800"}', "The body must be a JSON object: a text holds half of a surrogate pair"),
        (b'{"n": ' + b"[" * 20 + b"]" * 20 + b"}", "The body must be a JSON object: it is nested more than 16 deep"),
        (b'{"n": "' + b"x" * 65_536 + b'"}', "The body is larger than 64 KiB"),
        ({}, "email is required"),
        ({"email": READER}, "title is required"),
        ({"email": READER, "title": "t"}, "body is required"),
        (NOTE | {"email": None}, "email must be a string"),
        (NOTE | {"email": ["a@b.c"]}, "email must be a string"),
        (NOTE | {"email": "nobody"}, "email must be an e-mail address"),
        (NOTE | {"email": "a@b@c"}, "email must be an e-mail address"),
        (NOTE | {"email": "a\r\nb@c.d"}, "email must be an e-mail address"),
        (NOTE | {"email": f"{'a' * 250}@b.cd"}, "email must be at most 254 characters"),
        (NOTE | {"title": "  "}, "title must not be empty"),
        (NOTE | {"title": 5}, "title must be a string"),
        (NOTE | {"title": "t" * 257}, "title must be at most 256 characters"),
        (NOTE | {"body": ""}, "body must not be empty"),
        (NOTE | {"body": "b" * 4097}, "body must be at most 4096 characters"),
        (NOTE | {"url": "javascript:alert(1)"}, "url must be an http or https URL of at most 2048 characters"),
    ],
)
def test_a_malformed_send_is_400_names_the_field_and_costs_nothing(
    body: object, error: str, shared: PushServiceClient, shared_customer: Customer
) -> None:
    answer = shared.call("/v1/send", body)
    assert (answer.status, answer.json) == (400, {"error": error})
    assert answer.headers["x-error-code"] in {"BODY_NOT_JSON", "BODY_TOO_LARGE", "FIELD_MISSING", "FIELD_INVALID"}
    assert shared_customer.credits() == {"available": 100, "reserved": 0, "spent": 0}


@pytest.fixture(scope="module")
def shared_customer(api: DeployedApi) -> Customer:
    """One for all malformed bodies."""
    return Customer.sign_up(api)


@pytest.fixture(scope="module")
def shared(shared_customer: Customer) -> PushServiceClient:
    return shared_customer.client()


@pytest.mark.row("PS-29")
def test_ps_29_checks_come_in_the_order_401_400_402_404(api: DeployedApi) -> None:
    customer = Customer.sign_up(api, credits=0)
    client = customer.client()
    assert PushServiceClient(api, "psk_wrong").call("/v1/send", b"x").status == 401
    assert client.call("/v1/send", b"x").status == 400
    assert client.send().status == 402
    customer.grant(1)
    assert client.send().status == 404


@pytest.mark.row("PS-27")
def test_ps_27_a_text_above_the_limit_is_refused_by_name_and_the_longest_one_is_sent(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    refused = client.send(body="é" * 4097)
    assert refused.status == 400
    assert "body" in refused.json["error"]
    assert customer.credits()["available"] == 100
    assert agent.statuses() == []
    assert client.send(body="é" * 4096).json["sent"] == 1


@pytest.mark.row("X-9", "PS-26")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/send", 405),
        ("PUT", "/v1/send", 405),
        ("DELETE", "/v1/unsubscribe", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/send/", 404),
        ("POST", "/v1/send/more", 404),
        ("POST", "/v1", 404),
        ("GET", "/v1/%2e%2e/admin/tenants", 404),
    ],
)
def test_x_9_an_unknown_route_and_a_wrong_method_are_answered_in_the_dialects_shape(
    method: str, path: str, status: int, api: DeployedApi
) -> None:
    answer = api.call(method, path)
    assert answer.status == status
    assert list(answer.json) == ["error"]
    assert isinstance(answer.json["error"], str)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.row("X-9")
def test_x_9_where_pages_call_the_preflight_is_allowed_too(api: DeployedApi) -> None:
    answer = api.call("PATCH", "/v1/subscribe")
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


@pytest.mark.row("X-5")
def test_x_5_every_answer_has_an_id_of_its_own_that_leads_to_its_log_line_and_its_ledger_row(
    deployed: Stack, client: PushServiceClient, simulator: Simulator
) -> None:
    client.subscribe(simulator.user_agent().subscription)
    answers = [client.send(), client.send(headers={"X-Request-Id": "mine"}), client.call("/v1/send", b"")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 3
    assert "mine" not in ids
    ledger = [item for _, item in everything_stored(deployed) if "LEDGER#" in item["sk"]["S"]]
    assert [any(id_ in str(item) for item in ledger) for id_ in ids] == [True, True, False]
    for id_ in ids:
        assert "/v1/send" in wait_for_line(deployed, f'"request_id":"{id_}"')


@pytest.mark.parametrize("path", ["/v1/subscribe", "/v1/unsubscribe"])
@pytest.mark.row("PS-1", "PS-27")
def test_the_other_two_calls_refuse_in_the_same_way(path: str, shared: PushServiceClient) -> None:
    bodies: dict[bytes, str] = {
        b"{": "The body must be a JSON object: line 1, column 2",
        b"null": "The body must be a JSON object",
        json.dumps({"subscription": new_subscription()}).encode(): "email is required",
        json.dumps({"email": 5, "subscription": new_subscription()}).encode(): "email must be a string",
        json.dumps({"email": "x", "subscription": new_subscription()}).encode(): "email must be an e-mail address",
    }
    for body, error in bodies.items():
        assert expect(400, shared.call(path, body)) == {"error": error}
