"""What pages call: registering and staying online, in this process and in virtual time."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.customer import expect, new_subscription
from tests.engine import MemoryEngine
from tests.unit.dialects.cloudsignal_shop import ANNA, PAGE, Shop, ids, refused
from tests.unit.dialects.test_bad_bodies import JSON, NOT_JSON_OBJECTS, RECORDS, WRONG, places, with_value


@pytest.fixture
def shop() -> Shop:
    return Shop.open(MemoryEngine())


def test_a_page_is_told_its_client_without_the_names_and_the_customer_with_them(shop: Shop) -> None:
    answer = shop.register(user_email=f" {ANNA} ", user_id="u-17", is_installed=True)
    told = expect(201, answer)
    assert "user_email" not in told
    assert "user_id" not in told
    assert ANNA not in answer.body.decode()
    assert told["status"] == "active"
    shown = shop.client(told["registration_id"])
    assert (shown.pop("user_email"), shown.pop("user_id")) == (ANNA, "u-17")
    assert shown == told
    assert (shown["is_installed"], shown["is_online"], shown["notification_count"]) == (True, True, 0)
    assert shown["organization_id"].startswith("org_")
    assert shown["service_id"] == "svc_" + shop.customer.app.removeprefix("app_")


def test_the_device_is_what_the_page_says_and_otherwise_what_its_headers_say(shop: Shop) -> None:
    hints = {"Sec-CH-UA": '"Not_A Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"', "Sec-CH-UA-Mobile": "?0"}
    told = expect(
        201, shop.register(hints | {"Sec-CH-UA-Platform": '"Windows"'}, device_info={"os_name": "Windows 11"})
    )
    assert told["device_info"] == {
        "browser_name": "Chrome",
        "browser_version": "120",
        "os_name": "Windows 11",
        "device_type": "desktop",
    }
    unknown = expect(201, shop.register({"User-Agent": "something"}))["device_info"]
    assert unknown == dict.fromkeys(("browser_name", "browser_version", "os_name", "device_type"))


@pytest.mark.parametrize(
    "fields",
    [
        {"subscription": None},
        {"subscription": {"endpoint": "https://push.example/x"}},
        {"subscription": new_subscription() | {"endpoint": "https://localhost/x"}},
        {"user_email": "nobody"},
        {"user_email": 5},
        {"user_id": ""},
        {"user_id": "x" * 257},
        {"is_installed": "yes"},
        {"identity": 5},
        {"identity": ""},
        {"identity": {"exp": "soon", "mac": ""}},
        {"device_info": []},
        {"device_info": {"device_type": "fridge"}},
        {"device_info": {"browser_name": "x" * 65}},
        {"renew": 1},
    ],
)
def test_a_registration_that_makes_no_sense_is_400_and_stores_nothing(fields: dict[str, Any], shop: Shop) -> None:
    detail = refused(shop.register(**fields), 400, "INVALID_REQUEST")
    assert detail.startswith(next(iter(fields)))
    assert not shop.engine.storage.subscriptions


@pytest.mark.parametrize("proof", [5, "", [], {"exp": 5}, {"exp": "soon", "mac": ""}, "x" * 4097])
def test_what_is_no_proof_is_told_in_the_callers_words(proof: object, shop: Shop) -> None:
    detail = refused(shop.register(user_id="u-17", identity=proof), 400, "INVALID_REQUEST")
    assert detail == "identity must be an object with exp and mac, or a user token"


def test_a_registration_must_say_that_it_is_json(shop: Shop) -> None:
    answer = shop.register({"Content-Type": "text/plain"})
    assert refused(answer, 400, "INVALID_REQUEST") == "Content-Type must be application/json"
    assert not shop.engine.storage.subscriptions


@pytest.mark.parametrize("path", ["/clients/register", "/clients/heartbeat"])
def test_only_a_publishable_key_in_its_own_header_registers(path: str, shop: Shop) -> None:
    body = {"subscription": new_subscription(), "registration_id": "reg_x"}
    call = shop.customer.api.call
    refused(shop.server.call("POST", path, body), 401, "UNAUTHORIZED")
    refused(call("POST", f"/v2/push{path}", body, PAGE | {"X-Publishable-Key": shop.server.key}), 403, "FORBIDDEN")
    refused(call("POST", f"/v2/push{path}", body, {"X-Publishable-Key": shop.server.key}), 403, "FORBIDDEN")
    refused(call("POST", f"/v2/push{path}", body, PAGE | {"X-Secret-Key": shop.page.key}), 401, "UNAUTHORIZED")
    assert not shop.engine.storage.subscriptions


def test_a_publishable_key_reads_no_clients(shop: Shop) -> None:
    for path in ("/clients", "/clients/reg_x", "/clients/reg_x/doctor", "/service"):
        answer = shop.customer.api.call("GET", f"/v2/push{path}", headers={"X-Secret-Key": shop.page.key})
        refused(answer, 403, "FORBIDDEN")


def test_a_proof_lets_a_name_be_used_where_one_is_asked_for(shop: Shop) -> None:
    strict = Shop.open(shop.engine, identity="required")
    app = shop.engine.registry.app(strict.app)
    assert app is not None
    token, _ = shop.engine.user_tokens.issue(app, "u-17", 60)
    refused(strict.register(user_id="u-17"), 403, "FORBIDDEN")
    refused(strict.register(user_id="u-18", identity=token.text), 403, "FORBIDDEN")
    refused(strict.register(user_id="u-17", identity={"exp": 1_800_000_060, "mac": "0" * 64}), 403, "FORBIDDEN")
    assert strict.client(strict.registered(user_id="u-17", identity=token.text))["user_id"] == "u-17"


def test_what_was_deregistered_comes_back_by_a_press_and_by_no_program(shop: Shop) -> None:
    subscription = new_subscription()
    id_ = shop.registered(subscription=subscription, user_email=ANNA)
    expect(200, shop.server.call("DELETE", f"/clients/{id_}"))
    detail = refused(shop.register(subscription=subscription, renew=True), 404, "NOT_FOUND")
    assert detail == "Client registration not found"
    assert shop.client(id_)["status"] == "unregistered"
    assert shop.registered(subscription=subscription) == id_
    shown = shop.client(id_)
    assert (shown["status"], shown["user_email"]) == ("active", None)


def test_the_next_persons_names_all_take_the_place_of_the_last_ones(shop: Shop) -> None:
    subscription = new_subscription()
    id_ = shop.registered(subscription=subscription, user_id="u-1")
    shop.registered(subscription=subscription, user_id="u-2", user_email=ANNA)
    assert (shop.client(id_)["user_id"], shop.client(id_)["user_email"]) == ("u-2", ANNA)
    assert ids(shop.clients(user_email=ANNA)) == [id_]


# --- online ---


def test_a_client_is_online_for_five_minutes_after_each_sign_of_life(shop: Shop) -> None:
    id_ = shop.registered()
    shop.engine.clock.advance(299)
    assert shop.client(id_)["is_online"]
    shop.engine.clock.advance(1)
    before = shop.client(id_)
    assert not before["is_online"]
    beat = shop.page.call("POST", "/clients/heartbeat", {"registration_id": id_}, PAGE)
    assert expect(200, beat) == {"success": True, "registration_id": id_}
    after = shop.client(id_)
    assert after["is_online"]
    assert after["last_active"] > before["last_active"]


def test_a_heartbeat_of_no_active_client_is_not_found(shop: Shop) -> None:
    id_, stranger = shop.registered(), Shop.open(shop.engine).registered()
    expect(200, shop.server.call("DELETE", f"/clients/{id_}"))
    for name in (id_, stranger, "reg_aaaaaaaaaaaaaaaaaaaa", "nonsense", ""):
        beat = shop.page.call("POST", "/clients/heartbeat", {"registration_id": name}, PAGE)
        assert refused(beat, 404, "NOT_FOUND") == "Client registration not found"
    assert shop.client(id_)["status"] == "unregistered"


# --- bodies that are wrong in every way ---

REGISTRATION: dict[str, Any] = {
    "subscription": new_subscription(),
    "user_email": ANNA,
    "user_id": "u-17",
    "is_installed": True,
    "identity": {"exp": 1_800_000_100, "mac": "0" * 64},
    "device_info": {"browser_name": "Chrome", "browser_version": "120", "os_name": "Windows", "device_type": "desktop"},
    "renew": False,
}
BODIES: dict[str, dict[str, Any]] = {"register": REGISTRATION, "heartbeat": {"registration_id": "reg_x"}}


def changes_nothing_if_refused(shop: Shop, path: str, body: object) -> None:
    """POST as a page, in a minute of its own: never a server's error, and a refusal leaves no trace."""
    shop.engine.clock.advance(3601)
    before = {name: copy.copy(getattr(shop.engine.storage, name)) for name in RECORDS}
    answer = shop.page.call("POST", f"/clients/{path}", body, PAGE)
    assert answer.status < 500
    if answer.status >= 400:
        refused(answer, answer.status, answer.headers["x-error-code"])
        assert before == {name: getattr(shop.engine.storage, name) for name in RECORDS}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", NOT_JSON_OBJECTS.values(), ids=NOT_JSON_OBJECTS.keys())
def test_what_is_no_json_object_is_400(path: str, body: bytes, shop: Shop) -> None:
    refused(shop.page.call("POST", f"/clients/{path}", body, PAGE), 400, "INVALID_REQUEST")
    assert not shop.engine.storage.subscriptions


@pytest.mark.parametrize("path", BODIES)
def test_a_wrong_value_in_any_member_is_a_refusal_without_a_trace_or_means_something(path: str, shop: Shop) -> None:
    for place in places(BODIES[path]):
        for wrong in WRONG:
            changes_nothing_if_refused(shop, path, with_value(BODIES[path], place, wrong))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from([*BODIES]))
def test_no_body_is_a_server_error(path: str, data: st.DataObject, shop: Shop) -> None:
    place = data.draw(st.sampled_from([*places(BODIES[path])]))
    changed = JSON.map(lambda value: with_value(BODIES[path], place, value))
    body = data.draw(changed | JSON | st.binary(max_size=60))
    changes_nothing_if_refused(shop, path, body if isinstance(body, bytes) else json.dumps(body).encode())
