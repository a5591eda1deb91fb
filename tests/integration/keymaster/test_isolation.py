"""Every Keymaster route against every token, at the deployed API: a new route is in the table by existing."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, expect
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.isolation import BY_TOKEN, OPEN
from tests.keymaster import NOTE, Gym
from tests.routes import KnownRoute, every_route

ROUTES = [route for route in every_route() if route.dialect.name == BY_TOKEN and str(route) not in OPEN]
OPENED_BY = {
    "GET /push/config/{app_id}": {"admin"},
    "PATCH /push/config/{app_id}": {"admin"},
    "PUT /push/apps/{app_id}/users/{user_id}": {"admin"},
    "GET /push/devices/{id}": {"admin"},
    "DELETE /push/devices/{id}": {"user", "service"},
    "POST /push/devices/register": {"user"},
    "POST /push/send": {"service"},
    "POST /push/send/bulk": {"service"},
    "POST /push/send/batch": {"service"},
}
"""Which tokens open a route. KeyError: a new route is not in it yet, add it."""
PERSON = "u-17"


@dataclass(frozen=True, slots=True)
class Party:
    """A gym with tokens of all sorts."""

    gym: Gym
    tokens: Mapping[str, str]

    @classmethod
    def of(cls, gym: Gym) -> "Party":
        bearers = {"service": gym.server(), "user": gym.user(PERSON), "admin": gym.admin()}
        return cls(gym, {kind: bearer.token for kind, bearer in bearers.items()})


class World:
    """A victim and a stranger. canary: stands in what the victim stored, and in no request."""

    def __init__(self, api: DeployedApi, new_subscription: Callable[[], dict[str, Any]]) -> None:
        self.api, self.canary = api, secrets.token_hex(12)
        self.subscription = new_subscription()
        self.victim, self.stranger = (Party.of(Gym.opened(Customer.sign_up(api))) for _ in range(2))
        gym = self.victim.gym
        hook = f"https://hooks.example.com/{self.canary}"
        expect(200, gym.admin().configure(webhook_url=hook))
        self.device = gym.user(f"{PERSON}-{self.canary}").registered(self.subscription)
        expect(200, gym.admin().call("PUT", f"/apps/{gym.id}/users/{PERSON}"))
        self.before = self.state()

    def call(self, route: KnownRoute, headers: Mapping[str, str]) -> Answer:
        """A good request for what is the victim's."""
        app = self.victim.gym.id
        path = {"app_id": app, "user_id": PERSON, "id": app if route.method == "GET" else self.device}
        bodies: dict[str, object] = {
            "PATCH /push/config/{app_id}": {"enabled": False, "webhook_url": None, "regenerate_webhook_secret": True},
            "POST /push/devices/register": {"app_id": app, "platform": "web", "push_token": self.subscription},
            "POST /push/send": NOTE | {"user_id": PERSON},
            "POST /push/send/bulk": NOTE | {"user_ids": [PERSON]},
            "POST /push/send/batch": {"notifications": [NOTE | {"user_id": PERSON}]},
        }
        return self.api.call(route.method, route.at(path), bodies.get(str(route)), headers)

    def state(self) -> dict[str, Any]:
        """What the victim has."""
        admin = self.victim.gym.admin()
        return {"config": admin.config(), **admin.devices()}


@pytest.fixture(scope="module")
def world(deployed: Stack, api: DeployedApi, simulator: Simulator) -> World:
    return World(api, lambda: simulator.user_agent().subscription)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.row("X-3", "KM-2", "KM-3", "KM-4")
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_opens_to_its_own_sort_of_token_only(route: KnownRoute, world: World, api: DeployedApi) -> None:
    own, gym = world.victim.tokens, world.victim.gym
    opened_by = OPENED_BY[str(route)]
    right = own[min(opened_by)]
    customer = gym.customer
    invalid = {
        "no token": {},
        "an empty token": bearer(""),
        "a word": bearer("letmein"),
        "the right token cut short": bearer(right[:-2]),
        "the right token with more": bearer(right + "x"),
        "the right token as Basic": {"Authorization": f"Basic {right}"},
        "the right token in another header": {"X-Api-Key": right},
        "a Keymaster client's key": bearer(gym.client_id + gym.client_secret),
        "another API's key": bearer(customer.key()["key"]),
        "the operator's key": bearer(api.operator_key),
        "the browsers' user token": bearer(
            expect(201, api.operator("POST", customer.at("/user-tokens"), {"user_id": PERSON}))["token"]
        ),
    }
    let_in = {}
    for name, headers in invalid.items():
        answer = world.call(route, headers)
        if answer.status != 401 or answer.json != {"detail": "Invalid token"}:
            let_in[name] = (answer.status, answer.body)
    for kind in own.keys() - opened_by:
        answer = world.call(route, bearer(own[kind]))
        if answer.status not in {401, 403} or world.canary in answer.body.decode():
            let_in[kind] = (answer.status, answer.body)
    for name, headers in {"also another key": {"X-Api-Key": "psk_x"}, "twice": bearer(f"{right}, {right}")}.items():
        answer = world.call(route, bearer(right) | headers)
        if answer.status != 400:
            let_in[name] = (answer.status, answer.body)
    for kind in opened_by - {"user"}:
        answer = world.call(route, bearer(own[kind]) | {"Origin": SITE})
        if answer.status != 403:
            let_in[f"{kind} in a browser"] = (answer.status, answer.body)
    assert let_in == {}


@pytest.mark.row("X-3", "KM-16", "KM-17", "KM-20")
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_strangers_token_reaches_nothing_of_the_victims(route: KnownRoute, world: World) -> None:
    for kind in OPENED_BY[str(route)]:
        answer = world.call(route, bearer(world.stranger.tokens[kind]))
        refusal = answer.json["detail"]
        assert (answer.status, refusal) in {
            (404, "App not found"),
            (404, "Device not found"),
            (400, "User not enrolled"),
        }
        assert world.canary not in f"{answer.headers}{answer.body.decode()}"


def test_after_all_this_the_victim_has_what_she_had(world: World) -> None:
    assert json.dumps(world.state(), sort_keys=True) == json.dumps(world.before, sort_keys=True)
