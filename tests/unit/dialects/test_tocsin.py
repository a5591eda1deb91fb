"""Our own API in this process and in virtual time: limits, proofs of identity, and fields that make no sense."""

import copy
import hmac
import json
import re
from dataclasses import fields
from hashlib import sha256

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.customer import READER, SITE, Customer, expect, new_subscription
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.domain.subscription import Activity, Device

PAGE = {"Origin": SITE}
OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
SUBSCRIPTION = new_subscription()
SHOP = {"name": "Shop", "site_url": f"{SITE}/", "contact": "mailto:push@tocsin.dev"}


@pytest.fixture
def api() -> HttpApi:
    return HttpApi(MemoryEngine())


@pytest.fixture
def customer(api: HttpApi) -> Customer:
    return Customer.sign_up(api)


def page(api: HttpApi, customer: Customer, call: str, body: object, address: str = "203.0.113.9") -> Answer:
    """A page's call."""
    return api.call("POST", f"/sdk/v1/{customer.app}/{call}", body, PAGE, address=address)


# --- limits ---


@pytest.mark.row("PS-20")
def test_pages_may_call_30_times_a_minute_from_each_network(api: HttpApi, customer: Customer) -> None:
    for number in range(30):
        expect(400, page(api, customer, "subscriptions", {}, f"203.0.113.{number}"))
    refused = page(api, customer, "subscriptions", {}, "203.0.113.99")
    assert expect(429, refused)["error"]["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["access-control-allow-origin"] == SITE  # the page may read why, and when to come again
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    expect(400, page(api, customer, "subscriptions", {}, "203.0.114.1"))
    expect(400, page(api, Customer.sign_up(api), "subscriptions", {}, "203.0.113.99"))
    api.engine.clock.advance(60)
    expect(400, page(api, customer, "subscriptions", {}, "203.0.113.99"))


def test_an_app_takes_600_calls_of_pages_a_minute(api: HttpApi, customer: Customer) -> None:
    statuses = [page(api, customer, "unsubscribe", {}, f"10.0.{number // 20}.1").status for number in range(601)]
    assert statuses == [400] * 600 + [429]


@pytest.mark.row("PS-20")
def test_ten_browsers_an_hour_may_take_one_persons_name(api: HttpApi, customer: Customer) -> None:
    def take(name: str) -> int:
        api.engine.clock.advance(61)
        body = {"subscription": new_subscription(), "identity": {"externalId": name}}
        return page(api, customer, "subscriptions", body).status

    assert [take("u-17") for _ in range(11)] == [201] * 10 + [429]
    assert take("u-18") == 201
    api.engine.clock.advance(3600)
    assert take("u-17") == 201


# --- proofs ---


@pytest.fixture(scope="module")
def guarded() -> tuple[HttpApi, Customer, Customer]:
    """A customer who wants proofs, and another one."""
    api = HttpApi(MemoryEngine())
    return api, Customer.sign_up(api, identity="required"), Customer.sign_up(api)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["u-17", "u-18", "email:u-17", "u-17.1"]),
    kind=st.sampled_from(["external", "email", ""]),
    shift=st.integers(-1_000_000, 1_000_000),
    told=st.integers(-1_000_000, 1_000_000),
    flipped=st.none() | st.integers(0, 255),
    right_secret=st.booleans(),
)
@pytest.mark.row("PS-20")
def test_only_the_customers_own_word_for_this_very_name_and_time_proves_it(
    guarded: tuple[HttpApi, Customer, Customer],
    name: str,
    kind: str,
    shift: int,
    told: int,
    flipped: int | None,
    right_secret: bool,
) -> None:
    api, customer, other = guarded
    api.engine.clock.advance(3600)  # a name is taken ten times an hour at most
    now = int(api.engine.clock.now())
    secret = (customer if right_secret else other).identity_secret.encode()
    mac = int(hmac.new(secret, f"{kind}:{name}.{now + shift}".encode(), sha256).hexdigest(), 16)
    if flipped is not None:
        mac ^= 1 << flipped
    genuine = (name, kind, flipped, right_secret, told) == ("u-17", "external", None, True, shift)
    assume(not genuine)
    proof = {"exp": now + told, "mac": f"{mac:064x}"}
    identity = {"externalId": "u-17", "proof": proof}
    answer = page(api, customer, "subscriptions", {"subscription": SUBSCRIPTION, "identity": identity})
    assert expect(403, answer)["error"]["code"] == "identity_invalid"
    assert not api.engine.storage.subscriptions


