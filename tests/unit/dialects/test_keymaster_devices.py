"""Registering and removing devices: what a push token can be, whose it is, and what pages may do."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from tests.customer import SITE, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.keymaster import Bearer, Gym
from tests.memory.tokens import MemorySigner, ScriptedIssuerKeys
from tocsin.application.access_tokens import AccessTokens, OtherIssuer
from tocsin.application.known_keys import KnownKeys
from tocsin.application.token_claims import RoleMapping
from tocsin.webpush.encoding import to_base64url


@pytest.mark.row("KM-12")
@pytest.mark.parametrize(
    ("platform", "token", "told"),
    [
        ("web", "{", "push_token must be a PushSubscription"),
        ("web", '{"endpoint": "https://x.example/"}', "push_token must be a PushSubscription"),
        ("web", '{"a": 1, "a": 2}', "push_token must be a PushSubscription"),
        ("web", {**new_subscription(), "endpoint": "https://evil.example/"}, "push_token is not acceptable"),
        ("web", {**new_subscription(), "keys": {"p256dh": "x", "auth": "y"}}, "push_token are not acceptable"),
        ("web", "", "push_token"),
        ("ios", new_subscription(), "push_token must be an FCM registration token"),
        ("ios", "", "push_token"),
        ("android", json.dumps(new_subscription()), "push_token"),
        ("android", "with space", "push_token"),
        ("android", "x" * 4097, "push_token"),
        ("windows", "x", "platform must be"),
        ("web", None, "push_token"),
        ("web", 7, "push_token"),
        ("web", [], "push_token"),
    ],
)
def test_what_is_no_push_token_of_its_platform_is_refused(gym: Gym, platform: str, token: object, told: str) -> None:
    body = {"app_id": gym.id, "platform": platform, "push_token": token}
    answer = gym.user("u-1").call("POST", "/devices/register", body)
    assert expect(400, answer)["detail"].startswith(told)
    assert gym.admin().devices()["total"] == 0


@pytest.mark.row("KM-12")
def test_a_browser_may_be_registered_by_an_fcm_token_too(gym: Gym) -> None:
    gym.user("u-1").registered("fcm-web-token:APA91", "web")
    [device] = gym.admin().devices()["devices"]
    assert device["platform"] == "web"


@pytest.mark.row("KM-13")
def test_registering_again_updates_when_it_was_last_seen(gym: Gym, engine: MemoryEngine) -> None:
    token = new_subscription()
    gym.user("u-1").registered(token)
    [before] = gym.admin().devices()["devices"]
    engine.clock.advance(3600)
    gym.user("u-1").registered(token)
    [after] = gym.admin().devices()["devices"]
    assert after["device_id"] == before["device_id"]
    assert after["last_seen_at"] > before["last_seen_at"]


@pytest.mark.row("KM-13", "KM-19")
def test_who_gave_a_device_away_stays_enrolled_and_gets_nothing_more(gym: Gym, engine: MemoryEngine) -> None:
    token = new_subscription()
    gym.user("u-1").registered(token)
    gym.user("u-2").registered(token)
    expect(200, gym.server().send("u-1"))
    assert engine.transport.requests == []
    expect(200, gym.server().send("u-2"))
    assert len(engine.transport.requests) == 1


@pytest.mark.row("X-2")
def test_a_device_of_another_api_is_listed_and_reached_by_its_external_id(gym: Gym, engine: MemoryEngine) -> None:
    body = {"subscription": new_subscription(), "identity": {"externalId": "u-5"}}
    made = gym.customer.api.call("POST", f"/sdk/v1/{gym.customer.app}/subscriptions", body, {"Origin": SITE})
    assert made.status == 201
    [device] = gym.admin().devices()["devices"]
    assert device["user_id"] == "u-5"
    expect(200, gym.server().send("u-5"))
    assert len(engine.transport.requests) == 1


@pytest.mark.row("KM-14")
def test_the_hour_of_a_user_is_counted_apart_for_each_app_and_ends(gym: Gym, engine: MemoryEngine) -> None:
    user, token = gym.user("u-1"), new_subscription()
    for _ in range(10):
        user.registered(token)
    answer = user.register(token)
    assert expect(429, answer)["error"] == "rate_limited"
    other = Gym.opened(Customer.sign_up(HttpApi(engine)))
    engine.clock.advance(31)
    other.user("u-1").registered()
    engine.clock.advance(int(answer.headers["retry-after"]))
    gym.user("u-1").registered(token)


@pytest.mark.row("KM-11")
@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "AAAA"}]
)
def test_what_is_no_page_is_refused(gym: Gym, query: dict[str, str]) -> None:
    answer = gym.admin().call("GET", f"/devices/{gym.id}", query=query)
    assert expect(400, answer)["detail"].startswith(next(iter(query)))


@pytest.mark.row("KM-11")
def test_a_thousand_are_listed_at_once(gym: Gym, engine: MemoryEngine) -> None:
    assert gym.admin().devices(limit="100000")["total"] == 0


@pytest.mark.row("X-7")
def test_pages_of_allowed_origins_may_register_and_remove_and_no_others(gym: Gym) -> None:
    api, user = gym.customer.api, gym.user("u-1")
    asked = api.call("OPTIONS", "/push/devices/register", None, {"Origin": SITE})
    assert (asked.status, asked.headers["access-control-allow-headers"]) == (204, "Authorization, Content-Type")
    body = {"app_id": gym.id, "platform": "web", "push_token": new_subscription()}
    answer = user.call("POST", "/devices/register", body, {"Origin": SITE})
    device = expect(201, answer)["device_id"]
    assert answer.headers["access-control-allow-origin"] == SITE
    expect(403, user.call("POST", "/devices/register", body, {"Origin": "https://evil.example"}))
    asked = api.call("OPTIONS", f"/push/devices/{device}", None, {"Origin": SITE})
    assert (asked.status, asked.headers["access-control-allow-methods"]) == (204, "DELETE")
    expect(403, user.call("DELETE", f"/devices/{device}", headers={"Origin": "https://evil.example"}))
    expect(200, user.call("DELETE", f"/devices/{device}", headers={"Origin": SITE}))


def test_servers_calls_answer_no_page(gym: Gym) -> None:
    for path in ("/push/send", f"/push/config/{gym.id}", "/auth/token"):
        answer = gym.customer.api.call("OPTIONS", path, None, {"Origin": SITE})
        assert answer.status == 405
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.row("KM-16")
def test_an_administrators_token_removes_nothing(gym: Gym) -> None:
    device = gym.user("u-1").registered()
    assert expect(403, gym.admin().call("DELETE", f"/devices/{device}")) == {"detail": "Missing required scope"}


@pytest.mark.row("KM-16", "KM-19")
def test_who_removed_all_devices_stays_enrolled(gym: Gym, engine: MemoryEngine) -> None:
    device = gym.user("u-1").registered()
    expect(200, gym.user("u-1").call("DELETE", f"/devices/{device}"))
    expect(200, gym.server().send("u-1"))
    assert engine.transport.requests == []
    gym.user("u-1").registered()


class Login:
    """An OpenID Connect issuer that the operator trusts."""

    issuer, audience = "https://login.example/", "push"

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.signer = MemorySigner(99)
        key = {**json.loads(ECAlgorithm.to_jwk(self.signer.private.public_key())), "kid": "k"}
        keys = KnownKeys(ScriptedIssuerKeys(key), engine.clock)
        other = OtherIssuer(self.issuer, self.audience, keys, RoleMapping())
        vars(engine)["access_tokens"] = AccessTokens(engine.signer, other, engine.clock, engine.randomness)

    def bearer(self, gym: Gym, **claims: object) -> Bearer:
        """Somebody with a token of this issuer."""
        now = int(self.engine.clock.now())
        body = {"iss": self.issuer, "aud": self.audience, "sub": "u-1", "iat": now, "exp": now + 600, **claims}
        signed = f"{part({'alg': 'ES256', 'kid': 'k'})}.{part(body)}"
        return Bearer(gym.customer.api, gym.id, f"{signed}.{to_base64url(self.signer.sign(signed.encode()))}")


def part(value: Mapping[str, Any]) -> str:
    return to_base64url(json.dumps(value).encode())


@pytest.mark.row("KM-2", "KM-19")
def test_a_person_of_another_issuer_registers_at_any_app_or_at_those_that_the_token_names(
    gym: Gym, engine: MemoryEngine
) -> None:
    login, other = Login(engine), Gym.opened(Customer.sign_up(HttpApi(engine)))
    engine.clock.advance(31)
    anywhere, here = login.bearer(gym), login.bearer(gym, aud=["push", gym.id])
    anywhere.registered()
    here.registered()
    expect(201, anywhere.register(app_id=other.id))
    assert expect(404, here.register(app_id=other.id)) == {"detail": "App not found"}
    assert gym.admin().devices()["total"] == 2


@pytest.mark.row("KM-16")
def test_a_token_that_names_no_app_needs_one_in_the_query_to_remove_a_device(gym: Gym, engine: MemoryEngine) -> None:
    login = Login(engine)
    anywhere, here = login.bearer(gym), login.bearer(gym, aud=["push", gym.id])
    first, second = anywhere.registered(), anywhere.registered()
    refused = expect(400, anywhere.call("DELETE", f"/devices/{first}"))
    assert refused["detail"].startswith("app_id is required")
    expect(200, anywhere.call("DELETE", f"/devices/{first}", query={"app_id": gym.id}))
    expect(200, here.call("DELETE", f"/devices/{second}"))


@pytest.mark.row("KM-3")
def test_an_administrator_of_another_issuer_configures_and_can_never_be_a_server(
    gym: Gym, engine: MemoryEngine
) -> None:
    login = Login(engine)
    admin = login.bearer(gym, roles=["platform_admin"])
    expect(200, admin.configure(daily_quota=3))
    assert expect(403, login.bearer(gym).configure(daily_quota=4)) == {"detail": "Insufficient permissions"}
    assert expect(403, admin.send("u-1")) == {"detail": "Missing required scope"}
    server = login.bearer(gym, scope="push:send", client_id=gym.client_id, sub=gym.id)
    assert expect(403, server.send("u-1")) == {"detail": "Missing required scope"}


@pytest.mark.row("KM-12")
def test_messages_are_marked_for_a_person_only_where_the_browser_was_told_the_mark(
    gym: Gym, engine: MemoryEngine
) -> None:
    subscription = new_subscription()

    def checked_as() -> str | None:
        [stored] = engine.storage.subscriptions.values()
        return stored.checked_as

    gym.user("u-1").registered(subscription)
    assert checked_as() is None
    body = {"subscription": subscription, "identity": {"externalId": "u-1"}}
    made = gym.customer.api.call("POST", f"/sdk/v1/{gym.customer.app}/subscriptions", body, {"Origin": SITE})
    assert made.status == 201
    assert checked_as() == "u-1"
    gym.user("u-1").registered(subscription)
    assert checked_as() == "u-1"
    gym.user("u-2").registered(subscription)
    assert checked_as() is None


@pytest.mark.row("KM-2")
def test_only_people_register_devices(gym: Gym) -> None:
    for bearer in (gym.server(), gym.admin()):
        assert expect(401, bearer.register()) == {"detail": "Invalid token"}
    assert gym.admin().devices()["total"] == 0


@pytest.mark.row("KM-16")
def test_a_device_is_removed_by_its_user_or_its_apps_server_once(gym: Gym, engine: MemoryEngine) -> None:
    other = Gym.opened(Customer.sign_up(HttpApi(engine)))
    engine.clock.advance(31)
    first, second = gym.user("u-1").registered(), gym.user("u-1").registered()
    for stranger in (gym.user("u-2"), other.user("u-1"), other.server()):
        assert expect(404, stranger.call("DELETE", f"/devices/{first}")) == {"detail": "Device not found"}
    for owner, device in ((gym.user("u-1"), first), (gym.server(), second)):
        assert expect(200, owner.call("DELETE", f"/devices/{device}")) == {"status": "ok"}
        assert expect(404, owner.call("DELETE", f"/devices/{device}")) == {"detail": "Device not found"}
    assert gym.admin().devices()["total"] == 0
