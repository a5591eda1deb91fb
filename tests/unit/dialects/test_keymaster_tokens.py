"""POST /auth/token, and what ends a token: wrong requests by RFC 6749, tries, scopes, revoked keys, browsers."""

import base64
import json

import pytest

from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.keymaster import Bearer, Gym
from tocsin.application.metrics import Metric


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


@pytest.mark.row("KM-1")
@pytest.mark.parametrize(
    ("fields", "status", "code", "detail"),
    [
        ({"grant_type": ""}, 400, "invalid_request", "grant_type must be client_credentials"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "grant_type must be client_credentials"),
        ({"client_id": ""}, 401, "invalid_client", "client_id is required"),
        ({"client_secret": ""}, 401, "invalid_client", "client_secret is required"),
        ({"client_id": "kmc_00000000"}, 401, "invalid_client", "Invalid client credentials"),
        ({"client_id": "x"}, 401, "invalid_client", "Invalid client credentials"),
        ({"client_secret": "x"}, 401, "invalid_client", "Invalid client credentials"),
        ({"scope": "push:sendx"}, 400, "invalid_scope", "scope can be: push:send"),
        ({"scope": "push:send push:admin"}, 400, "invalid_scope", "scope can be: push:send"),
        ({"scope": "push"}, 400, "invalid_scope", "scope can be: push:send"),
    ],
)
def test_a_wrong_request_is_told_by_the_codes_of_rfc_6749(
    gym: Gym, fields: dict[str, str], status: int, code: str, detail: str
) -> None:
    answer = gym.token(None, **fields)
    assert expect(status, answer) == {"detail": detail, "error": code, "error_description": detail}
    assert answer.headers["cache-control"] == "no-store"
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&grant_type=password", "application/x-www-form-urlencoded"),
        (b"grant_type=\xff", "application/x-www-form-urlencoded"),
        (b"grant_type=%FF", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=b" for _ in range(50)), "application/x-www-form-urlencoded"),
        (b"a=" + b"b" * 9000, "application/x-www-form-urlencoded"),
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials", ""),
    ],
)
def test_what_is_no_form_is_an_invalid_request_or_client(gym: Gym, body: bytes, content_type: str) -> None:
    answer = gym.customer.api.call("POST", "/auth/token", body, {"Content-Type": content_type})
    assert (answer.status, answer.json["error"]) in {(400, "invalid_request"), (401, "invalid_client")}


@pytest.mark.row("KM-1")
@pytest.mark.parametrize(
    ("headers", "fields", "status", "code"),
    [
        (basic("{id}", "{secret}"), {"client_secret": "x"}, 400, "invalid_request"),
        (basic("{id}", "{secret}"), {"client_id": "kmc_00000000", "client_secret": ""}, 400, "invalid_request"),
        (basic("{id}", "x"), {"client_id": "", "client_secret": ""}, 401, "invalid_client"),
        ({"Authorization": "Basic !!!"}, {"client_secret": ""}, 401, "invalid_client"),
        ({"Authorization": "Basic"}, {"client_secret": ""}, 401, "invalid_client"),
        ({"Authorization": "Bearer x"}, {"client_secret": ""}, 401, "invalid_client"),
        ({"Authorization": basic("x", "")["Authorization"][:-2]}, {"client_secret": ""}, 401, "invalid_client"),
    ],
)
def test_http_basic_is_the_only_other_way_and_not_beside_the_form(
    gym: Gym, headers: dict[str, str], fields: dict[str, str], status: int, code: str
) -> None:
    scheme, _, encoded = headers["Authorization"].partition(" ")
    if scheme == "Basic" and encoded not in {"", "!!!"}:
        filled = base64.b64decode(encoded + "==").decode().format(id=gym.client_id, secret=gym.client_secret)
        headers = {"Authorization": f"Basic {base64.b64encode(filled.encode()).decode()}"}
    answer = gym.token(headers, **fields)
    assert expect(status, answer)["error"] == code
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="tocsin"'


def test_the_parts_of_a_key_cannot_be_divided_otherwise(gym: Gym) -> None:
    moved = gym.token(client_id=gym.client_id + gym.client_secret[0], client_secret=gym.client_secret[1:])
    assert expect(401, moved)["error"] == "invalid_client"
    shorter = gym.token(client_id=gym.client_id[:-1], client_secret=gym.client_id[-1] + gym.client_secret)
    assert expect(401, shorter)["error"] == "invalid_client"


@pytest.mark.row("KM-1")
def test_only_failures_count_and_for_one_client_only(gym: Gym, engine: MemoryEngine) -> None:
    other = Gym.of(gym.customer)
    for _ in range(20):
        expect(200, gym.token())
    for _ in range(10):
        expect(401, gym.token(client_secret="wrong"))
    answer = gym.token(client_secret="wrong")
    assert expect(429, answer)["error"] == "rate_limited"
    expect(200, gym.token())
    expect(401, other.token(client_secret="wrong"))
    engine.clock.advance(int(answer.headers["retry-after"]))
    expect(401, gym.token(client_secret="wrong"))


def test_a_client_is_not_for_browsers(gym: Gym, engine: MemoryEngine) -> None:
    answer = gym.token({"Origin": "https://shop.example"})
    assert expect(403, answer)["detail"].startswith("This is a secret key")
    server = gym.server()
    answer = server.send("u-1", {"Sec-Fetch-Site": "same-origin"})
    assert expect(403, answer)["detail"].startswith("This is a server's token")
    assert engine.meter.counted[Metric.SECRET_KEY_IN_BROWSER] == 2
    expect(403, gym.admin().call("GET", f"/config/{gym.id}", headers={"Origin": "https://shop.example"}))


