"""Bodies that are wrong in every way we could think of, and in ways that Hypothesis thinks of: never a server error.

Nothing is stored or charged by what is refused, and each refusal has its dialect's shape.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.customer import READER, SITE, Customer, expect, new_subscription
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.routes import every_route

PROOF = {"exp": 1_800_000_100, "mac": "0" * 64}
KEY = {"dialect": "pushservice", "kind": "secret", "name": "x", "scopes": ["push:send"], "requests_per_minute": 5}
VAPID = {"private_key": "x", "public_key": "y"}

SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "shop-12345",
    "private_key_id": "0" * 40,
    "private_key": "x",
    "client_email": "push@shop-12345.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
CHANGES = {
    "name": "Shop",
    "site_url": SITE,
    "origins": [SITE],
    "contact": "mailto:push@tocsin.dev",
    "identity": "off",
    "icon": f"{SITE}/icon.png",
    "limits": {"hourly": 5, "daily": None, "monthly": 50},
    "dialects": {"pushservice": True},
}


class Site:
    """A deployment with one customer who has one subscribed reader, and a good body for each route that takes one."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.api = HttpApi(self.engine)
        self.customer = Customer.sign_up(self.api)
        key = {"X-Api-Key": self.customer.client().key}
        page = {"X-Api-Key": self.customer.client("publishable").key, "Origin": SITE}
        operator, browser = {"Authorization": f"Bearer {OPERATOR_KEY}"}, {"Origin": SITE}
        subscription, app = new_subscription(), self.customer.app
        enrolment = {"email": READER, "subscription": subscription, "identity": PROOF}
        assert self.api.call("POST", "/v1/subscribe", enrolment, key).status == 201
        made = self.api.call("POST", f"/sdk/v1/{app}/subscriptions", {"subscription": subscription}, browser)
        person = {"externalId": "u-17", "email": READER, "proof": PROOF}
        shop = {
            "name": "Shop",
            "site_url": SITE,
            "contact": "mailto:push@tocsin.dev",
            "origins": [SITE],
            "vapid": VAPID,
        }
        note = {"title": "t", "body": "b", "url": f"{SITE}/x"}
        send = note | {"to": {"everyone": True}, "tag": "x", "ttl": 60, "urgency": "low"}
        sdk_body = {"subscription": subscription, "identity": person, "previous": "x", "tags": ["a"], "lang": "de"}
        self.routes: dict[str, tuple[str, Mapping[str, str], Any]] = {
            "ps send": ("/v1/send", key, note | {"email": READER}),
            "ps subscribe": ("/v1/subscribe", key, enrolment),
            "ps subscribe page": ("/v1/subscribe", page, enrolment),
            "ps unsubscribe": ("/v1/unsubscribe", key, {"email": "nobody@example.com"}),
            "tenant": ("/admin/tenants", operator, {"name": "Shop"}),
            "app": (f"/admin/tenants/{self.customer.tenant}/apps", operator, shop),
            "key": (f"/admin/apps/{app}/keys", operator, KEY),
            "credits": (f"/admin/apps/{app}/credits", operator, {"amount": 5, "reference": "order"}),
            "change": (f"/admin/apps/{app}", operator, CHANGES),
            "vapid key": (f"/admin/apps/{app}/vapid-keys", operator, {"vapid": VAPID, "present": True}),
            "import": (f"/admin/apps/{app}/imports", operator, {"vapid": VAPID, "present": True, "total": 5}),
            "fcm": (f"/admin/apps/{app}/fcm", operator, SERVICE_ACCOUNT),
            "webhook": (
                f"/admin/apps/{app}/webhooks/bnotify",
                operator,
                {"url": f"{SITE}/in", "auth": "x", "rotate": True},
            ),
            "export": (f"/admin/apps/{app}/people/export", operator, {"email": "nobody@example.com"}),
            "erase": (f"/admin/apps/{app}/people/erase", operator, {"external_id": "nobody"}),
            "access token": (f"/admin/apps/{app}/access-tokens", operator, {"type": "admin", "roles": ["app_admin"]}),
            "user token": (f"/admin/apps/{app}/user-tokens", operator, {"user_id": "u-17", "ttl_seconds": 60}),
            "send": (f"/admin/apps/{app}/sends", operator, send),
            "sdk subscribe": (f"/sdk/v1/{app}/subscriptions", browser, sdk_body),
            "sdk identify": (f"/sdk/v1/{app}/identify", browser, {"id": made.json["id"], "identity": person}),
            "sdk unsubscribe": (f"/sdk/v1/{app}/unsubscribe", browser, {"id": "sub_aaaaaaaaaaaaaaaaaaaa"}),
            "sdk message": (f"/sdk/v1/{app}/message", browser, {"id": "0" * 24, "token": "A" * 23}),
        }

    def post(self, route: str, body: object) -> Answer:
        """A request in a minute of its own, so that no window is full."""
        self.engine.clock.advance(61)
        path, headers, _ = self.routes[route]
        return self.api.call(method_of(route), path, body, headers)

    def state(self) -> dict[str, Any]:
        """All records that a request could make, apart from windows and last uses."""
        kept = {name: copy.copy(getattr(self.engine.storage, name)) for name in RECORDS}
        return kept | {"keys": set(self.engine.storage.keys)}


