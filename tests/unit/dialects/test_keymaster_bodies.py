"""Bodies of Keymaster calls that are wrong in every way: refused in its shape without a trace, never a server error."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.customer import Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.keymaster import NOTE, Gym
from tests.unit.dialects.test_bad_bodies import FUZZ, JSON, NOT_JSON_OBJECTS, WRONG, places, with_value
from tocsin.domain.access import RoleName

RECORDS = ("apps", "audit", "subscriptions", "persons", "sends", "ledger", "idempotency", "chunks", "hooks")
TOKEN, SUBSCRIPTION = "fcm-token:APA91", new_subscription()
HOOK = "https://hooks.example.com/x"


class Site:
    """A gym in memory, and a good body for every call."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.gym = Gym.opened(Customer.sign_up(HttpApi(self.engine)))
        self.engine.clock.advance(31)
        self.app = self.engine.accounts.app(next(iter(self.engine.storage.apps)))
        self.engine.membership.enrol(self.app.id, "u-1")
        note = {**NOTE, "data": {"route": "/schedule"}, "ttl": 3600}
        config = {"enabled": True, "webhook_url": HOOK, "daily_quota": 9, "regenerate_webhook_secret": False}
        self.routes: dict[str, tuple[str, str, str, Any]] = {
            "config": ("admin", "PATCH", f"/config/{self.gym.id}", config),
            "web": ("user", "POST", "/devices/register", self._device("web", SUBSCRIPTION)),
            "android": ("user", "POST", "/devices/register", self._device("android", TOKEN)),
            "send": ("service", "POST", "/send", note | {"user_id": "u-1"}),
            "bulk": ("service", "POST", "/send/bulk", note | {"user_ids": ["u-1", "u-1"]}),
            "batch": ("service", "POST", "/send/batch", {"notifications": [note | {"user_id": "u-1"}]}),
        }
        self._number = 0

    def call(self, route: str, body: object) -> Answer:
        """A request by somebody new who may make it, in an hour of its own."""
        kind, method, path, _ = self.routes[route]
        self._number += 1
        self.engine.clock.advance(86_401)
        tokens = self.engine.access_tokens
        issued = {
            "admin": lambda: tokens.for_admin(self.app, "eve", [RoleName.APP_ADMIN], 60),
            "user": lambda: tokens.for_user(self.app, f"u-{self._number}", 60),
            "service": lambda: tokens.for_service(self.app, self.gym.client_id, ["push:send"]),
        }[kind]()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return self.gym.customer.api.call(method, f"/push{path}", body, headers)

    def state(self) -> dict[str, Any]:
        return {name: copy.copy(getattr(self.engine.storage, name)) for name in RECORDS}

    def _device(self, platform: str, token: object) -> dict[str, object]:
        return {"app_id": self.gym.id, "platform": platform, "push_token": token}


ROUTES = list(Site().routes)


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


def check(site: Site, before: dict[str, Any], answer: Answer) -> None:
    """Fine, or a client's error in the document's shape that left nothing behind."""
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.status in {400, 403, 404, 429}
        assert answer.json.keys() <= {"detail", "error", "retry_after"}
        assert site.state() == before


@pytest.mark.row("KM-20")
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", NOT_JSON_OBJECTS.values(), ids=NOT_JSON_OBJECTS.keys())
def test_what_is_no_json_object_is_refused(route: str, body: bytes, site: Site) -> None:
    before = site.state()
    answer = site.call(route, body)
    if len(body) > 65_536 and route in {"bulk", "batch"}:
        assert answer.json["detail"].endswith("is required")
    check(site, before, answer)
    assert answer.status == 400


@pytest.mark.row("KM-4", "KM-20")
@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_value_in_any_member_is_a_refusal_without_a_trace_or_means_something(route: str, site: Site) -> None:
    body = site.routes[route][3]
    expect(201 if "devices" in site.routes[route][2] else 200, site.call(route, body))
    tried = 0
    for place in places(body):
        for wrong in WRONG:
            before = site.state()
            check(site, before, site.call(route, with_value(body, place, wrong)))
            tried += 1
    assert tried >= len(WRONG)


@pytest.mark.parametrize("route", ROUTES)
@FUZZ
@given(data=st.data())
def test_no_body_is_a_server_error(route: str, site: Site, data: st.DataObject) -> None:
    good = site.routes[route][3]
    place = data.draw(st.sampled_from([*places(good)]))
    body: object = data.draw(JSON.map(lambda value: with_value(good, place, value)) | JSON | st.binary(max_size=60))
    before = site.state()
    check(site, before, site.call(route, body if isinstance(body, bytes) else json.dumps(body).encode()))


@FUZZ
@given(path=st.text(st.characters(codec="utf-8"), max_size=30), method=st.sampled_from(["GET", "POST", "PUT", "PATCH"]))
def test_no_path_is_a_server_error(site: Site, path: str, method: str) -> None:
    for prefix in (
        "/push/",
        "/push/devices/",
        "/push/config/",
        f"/push/apps/{site.gym.id}/users/",
        "/auth/",
        "/.well-known/",
    ):
        assert site.gym.customer.api.call(method, prefix + path, {}).status < 500


@FUZZ
@given(
    body=st.binary(max_size=200) | st.text(max_size=80).map(str.encode),
    basic=st.none() | st.text(st.characters(max_codepoint=255), max_size=60),
)
def test_no_token_request_is_a_server_error(site: Site, body: bytes, basic: str | None) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | (
        {} if basic is None else {"Authorization": basic}
    )
    answer = site.gym.customer.api.call("POST", "/auth/token", b"grant_type=client_credentials&" + body, headers)
    assert answer.status in {400, 401, 429}
    assert answer.json["detail"]