@pytest.mark.row("PS-20")
@pytest.mark.parametrize(("life", "status"), [(-1, 403), (0, 201), (7 * 86_400, 201), (7 * 86_400 + 1, 403)])
def test_a_proof_holds_until_its_time_and_for_seven_days_at_most(life: int, status: int, api: HttpApi) -> None:
    customer = Customer.sign_up(api, identity="required")
    exp = int(api.engine.clock.now()) + life
    mac = hmac.new(customer.identity_secret.encode(), f"external:u-17.{exp}".encode(), sha256).hexdigest()
    identity = {"externalId": "u-17", "proof": {"exp": exp, "mac": mac}}
    expect(status, page(api, customer, "subscriptions", {"subscription": new_subscription(), "identity": identity}))


# --- sends ---


@pytest.mark.parametrize(("devices", "status"), [(100, 200), (101, 202)])
def test_a_hundred_are_sent_to_at_once_and_one_more_is_queued(devices: int, status: int, api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=devices)
    client = customer.client()
    for number in range(devices):
        expect(201, client.subscribe(new_subscription(), f"reader{number}@example.com"))
    note = {"to": {"everyone": True}, "title": "t", "body": "b"}
    answer = expect(status, api.operator("POST", customer.at("/sends"), note))
    assert answer["accepted"] + answer["pending"] == devices
    assert len(api.engine.jobs.planned) == (0 if status == 200 else 1)
    assert len(api.engine.transport.requests) == (devices if status == 200 else 0)


# --- fields ---


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"site_url": "javascript:alert(1)"}, "site_url"),
        ({"site_url": "https://user@shop.example/"}, "site_url"),
        ({"icon": "data:image/png;base64,AAAA"}, "icon"),
        ({"origins": ["https://shop.example/"]}, "origins.0"),
        ({"origins": ["http://shop.example"]}, "origins.0"),
        ({"origins": ["https://shop.example:443"]}, "origins.0"),
        ({"origins": ["https://SHOP.example"]}, "origins.0"),
        ({"origins": ["*"]}, "origins.0"),
        ({"origins": ["null"]}, "origins.0"),
        ({"origins": [f"https://s{number}.example" for number in range(51)]}, "origins"),
        ({"contact": "push@tocsin.dev"}, "contact"),
        ({"contact": "mailto:push@localhost"}, "contact"),
        ({"contact": "mailto:push@tocsin.dev\r\nX: 1"}, "contact"),
        ({"contact": "http://tocsin.dev"}, "contact"),
        ({"identity": "maybe"}, "identity"),
        ({"vapid": {"private_key": "AAAA"}}, "vapid"),
        ({"vapid": {}}, "vapid.private_key"),
    ],
)
def test_an_app_that_cannot_be_is_refused_by_field(change: dict[str, object], field: str, api: HttpApi) -> None:
    tenant = expect(201, api.operator("POST", "/admin/tenants", {"name": "Shop"}))["id"]
    error = expect(400, api.operator("POST", f"/admin/tenants/{tenant}/apps", SHOP | change))["error"]
    assert error["field"] == field
    assert not api.engine.storage.apps


@pytest.mark.parametrize("reference", ["", "order 17", "x" * 129, "Bestellung-ä", "a\n"])
def test_a_reference_is_short_and_of_visible_ascii(reference: str, customer: Customer) -> None:
    answer = customer.api.operator("POST", customer.at("/credits"), {"amount": 1, "reference": reference})
    expected = "reference must be 1 to 128 visible ASCII characters, without spaces"
    assert expect(400, answer)["error"]["message"] == expected


@pytest.mark.parametrize("value", ["x", "", "1.5", "9" * 5000])
def test_a_query_that_has_to_be_an_integer_says_no_more(value: str, api: HttpApi, customer: Customer) -> None:
    answer = api.call("GET", customer.at("/reconciliation"), headers=OPERATOR, query={"days": value})
    assert expect(400, answer)["error"]["message"] == "days must be an integer"


def test_a_member_that_has_to_be_an_integer_says_no_more(customer: Customer) -> None:
    wrong: list[object] = ["5", 1.5, True, [], None]
    for amount in wrong:
        answer = customer.api.operator("POST", customer.at("/credits"), {"amount": amount, "reference": "x"})
        assert expect(400, answer)["error"]["message"] == "amount must be an integer"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"bearer {OPERATOR_KEY}", 200),
        (f"BEARER  {OPERATOR_KEY}", 200),
        (f"Bearer{OPERATOR_KEY}", 401),
        (f"Basic {OPERATOR_KEY}", 401),
        (OPERATOR_KEY, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
    ],
)
def test_the_operators_scheme_may_be_written_in_any_case(header: str, status: int, api: HttpApi) -> None:
    expect(status, api.call("GET", "/admin/tenants", headers={"Authorization": header}))


