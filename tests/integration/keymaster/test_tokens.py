"""Tokens at the deployed API: what the client-credentials grant gives, and what each sort of token opens."""

import base64
import hmac
import json
import uuid
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi
from tests.keymaster import Bearer, Gym
from tocsin.webpush.encoding import to_base64url

pytestmark = pytest.mark.usefixtures("deployed")


def claims_of(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


@pytest.mark.row("KM-1", "KM-26")
def test_client_credentials_give_a_token_of_15_minutes_that_sends(gym: Gym) -> None:
    answer = gym.token()
    granted = expect(200, answer)
    assert answer.headers["cache-control"] == "no-store"
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("bearer", 900, "push:send")
    claims = claims_of(granted["access_token"])
    assert (claims["sub"], claims["token_type"], claims["scope"]) == (gym.id, "service", "push:send")
    assert claims["exp"] - claims["iat"] == 900
    assert claims["iss"]
    assert uuid.UUID(gym.id).version == 4
    gym.user("u-1").registered()
    expect(200, Bearer(gym.customer.api, gym.id, granted["access_token"]).send("u-1"))


@pytest.mark.row("KM-1")
def test_a_client_may_come_by_http_basic_and_without_a_scope(gym: Gym) -> None:
    basic = base64.b64encode(f"{gym.client_id}:{gym.client_secret}".encode()).decode()
    answer = gym.token({"Authorization": f"Basic {basic}"}, client_id="", client_secret="", scope="")
    assert expect(200, answer)["scope"] == "push:send"


@pytest.mark.row("KM-1")
def test_ten_wrong_secrets_in_15_minutes_are_refused_and_the_next_has_to_wait(gym: Gym) -> None:
    wrong = gym.client_secret[::-1]
    for _ in range(10):
        refused = expect(401, gym.token(client_secret=wrong))
        assert (refused["error"], refused["detail"]) == ("invalid_client", "Invalid client credentials")
    answer = gym.token(client_secret=wrong)
    assert expect(429, answer)["retry_after"] == int(answer.headers["retry-after"]) <= 900
    expect(200, gym.token())  # who knows the secret cannot be locked out by who does not


@pytest.mark.row("KM-2")
def test_whoever_reads_our_key_set_can_check_our_tokens(gym: Gym, api: DeployedApi) -> None:
    answer = api.call("GET", "/.well-known/jwks.json")
    (key,) = expect(200, answer)["keys"]
    assert "max-age" in answer.headers["cache-control"]
    user = gym.user("u-1").token
    assert jwt.get_unverified_header(user) == {"alg": "ES256", "kid": key["kid"], "typ": "JWT"}
    claims = jwt.decode(user, jwt.PyJWK.from_dict(key).key, algorithms=["ES256"], audience=gym.id)
    assert (claims["sub"], claims["token_type"]) == ("u-1", "user")


@pytest.mark.row("KM-2", "KM-3", "KM-4")
def test_a_token_of_one_sort_never_passes_as_one_of_another(gym: Gym) -> None:
    server, user, admin = gym.server(), gym.user("u-1"), gym.admin()
    assert expect(401, server.register()) == {"detail": "Invalid token"}
    assert expect(401, admin.register()) == {"detail": "Invalid token"}
    for other in (user, admin):
        assert expect(403, other.send("u-1")) == {"detail": "Missing required scope"}
        assert expect(403, other.bulk(["u-1"])) == {"detail": "Missing required scope"}
        assert expect(403, other.batch({"user_id": "u-1"})) == {"detail": "Missing required scope"}
    for other in (server, user):
        assert expect(403, other.configure(daily_quota=1)) == {"detail": "Insufficient permissions"}
        assert expect(403, other.call("GET", f"/devices/{gym.id}")) == {"detail": "Insufficient permissions"}


@pytest.mark.row("KM-3", "KM-17")
def test_administrators_reach_their_app_their_tenants_or_all(gym: Gym, customer: Customer, api: DeployedApi) -> None:
    other = Gym.of(Customer.sign_up(api))
    for role in ("app_admin", "tenant_admin", "platform_admin"):
        assert gym.admin(role).config()["enabled"] is True
    for role, status in (("app_admin", 404), ("tenant_admin", 404), ("platform_admin", 200)):
        stranger = Bearer(api, gym.id, other.admin(role).token)
        expect(status, stranger.call("GET", f"/config/{gym.id}"))
    unknown = gym.admin("platform_admin").call("GET", "/config/00000000-0000-4000-8000-000000000000")
    assert expect(404, unknown) == {"detail": "App not found"}


@pytest.mark.row("KM-4")
def test_forged_tokens_are_invalid(gym: Gym, deployed: Stack, api: DeployedApi) -> None:
    (key,) = expect(200, api.call("GET", "/.well-known/jwks.json"))["keys"]
    pem = jwt.PyJWK.from_dict(key).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body, mark = gym.server().token.split(".")

    def part(value: object) -> str:
        return to_base64url(json.dumps(value).encode())

    by_mac = f"{part({'alg': 'HS256', 'kid': key['kid']})}.{body}"
    forged = {
        "alg none": f"{part({'alg': 'none', 'kid': key['kid']})}.{body}.",
        "HS256 by the public key": f"{by_mac}.{to_base64url(hmac.new(pem, by_mac.encode(), sha256).digest())}",
        "altered": f"{head}.{part({**claims_of(f'{head}.{body}.{mark}'), 'sub': 'x'})}.{mark}",
        "no token": "",
    }
    assert {
        name: (answer.status, answer.json)
        for name, text in forged.items()
        if (answer := Bearer(api, gym.id, text).send("u-1")).status != 401 or answer.json != {"detail": "Invalid token"}
    } == {}
    assert expect(401, api.call("POST", "/push/send", {})) == {"detail": "Invalid token"}