def method_of(route: str) -> str:
    return {"change": "PATCH", "fcm": "PUT", "webhook": "PUT"}.get(route, "POST")


RECORDS = (
    "tenants",
    "apps",
    "audit",
    "vapid_keys",
    "service_accounts",
    "subscriptions",
    "imports",
    "balances",
    "ledger",
    "sends",
    "idempotency",
    "chunks",
    "hooks",
)
ROUTES = list(Site().routes)
OPERATORS = [name for name, (path, _, _) in Site().routes.items() if path.startswith("/admin/")]


def check_refusal(route: str, answer: Answer) -> None:
    """A client's error in the shape of the route's dialect."""
    assert 400 <= answer.status < 500
    if route.startswith("ps"):
        assert list(answer.json) == ["error"]
        assert isinstance(answer.json["error"], str)
        assert answer.headers["x-error-code"]
    else:
        assert {"code", "message"} <= answer.json["error"].keys() <= {"code", "message", "field"}


NOT_JSON_OBJECTS = {
    "empty": b"",
    "blank": b"  ",
    "list": b"[{}]",
    "text": b'"x"',
    "null": b"null",
    "number": b"1",
    "cut off": b'{"email": "a',
    "two": b"{} {}",
    "form": b"email=a%40b.c&title=t",
    "not utf-8": b'{"email": "\xff"}',
    "utf-16": '{"email": "a@b.c"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "duplicate key": b'{"email": "a@b.c", "email": "d@e.f"}',
    "nan": b'{"x": NaN}',
    "infinity": b'{"x": -Infinity}',
    "too large a number": b'{"x": 1e400}',
    "too many digits": b'{"x": ' + b"9" * 5000 + b"}",
    "deep": b'{"x": ' + b"[" * 17 + b"]" * 17 + b"}",
    "very deep": b'{"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "lone surrogate": b'{"x": "\\udc00"}',
    "lone surrogate in a key": b'{"\\ud800": 1}',
    "control character": b'{"x": "\x00"}',
    "over 64 KiB": b'{"x": "' + b"x" * 65_536 + b'"}',
}


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


@pytest.mark.row("PS-1", "PS-26")
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", NOT_JSON_OBJECTS.values(), ids=NOT_JSON_OBJECTS.keys())
def test_what_is_no_json_object_is_refused_everywhere(route: str, body: bytes, site: Site) -> None:
    before = site.state()
    answer = site.post(route, body)
    check_refusal(route, answer)
    assert answer.status == (413 if len(body) > 65_536 and not route.startswith("ps") else 400)
    assert site.state() == before


NUMBERS: list[object] = [None, True, 0, -1, 2**70, 1.5]
WRONG = [*NUMBERS, "", " ", "\r\nX: 1", "\x00", "é" * 5000, "\ufffe", [], [None], {}, {"x": {}}, [[]]]


def places(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every member of a body, members of members too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*path, name)
            yield from places(item, (*path, name))


def objects(body: Any) -> Iterator[tuple[str, ...]]:
    """The body itself and the objects in it, but for `dialects`, whose members are names."""
    yield ()
    yield from (place for place in places(body) if isinstance(value_at(body, place), dict) and place != ("dialects",))