@pytest.mark.row("X-10", "CS-5")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(({name: None}, name) for name in ("name", "site_url", "origins", "contact", "identity", "plan", "limits")),
        ({"dialects": None}, "dialects"),
        ({"name": ""}, "name"),
        ({"site_url": "javascript:alert(1)"}, "site_url"),
        ({"icon": ""}, "icon"),
        ({"origins": ["https://*.com"]}, "origins.0"),
        ({"origins": ["https://a.example", "http://*.a.example"]}, "origins.1"),
        ({"origins": [f"https://s{number}.example" for number in range(51)]}, "origins"),
        ({"contact": "mailto:push@localhost"}, "contact"),
        ({"identity": "REQUIRED"}, "identity"),
        ({"plan": "gold"}, "plan"),
        ({"limits": {}}, "limits.hourly"),
        ({"limits": {"hourly": 1}}, "limits.daily"),
        ({"limits": {"hourly": -1, "daily": None}}, "limits.hourly"),
        ({"limits": {"hourly": 1.5, "daily": None}}, "limits.hourly"),
        ({"limits": {"hourly": True, "daily": None}}, "limits.hourly"),
        ({"limits": {"hourly": 1_000_000_001, "daily": None}}, "limits.hourly"),
        ({"limits": {"monthly": 1}}, "limits.hourly"),
        ({"limits": {"hourly": 1, "daily": 1, "monthly": -1}}, "limits.monthly"),
        ({"limits": {"hourly": 1, "daily": 1, "monthly": "1"}}, "limits.monthly"),
        ({"limits": {"hourly": 1, "daily": 1, "monthly": 1_000_000_001}}, "limits.monthly"),
        ({"limits": {"hourly": 1, "daily": 1, "weekly": 1}}, "limits.weekly"),
        ({"plan": "starter", "limits": {"hourly": 1, "daily": 1}}, "limits"),
        ({"dialects": {"tocsin": False}}, "dialects"),
        ({"dialects": {"nothing": True}}, "dialects"),
        ({"dialects": {"cloudsignal": "off"}}, "dialects.cloudsignal"),
        ({"dialects": ["cloudsignal"]}, "dialects"),
        ({"origin": ["https://shop.example"]}, "origin"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_field_and_changes_nothing(
    change: dict[str, object], field: str, api: HttpApi, customer: Customer
) -> None:
    before = copy.deepcopy((api.engine.storage.apps, api.engine.storage.audit))
    # With a good change beside it: all or nothing.
    answer = api.operator("PATCH", customer.at(""), {"name": "Store", "icon": f"{SITE}/i.png"} | change)
    assert expect(400, answer)["error"]["field"] == field
    assert (api.engine.storage.apps, api.engine.storage.audit) == before


@pytest.mark.parametrize("body", [{}, {"dialects": {}}, {"icon": None}, {"plan": "scale"}])
def test_a_change_of_nothing_is_no_change(body: dict[str, object], api: HttpApi, customer: Customer) -> None:
    before = copy.deepcopy((api.engine.storage.apps, api.engine.storage.audit))
    shown = expect(200, api.operator("GET", customer.at("")))
    assert expect(200, api.operator("PATCH", customer.at(""), body)) == shown
    assert (api.engine.storage.apps, api.engine.storage.audit) == before


def test_null_takes_an_icon_away(api: HttpApi, customer: Customer) -> None:
    for icon in (f"{SITE}/icon.png", None):
        assert expect(200, api.operator("PATCH", customer.at(""), {"icon": icon}))["icon"] == icon
        assert expect(200, api.operator("PATCH", customer.at(""), {"name": f"with {icon}"}))["icon"] == icon


@pytest.mark.row("CS-24")
@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("people/export", {"external_id": "{}"}, "external_id"),
        ("people/erase", {"external_id": "{}"}, "external_id"),
        ("user-tokens", {"user_id": "{}"}, "user_id"),
        ("sends", {"to": {"external_ids": ["{}"]}, "title": "t", "body": "b"}, "to.external_ids.0"),
    ],
)
@pytest.mark.parametrize("name", ["", " ", "\n\u3000", "x" * 257])
def test_a_persons_id_says_something_in_256_characters(
    call: str, body: dict[str, object], field: str, name: str, api: HttpApi, customer: Customer
) -> None:
    sent = json.loads(json.dumps(body).replace('"{}"', json.dumps(name)))
    answer = api.operator("POST", customer.at(f"/{call}"), sent)
    assert expect(400, answer)["error"]["field"] == field


