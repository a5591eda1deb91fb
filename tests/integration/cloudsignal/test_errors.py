"""Refusals at the deployed template: their shape, their order, and that they send and count nothing."""

import json
import time

import pytest

from dev.stack import Stack
from tests.customer import CloudSignalClient, Customer, counts
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import DeployedApi
from tests.integration.logs import wait_for_line
from tests.integration.tables import everything_stored

NOTE = {"title": "t", "body": "b"}
JSON = "The body must be a JSON object"


@pytest.fixture(scope="module")
def shared(api: DeployedApi) -> CloudSignalClient:
    """One for all malformed bodies."""
    return Customer.sign_up(api).cloudsignal()


@pytest.mark.row("CS-36", "CS-37")
@pytest.mark.parametrize("path", ["/send", "/broadcast"])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", f"{JSON}: line 1, column 1"),
        (b"[]", JSON),
        (b'{"title": "a"', f"{JSON}: line 1, column 14"),
        (b'{"title": "a", "title": "b"}', f"{JSON}: a key stands in it twice"),
        (b'{"n": NaN}', f"{JSON}: NaN is not a JSON number"),
        (b'{"title": "\\ud800"}', f"{JSON}: a text holds half of a surrogate pair"),
        (b'{"n": "' + b"x" * 262_144 + b'"}', "The body is larger than 256 KiB"),
        ({}, "title is required"),
        ({"title": "t"}, "body is required"),
        (NOTE | {"title": 5}, "title must be a string"),
        (NOTE | {"async_mode": "yes"}, "async_mode must be a boolean"),
    ],
)
def test_cs_37_a_malformed_request_is_a_400_that_says_what_is_wrong(
    body: object, detail: str, path: str, shared: CloudSignalClient
) -> None:
    answer = shared.call("POST", path, body)
    assert (answer.status, answer.json) == (400, {"detail": detail})
    assert answer.headers["x-error-code"] == "INVALID_REQUEST"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.row("CS-3")
@pytest.mark.parametrize("path", ["/send", "/broadcast"])
def test_cs_3_a_body_must_be_declared_as_json_and_a_get_has_none_to_declare(
    path: str, shared: CloudSignalClient
) -> None:
    body = json.dumps(NOTE | ({"target_all": True} if path == "/send" else {})).encode()
    for declared in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        refused = shared.call("POST", path, body, {"Content-Type": declared})
        assert (refused.status, refused.json) == (400, {"detail": "Content-Type must be application/json"})
        assert refused.headers["x-error-code"] == "INVALID_REQUEST"
        unknown = shared.api.call("POST", f"/v2/push{path}", body, {"Content-Type": declared, "X-Secret-Key": "sk_x"})
        assert unknown.status == 401  # the key comes first
    for declared in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        assert counts(shared.call("POST", path, body, {"Content-Type": declared}))[0] == "completed"
    assert shared.call("GET", "/quota", headers={"Content-Type": "text/plain"}).status == 200


@pytest.mark.row("X-9", "CS-36", "CS-6")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/push/send", 405),
        ("DELETE", "/v2/push/broadcast", 405),
        ("POST", "/v2/push/quota", 405),
        ("PATCH", "/v2/push/requests/req_x", 405),
        ("GET", "/v2/push", 404),
        ("GET", "/v2/push/nothing", 404),
        ("POST", "/v2/push/send/", 404),
        ("POST", "/v2/push/send/more", 404),
        ("GET", "/v2/push/requests/x/y", 404),
        ("GET", "/v2/push/%2e%2e/%2e%2e/admin/tenants", 404),
    ],
)
def test_x_9_an_unknown_route_and_a_wrong_method_are_answered_in_the_dialects_shape(
    method: str, path: str, status: int, api: DeployedApi
) -> None:
    answer = api.call(method, path)
    assert answer.status == status
    assert list(answer.json) == ["detail"]
    assert answer.headers["x-error-code"] == ("NOT_FOUND" if status == 404 else "METHOD_NOT_ALLOWED")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.row("CS-37")
def test_cs_37_a_key_may_make_so_many_requests_a_minute_of_all_sorts_together(shop: Shop) -> None:
    client = shop.customer.cloudsignal(requests_per_minute=3)
    left = 60 - time.time() % 60
    if left < 10:
        time.sleep(left + 0.1)

    statuses = [client.call("GET", "/quota").status, client.send().status, client.call("GET", "/requests/x").status]
    refused = client.send(target_all=True)

    assert statuses == [200, 400, 404]
    assert refused.status == 429
    assert refused.json == {"detail": "Rate limit exceeded: more than 3 requests/minute for this API key"}
    assert refused.headers["x-error-code"] == "RATE_LIMITED"
    left = 60 - time.time() % 60
    assert left - 1 <= int(refused.headers["retry-after"]) <= left + 2
    assert client.call("GET", "/quota").status == 429
    assert shop.server.call("GET", "/quota").status == 200


@pytest.mark.row("X-5")
def test_x_5_every_answer_has_an_id_of_its_own_that_leads_to_its_log_line_and_its_ledger_row(
    deployed: Stack, shop: Shop
) -> None:
    shop.visitor()
    answers = [
        shop.server.send(target_all=True),
        shop.server.send({"X-Request-Id": "mine"}, target_all=True),
        shop.server.send(),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 3
    assert "mine" not in ids
    ledger = [item for _, item in everything_stored(deployed) if "LEDGER#" in item["sk"]["S"]]
    assert [any(id_ in str(item) for item in ledger) for id_ in ids] == [True, True, False]
    for id_ in ids:
        assert "/v2/push/send" in wait_for_line(deployed, f'"request_id":"{id_}"')