def value_at(body: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        body = body[name]
    return body


def with_value(body: Any, place: tuple[str, ...], value: object) -> Any:
    """The body with one member replaced."""
    changed = copy.deepcopy(body)
    target = changed
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    return changed


@pytest.mark.row("PS-27", "PS-21")
@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_value_in_any_member_is_a_refusal_without_a_trace_or_means_something(route: str, site: Site) -> None:
    body = site.routes[route][2]
    tried = 0
    for place in places(body):
        for wrong in WRONG:
            before = site.state()
            answer = site.post(route, with_value(body, place, wrong))
            assert answer.status < 500, (place, wrong)
            if answer.status >= 400:
                check_refusal(route, answer)
                assert site.state() == before, (place, wrong)
            tried += 1
    assert tried >= len(WRONG)


# The file of a service account is Google's, who may put more into it.
@pytest.mark.parametrize("route", [route for route in OPERATORS if route != "fcm"])
def test_the_operators_bodies_hold_no_member_that_is_not_known(route: str, site: Site) -> None:
    body, before = site.routes[route][2], site.state()
    for place in objects(body):
        name = ".".join((*place, "nope"))
        error = expect(400, site.post(route, with_value(body, (*place, "nope"), 1)))["error"]
        assert error == {"code": "field_invalid", "message": f"{name} is not known here", "field": name}
        assert site.state() == before


def test_every_body_that_the_operator_may_send_is_among_these() -> None:
    asked = [str(route) for route in every_route() if route.path.startswith("/admin/") and route.body is not None]
    assert len(asked) == len(OPERATORS)


def test_what_is_not_known_in_the_bodies_of_other_apis_is_ignored(site: Site) -> None:
    body = site.routes["ps unsubscribe"][2]
    assert site.post("ps unsubscribe", body | {"nope": 1}).status == site.post("ps unsubscribe", body).status


@dataclass(frozen=True, slots=True)
class Missing:
    """A member that must be there."""

    route: str
    place: tuple[str, ...]
    text: str


@pytest.mark.row("PS-27")
@pytest.mark.parametrize(
    "missing",
    [
        Missing("ps send", ("email",), "email is required"),
        Missing("ps send", ("title",), "title is required"),
        Missing("ps send", ("body",), "body is required"),
        Missing("ps subscribe", ("email",), "email is required"),
        Missing("ps subscribe", ("subscription",), "subscription is required"),
        Missing("ps subscribe", ("subscription", "endpoint"), "subscription.endpoint is required"),
        Missing("ps subscribe", ("subscription", "keys"), "subscription.keys is required"),
        Missing("ps subscribe", ("subscription", "keys", "p256dh"), "subscription.keys.p256dh is required"),
        Missing("ps subscribe", ("subscription", "keys", "auth"), "subscription.keys.auth is required"),
        Missing("ps unsubscribe", ("email",), "email is required"),
        Missing("app", ("contact",), "contact is required"),
        Missing("credits", ("reference",), "reference is required"),
        Missing("change", ("limits", "daily"), "limits.daily is required"),
        Missing("vapid key", ("vapid", "private_key"), "vapid.private_key is required"),
        Missing("user token", ("user_id",), "user_id is required"),
        Missing("send", ("to",), "to is required"),
        Missing("sdk identify", ("identity",), "identity is required"),
    ],
    ids=lambda missing: f"{missing.route} {missing.place[-1]}",
)
def test_a_missing_member_is_named(missing: Missing, site: Site) -> None:
    body = copy.deepcopy(site.routes[missing.route][2])
    target = body
    for name in missing.place[:-1]:
        target = target[name]
    del target[missing.place[-1]]
    error = site.post(missing.route, body).json["error"]
    assert (error if isinstance(error, str) else error["message"]) == missing.text


TEXTS = st.text(max_size=40) | st.sampled_from(
    [READER, "https://fcm.googleapis.com/fcm/send/x", "mailto:a@b.c", "-----BEGIN EC PRIVATE KEY-----", "app_", "=="]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
FUZZ = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("route", ROUTES)
@FUZZ
@given(data=st.data())
def test_no_body_is_a_server_error(route: str, site: Site, data: st.DataObject) -> None:
    good = site.routes[route][2]
    place = data.draw(st.sampled_from([*places(good)]))
    body: object = data.draw(JSON.map(lambda value: with_value(good, place, value)) | JSON | st.binary(max_size=60))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    before = site.state()
    answer = site.post(route, raw)
    assert answer.status < 500
    if answer.status >= 400:
        check_refusal(route, answer)
        assert site.state() == before


HEADERS = st.sampled_from(["X-Api-Key", "Authorization", "Idempotency-Key", "Origin", "X-Tenant-Id", "Sec-Fetch-Site"])


@pytest.mark.parametrize("route", ROUTES)
@FUZZ
@given(name=HEADERS, value=st.text(st.characters(max_codepoint=255), max_size=80))
def test_no_header_is_a_server_error(route: str, site: Site, name: str, value: str) -> None:
    path, headers, body = site.routes[route]
    site.engine.clock.advance(61)
    answer = site.api.call(method_of(route), path, body, {**headers, name: value})
    assert answer.status < 500


@FUZZ
@given(path=st.text(st.characters(codec="utf-8"), max_size=30), method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]))
def test_no_path_is_a_server_error(site: Site, path: str, method: str) -> None:
    for prefix in ("/", "/v1/", "/admin/apps/", "/sdk/v1/", f"/sdk/v1/{site.customer.app}/", "/admin/tenants/"):
        site.engine.clock.advance(61)
        headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        assert site.api.call(method, prefix + path, headers=headers).status < 500