@pytest.mark.parametrize(
    "limits", [{"hourly": 0, "daily": 0, "monthly": 0}, {"hourly": None, "daily": 7, "monthly": 70}]
)
def test_what_is_left_of_hour_day_and_month_is_told_with_the_end_of_each(
    limits: dict[str, int | None], api: HttpApi, customer: Customer
) -> None:
    expect(200, api.operator("PATCH", customer.at(""), {"limits": limits}))
    assert expect(200, api.operator("GET", customer.at("/quota"))) == {
        "hourly": {"limit": limits["hourly"], "used": 0, "resets_at": "2027-01-15T09:00:00Z"},
        "daily": {"limit": limits["daily"], "used": 0, "resets_at": "2027-01-16T00:00:00Z"},
        "monthly": {"limit": limits["monthly"], "used": 0, "resets_at": "2027-02-01T00:00:00Z"},
    }


def test_limits_are_set_together_and_a_month_that_is_left_out_has_none(api: HttpApi) -> None:
    customer = Customer.sign_up(api, limits={"hourly": None, "daily": 7, "monthly": 70})
    made = expect(200, api.operator("GET", customer.at("")))
    assert (made["plan"], made["limits"]) == (None, {"hourly": None, "daily": 7, "monthly": 70})
    changed = expect(200, api.operator("PATCH", customer.at(""), {"limits": {"hourly": 100, "daily": 1000}}))
    assert (changed["plan"], changed["limits"]) == ("starter", {"hourly": 100, "daily": 1000, "monthly": None})
    changed = expect(
        200, api.operator("PATCH", customer.at(""), {"limits": {"hourly": 100, "daily": 1000, "monthly": 0}})
    )
    assert (changed["plan"], changed["limits"]["monthly"]) == (None, 0)


def test_an_export_has_all_that_is_kept_but_what_is_listed_here(api: HttpApi, customer: Customer) -> None:
    """A new member of a subscription has to be handed over, or to be listed here with its reason."""
    identity = {"externalId": "u-17", "email": READER}
    wanted = {"subscription": SUBSCRIPTION, "identity": identity, "tags": ["vip"], "lang": "de", "tz": "Europe/Berlin"}
    expect(201, page(api, customer, "subscriptions", wanted | {"standalone": True}))
    [kept] = api.engine.storage.subscriptions.values()
    [told] = expect(200, api.operator("POST", customer.at("/people/export"), {"external_id": "u-17"}))["subscriptions"]
    under_another_name = {"address": "email", "labels": "tags", "activity": "notifications"}
    left_out = {
        "app": "in the request's path",
        "keys": "secrets of the browser",
        "revision": "our counter of changes",
        "rejections": "what push services said of the endpoint lately",
        "untold": "whether the browser has heard of its name",
    }
    for one in fields(kept):
        assert (one.name in left_out) != (under_another_name.get(one.name, one.name) in told), one.name
    assert {one.name for one in fields(Device)} == told["device"].keys()
    assert {one.name for one in fields(Activity)} == {"notified", "accepted_at", "last_send"}  # the last one is ours
    assert told["device"] | {"lang": "de", "timezone": "Europe/Berlin", "standalone": True} == told["device"]
    assert told["identities"].keys() == {"external", "email"}
    assert READER not in json.dumps(told)  # nobody gave it to be shown: only its hash is kept


