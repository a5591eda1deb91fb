"""CloudSignal's keys and refusals in this process: each route with each wrong key, and what a page is refused."""

import pytest

from tests.customer import SITE, CloudSignalClient, Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import Answer
from tests.unit.dialects.enrolment import enrol
from tocsin.application.ports import Unavailable

EVERYONE = {"title": "t", "body": "b", "target_all": True}


@pytest.fixture
def client(customer: Customer) -> CloudSignalClient:
    return customer.cloudsignal()


ROUTES = [("POST", "/send"), ("POST", "/broadcast"), ("GET", "/requests/x"), ("GET", "/quota")]


@pytest.mark.row("CS-1", "CS-37")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_cs_37_the_key_is_looked_at_first_and_then_the_body(method: str, path: str, customer: Customer) -> None:
    def call(headers: dict[str, str]) -> Answer:
        return customer.api.call(method, f"/v2/push{path}", b"no JSON", headers)

    secret, publishable = (customer.cloudsignal(kind).key for kind in ("secret", "publishable"))
    other = customer.client().key
    for wrong in (
        {},
        {"X-Secret-Key": ""},
        {"X-Secret-Key": "sk_x"},
        {"X-Secret-Key": other},
        {"X-Secret-Key": f"{secret}x"},
    ):
        answer = call(wrong)
        assert (answer.status, answer.json) == (401, {"detail": "Invalid or missing secret key"})
        assert answer.headers["x-error-code"] == "UNAUTHORIZED"
    for elsewhere in ({"X-Api-Key": secret}, {"Authorization": f"Bearer {secret}"}, {"X-Publishable-Key": secret}):
        assert call(elsewhere).status in {400, 401}
    refused = call({"X-Secret-Key": publishable})
    assert (refused.status, refused.headers["x-error-code"]) == (403, "FORBIDDEN")
    both = call({"X-Secret-Key": secret, "X-Publishable-Key": publishable})
    assert (both.status, both.json) == (400, {"detail": "Send exactly one credential"})


@pytest.mark.row("CS-2")
@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("push:send", {"/send", "/broadcast", "/requests/x"}),
        ("service:read", {"/quota"}),
        ("clients:read", set()),
        ("clients:write", set()),
    ],
)
def test_cs_2_a_key_without_a_scope_is_forbidden(scope: str, may: set[str], customer: Customer) -> None:
    client = customer.cloudsignal(scopes=[scope])
    for method, path in ROUTES:
        answer = client.call(method, path, EVERYONE if method == "POST" else None)
        assert (answer.status == 403) == (path not in may)
        if answer.status == 403:
            needed = "service:read" if path == "/quota" else "push:send"
            assert answer.json == {"detail": f"This key lacks the scope {needed}"}
            assert answer.headers["x-error-code"] == "FORBIDDEN"


@pytest.mark.row("CS-4")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_cs_4_nothing_is_sent_while_push_is_switched_off(
    method: str, path: str, engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    enrol(customer)
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"cloudsignal": False}}))
    refused = client.call(method, path, EVERYONE if method == "POST" else None)
    assert (refused.status, refused.json) == (403, {"detail": "Push notifications are not enabled"})
    assert refused.headers["x-error-code"] == "FORBIDDEN"
    assert engine.transport.requests == []


@pytest.mark.row("CS-40")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_cs_40_no_page_may_read_an_answer_or_use_the_secret_key(
    method: str, path: str, engine: MemoryEngine, customer: Customer, client: CloudSignalClient
) -> None:
    enrol(customer)
    body = EVERYONE if method == "POST" else None
    preflight = {"Origin": SITE, "Access-Control-Request-Method": method}
    answers = [client.call(method, path, body, headers) for headers in ({"Origin": SITE}, {"Sec-Fetch-Site": "none"})]
    for answer in answers:
        assert (answer.status, answer.headers["x-error-code"]) == (403, "FORBIDDEN")
        assert "web pages use /sdk.js, or a publishable key" in answer.json["detail"]
    asked = customer.api.call("OPTIONS", f"/v2/push{path}", headers=preflight)
    assert (asked.status, asked.json, asked.headers["allow"]) == (405, {"detail": "Method not allowed"}, method)
    for answer in (*answers, asked, customer.api.call(method, f"/v2/push{path}", body, {"Origin": SITE})):
        assert not any(name.startswith("access-control-") for name in answer.headers)
    assert engine.transport.requests == []


@pytest.mark.row("CS-37")
def test_cs_37_a_store_that_does_not_answer_is_a_503_and_nothing_was_sent(
    engine: MemoryEngine, customer: Customer, client: CloudSignalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(customer)

    def fail(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(engine.sends, "reserve", fail)
        answer = client.send(target_all=True)
    assert (answer.status, answer.json) == (503, {"detail": "Push service temporarily unavailable"})
    assert answer.headers["x-error-code"] == "SERVICE_UNAVAILABLE"
    assert answer.headers["retry-after"]
    assert engine.transport.requests == []
    assert client.quota() == (10_000, 100_000)


@pytest.mark.row("CS-36", "X-9")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/push/send", 405),
        ("PUT", "/v2/push/broadcast", 405),
        ("POST", "/v2/push/quota", 405),
        ("DELETE", "/v2/push/requests/x", 405),
        ("GET", "/v2/push", 404),
        ("GET", "/v2/push/", 404),
        ("POST", "/v2/push/send/", 404),
        ("GET", "/v2/push/nothing", 404),
        ("GET", "/v2/push/requests/", 404),
        ("GET", "/v2/push/requests/x/y", 404),
    ],
)
def test_x_9_an_unknown_route_and_a_wrong_method_have_the_dialects_shape(
    method: str, path: str, status: int, customer: Customer
) -> None:
    answer = customer.api.call(method, path)
    assert answer.status == status
    assert list(answer.json) == ["detail"]
    assert answer.headers["x-error-code"] == ("NOT_FOUND" if status == 404 else "METHOD_NOT_ALLOWED")