@pytest.mark.row("KM-1")
def test_a_token_ends_with_its_key_half_a_minute_later_at_most(gym: Gym, engine: MemoryEngine) -> None:
    gym.user("u-1").registered()
    server = gym.server()
    expect(200, server.send("u-1"))
    expect(200, gym.customer.api.operator("DELETE", gym.customer.at(f"/keys/{gym.client_id[4:]}")))
    engine.clock.advance(30)
    assert expect(401, server.send("u-1")) == {"detail": "Invalid token"}
    expect(401, gym.token())


def test_a_token_lives_15_minutes(gym: Gym, engine: MemoryEngine) -> None:
    gym.user("u-1").registered()
    server = gym.server()
    engine.clock.advance(899)
    expect(200, server.send("u-1"))
    engine.clock.advance(1)
    assert expect(401, server.send("u-1")) == {"detail": "Invalid token"}


@pytest.mark.row("X-3")
def test_another_apis_key_is_no_client_and_a_client_opens_no_other_api(gym: Gym) -> None:
    other = gym.customer.key(dialect="cloudsignal")["key"]
    expect(401, gym.token(client_id=other[:12], client_secret=other[12:]))
    api, key = gym.customer.api, f"{gym.client_id}{gym.client_secret}"
    assert api.call("POST", "/v1/send", {}, {"X-Api-Key": key}).status == 401
    assert api.call("GET", "/v2/push/service", None, {"X-Secret-Key": key}).status == 401
    assert expect(401, Bearer(api, gym.id, key).send("u-1")) == {"detail": "Invalid token"}


@pytest.mark.row("KM-4")
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc", "{token}", "Bearer {token}, Bearer {token}"])
def test_what_is_no_bearer_token_is_invalid(gym: Gym, header: str) -> None:
    sent = {"Authorization": header.format(token=gym.server().token)}
    answer = gym.customer.api.call("POST", "/push/send", {}, sent)
    assert answer.status in {400, 401}
    assert answer.json == {"detail": "Invalid token"} or "exactly one" in answer.json["detail"]
    if answer.status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_two_credentials_at_once_are_refused(gym: Gym) -> None:
    answer = gym.server().send("u-1", {"X-Api-Key": "psk_x"})
    assert "exactly one credential" in expect(400, answer)["detail"]


def test_a_key_with_a_limit_of_its_own_keeps_to_it(gym: Gym, customer: Customer) -> None:
    client_id, _, secret = customer.key(dialect="keymaster", requests_per_minute=2)["key"].partition(":")
    token = expect(200, gym.token(client_id=client_id, client_secret=secret))["access_token"]
    limited = Bearer(customer.api, gym.id, token)
    for _ in range(2):
        expect(400, limited.send("nobody"))
    assert expect(429, limited.send("nobody"))["error"] == "rate_limited"


@pytest.mark.row("KM-2", "KM-3")
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "user"}, "must have user_id"),
        ({"type": "user", "user_id": "u", "roles": ["app_admin"]}, "must have user_id"),
        ({"type": "admin"}, "must have roles"),
        ({"type": "admin", "roles": []}, "roles"),
        ({"type": "admin", "roles": ["root"]}, "roles.0"),
        ({"type": "service"}, "type"),
        ({"type": "user", "user_id": "u", "ttl_seconds": 3601}, "ttl_seconds"),
    ],
)
def test_the_operator_gives_out_tokens_of_people_and_administrators_only(
    gym: Gym, fields: dict[str, object], told: str
) -> None:
    answer = gym.customer.api.operator("POST", gym.customer.at("/access-tokens"), fields)
    assert told in expect(400, answer)["error"]["message"]


def test_no_token_is_logged(gym: Gym, log_lines: object) -> None:
    token = gym.server().token
    gym.token()
    Bearer(gym.customer.api, gym.id, token + "x").send("u-1")
    logged = json.dumps(log_lines())  # type: ignore[operator]
    assert gym.client_secret not in logged
    assert token.rpartition(".")[2] not in logged


@pytest.mark.row("KM-1")
def test_no_parameter_may_be_given_twice(gym: Gym) -> None:
    form = f"grant_type=client_credentials&client_id={gym.client_id}&client_secret={gym.client_secret}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    call = gym.customer.api.call
    for twice in ("scope=push:send&scope=push:send", f"client_id={gym.client_id}", "grant_type=client_credentials"):
        refused = expect(400, call("POST", "/auth/token", f"{form}&{twice}".encode(), kind))
        assert (refused["error"], refused["detail"]) == ("invalid_request", "A parameter must not be given twice")
    expect(200, call("POST", "/auth/token", f"{form}&resource=a&resource=b&scope=".encode(), kind))


@pytest.mark.row("KM-4")
def test_a_scope_is_there_or_not_and_never_a_part_of_another(gym: Gym, engine: MemoryEngine) -> None:
    [app] = engine.storage.apps.values()
    for scopes in (["push:sendx"], ["push"], ["xpush:send", "push:send.all"]):
        issued = engine.access_tokens.for_service(app, gym.client_id, scopes)
        server = Bearer(gym.customer.api, gym.id, issued.text)
        assert expect(403, server.send("u-1")) == {"detail": "Missing required scope"}