def test_a_local_page_may_be_an_origin(api: HttpApi) -> None:
    customer = Customer.sign_up(api, origins=["http://localhost:8787", "http://127.0.0.1:9000"])
    answer = api.call("GET", f"/sdk/v1/{customer.app}/config", headers={"Origin": "http://localhost:8787"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:8787"


# --- cross-origin ---


@pytest.mark.row("X-7")
def test_x_7_what_is_public_may_be_read_without_an_origin_and_is_then_not_shared(
    api: HttpApi, customer: Customer
) -> None:
    answer = api.call("GET", f"/sdk/v1/{customer.app}/config")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.row("X-7")
def test_x_7_the_sdks_calls_answer_a_preflight(api: HttpApi, customer: Customer) -> None:
    for call, method in (("config", "GET"), ("identify", "POST"), ("message", "POST"), ("unsubscribe", "POST")):
        path = f"/sdk/v1/{customer.app}/{call}"
        answer = api.call("OPTIONS", path, headers=PAGE)
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["access-control-allow-methods"] == method
        assert api.call("OPTIONS", path).headers["allow"] == f"{method}, OPTIONS"


@pytest.mark.row("X-7")
def test_x_7_no_answer_of_a_secret_route_carries_cross_origin_headers(api: HttpApi, customer: Customer) -> None:
    client = customer.client()
    operator = customer.at("/credits")
    answers = [
        client.send(),
        client.send(headers=PAGE),
        client.subscribe(new_subscription()),
        client.unsubscribe(),
        api.operator("GET", operator),
        api.call("GET", operator, headers=PAGE),
        api.call("OPTIONS", operator, headers=PAGE),
        api.call("OPTIONS", "/v1/send", headers=PAGE),
    ]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("site_url", "own"),
    [
        ("https://shop.example/welcome?a=1", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://localhost:9000/", "http://localhost:9000"),
    ],
)
def test_pages_of_the_site_itself_may_subscribe_unless_origins_are_named(site_url: str, own: str) -> None:
    api = HttpApi(MemoryEngine())
    tenant = api.operator("POST", "/admin/tenants", {"name": "T"}).json["id"]
    site = {"name": "A", "site_url": site_url, "contact": "mailto:push@example.com"}
    made = api.operator("POST", f"/admin/tenants/{tenant}/apps", site).json
    assert made["origins"] == [own]
    assert api.operator("POST", f"/admin/tenants/{tenant}/apps", site | {"origins": []}).json["origins"] == []
    assert api.call("GET", f"/sdk/v1/{made['id']}/config", headers={"Origin": own}).status == 200


def test_a_key_that_cannot_be_one_is_not_looked_for() -> None:
    api = HttpApi(MemoryEngine())
    tenant = api.operator("POST", "/admin/tenants", {"name": "T"}).json["id"]
    site = {"name": "A", "site_url": "https://shop.example", "contact": "mailto:push@example.com"}
    app = api.operator("POST", f"/admin/tenants/{tenant}/apps", site).json["id"]
    for key in ("x" * 3000, "ü" * 8, "abc", "abc-defg"):
        assert api.operator("DELETE", f"/admin/apps/{app}/keys/{key}").status == 404


def test_an_app_whose_site_no_browser_would_let_subscribe_is_refused(api: HttpApi, customer: Customer) -> None:
    app = SHOP | {"site_url": "http://shop.example/"}
    path = f"/admin/tenants/{customer.tenant}/apps"
    assert expect(400, api.operator("POST", path, app))["error"]["field"] == "site_url"
    expect(201, api.operator("POST", path, app | {"origins": [SITE]}))


def test_cursors_may_stand_in_a_url_as_they_are(api: HttpApi, customer: Customer) -> None:
    for _ in range(2):
        customer.key()
    first = expect(200, api.call("GET", customer.at("/keys"), headers=OPERATOR, query={"limit": "1"}))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", first["next_cursor"])
    rest = expect(200, api.call("GET", customer.at("/keys"), headers=OPERATOR, query={"cursor": first["next_cursor"]}))
    assert len(rest["keys"]) == 1
    for wrong in ("?", "AAAA", first["next_cursor"] + "A"):
        expect(400, api.call("GET", customer.at("/keys"), headers=OPERATOR, query={"cursor": wrong}))


@pytest.mark.row("X-9")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v2/push/clients/reg_x", "GET, DELETE"),
        ("DELETE", "/admin/apps/app_x", "GET, PATCH"),
        ("GET", "/v1/subscribe", "POST, OPTIONS"),
    ],
)
def test_x_9_a_wrong_method_is_told_all_the_right_ones(method: str, path: str, allowed: str, api: HttpApi) -> None:
    answer = api.call(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_a_limit_out_of_range_is_told_the_range(api: HttpApi) -> None:
    answer = api.call("GET", "/admin/tenants", headers=OPERATOR, query={"limit": "501"})
    assert expect(400, answer)["error"]["message"] == "limit must be less than or equal to 500"


def test_an_empty_list_of_people_is_told_in_a_sentence(api: HttpApi, customer: Customer) -> None:
    answer = api.operator("POST", customer.at("/sends"), {"to": {"emails": []}, "title": "t", "body": "b"})
    assert expect(400, answer)["error"]["message"] == "to.emails must have at least 1 item"
