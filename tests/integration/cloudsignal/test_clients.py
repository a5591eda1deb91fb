"""GET /v2/push/clients, one client, and its removal, at the deployed template."""

import re
import time
from datetime import datetime
from typing import Any

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import DeployedApi, Simulator
from tocsin.dialect_kit.identifiers import parse

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NOT_FOUND = (404, {"detail": "Client registration not found"}, "NOT_FOUND")


def listed(shop: Shop, **query: object) -> dict[str, Any]:
    """A page of clients."""
    answer = shop.server.call("GET", "/clients", query={name: str(value) for name, value in query.items()})
    page: dict[str, Any] = expect(200, answer)
    return page


def ids(page: dict[str, Any]) -> list[str]:
    """Whose page it is."""
    return [client["registration_id"] for client in page["clients"]]


def shown(shop: Shop, id_: str) -> dict[str, Any]:
    """One client."""
    client: dict[str, Any] = expect(200, shop.server.call("GET", f"/clients/{id_}"))
    return client


def when_counted(shop: Shop, id_: str, count: int) -> dict[str, Any]:
    """A client, once it was sent this many notifications."""
    deadline = time.monotonic() + 30
    while (client := shown(shop, id_))["notification_count"] != count:
        assert time.monotonic() < deadline, client
        time.sleep(0.2)
    return client


@pytest.mark.row("CS-29", "CS-30", "CS-31", "CS-33")
def test_cs_29_a_client_has_every_member_of_the_document_and_user_id(shop: Shop) -> None:
    before = time.time()
    visitor = shop.visitor(user_email="Anna.Lee@example.com", user_id="u-17", is_installed=True)

    client = shown(shop, visitor.id)

    assert re.fullmatch(r"reg_[a-z2-7]{20}", client["registration_id"])
    assert INSTANT.fullmatch(client["created_at"])
    assert before - 2 < datetime.fromisoformat(client["created_at"]).timestamp() < time.time() + 2
    assert client == {
        "registration_id": visitor.id,
        "organization_id": shop.customer.tenant.replace("ten_", "org_"),
        "service_id": shop.customer.app.replace("app_", "svc_"),
        "status": "active",
        "is_active": True,
        "is_online": True,
        "is_installed": True,
        "is_subscribed": True,
        "user_email": "Anna.Lee@example.com",
        "user_id": "u-17",
        "last_active": client["created_at"],
        "notification_count": 0,
        "device_info": {"browser_name": None, "browser_version": None, "os_name": None, "device_type": None},
        "created_at": client["created_at"],
    }
    assert listed(shop)["clients"] == [client]


@pytest.mark.row("CS-29", "X-2")
def test_x_2_a_browser_of_another_dialect_is_a_client_whose_address_only_its_hash_is_kept_of(shop: Shop) -> None:
    shop.crowd(1)
    [client] = listed(shop, user_email="reader@example.com")["clients"]
    assert (client["user_email"], client["user_id"], client["is_installed"]) == (None, None, False)
    assert shop.server.send(target_user_emails=["reader@example.com"]).json["successful_sends"] == 1


@pytest.mark.row("CS-27", "CS-28")
def test_cs_28_clients_are_listed_newest_first_each_once_with_an_exact_total(shop: Shop) -> None:
    made = [shop.visitor().id for _ in range(2)]
    time.sleep(1.1)
    made += [shop.visitor().id for _ in range(3)]

    page = listed(shop)

    assert {name: page[name] for name in ("total", "limit", "offset", "next_cursor")} == {
        "total": 5,
        "limit": 100,
        "offset": 0,
        "next_cursor": None,
    }
    assert set(ids(page)) == set(made)
    # By the id itself: its text in base32 sorts otherwise.
    places = [(client["created_at"], parse("reg", client["registration_id"]) or "") for client in page["clients"]]
    assert places == sorted(places, reverse=True)
    pages = [listed(shop, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(one["clients"]) for one in pages] == [2, 2, 1, 0]
    assert [id_ for one in pages for id_ in ids(one)] == ids(page)
    assert {one["total"] for one in pages} == {5}
    first = listed(shop, limit=3)
    second = listed(shop, limit=3, cursor=first["next_cursor"])
    assert ids(first) + ids(second) == ids(page)
    assert second["next_cursor"] is None


@pytest.mark.row("CS-27", "CS-28", "CS-32")
def test_cs_27_status_and_address_filter_alone_and_together(shop: Shop) -> None:
    anna, gone, left, bert = (
        shop.visitor(user_email=f"{name}@example.com") for name in ("anna", "anna", "anna", "bert")
    )
    gone.agent.delete()
    assert shop.server.send(target_registration_ids=[gone.id]).json["invalid_registrations"] == [gone.id]
    expect(200, shop.server.call("DELETE", f"/clients/{left.id}"))

    for query, expected in (
        ({"status": "active"}, {anna.id, bert.id}),
        ({"status": "expired"}, {gone.id}),
        ({"status": "unregistered"}, {left.id}),
        ({"status": "inactive"}, set()),
        ({"user_email": " ANNA@example.com"}, {anna.id, gone.id, left.id}),
        ({"user_email": "anna@example.com", "status": "active"}, {anna.id}),
        ({"user_email": "bert@example.com", "status": "expired"}, set()),
        ({"user_email": "nobody@example.com"}, set()),
    ):
        page = listed(shop, **query)
        assert (set(ids(page)), page["total"]) == (expected, len(expected))


@pytest.mark.row("CS-27", "CS-37")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=dead", "status"),
        ("status=active&status=expired", "status"),
        ("user_email=nobody", "user_email"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.0", "limit"),
        ("limit=5&limit=6", "limit"),
        ("offset=-1", "offset"),
        ("offset=1e3", "offset"),
        ("offset=100001", "offset"),
        ("cursor=x", "cursor"),
        ("cursor=x&offset=0", "cursor"),
    ],
)
def test_cs_27_a_list_that_cannot_be_asked_for_is_400_in_the_documents_shape(
    query: str, field: str, shop: Shop
) -> None:
    answer = shop.server.call("GET", f"/clients?{query}")
    assert (answer.status, answer.headers["x-error-code"], list(answer.json)) == (400, "INVALID_REQUEST", ["detail"])
    assert answer.json["detail"].startswith(f"{field} ")


@pytest.mark.row("CS-27")
def test_cs_27_a_limit_over_1000_is_cut_and_told_and_100000_is_as_deep_as_offsets_go(shop: Shop) -> None:
    assert [listed(shop, limit=limit)["limit"] for limit in (1, 1000, 1001, 999_999)] == [1, 1000, 1000, 1000]
    assert listed(shop, offset=100_000)["clients"] == []
    assert "next_cursor" in shop.server.call("GET", "/clients?offset=100001").json["detail"]


@pytest.mark.row("CS-27", "CS-31", "CS-32")
def test_cs_31_no_app_sees_pages_or_ends_the_clients_of_another(
    shop: Shop, api: DeployedApi, simulator: Simulator
) -> None:
    victim = Shop.of(Customer.sign_up(api), simulator)
    theirs = [victim.visitor(user_email="anna@example.com").id for _ in range(2)]
    cursor = listed(victim, limit=1)["next_cursor"]
    for name in (theirs[0], theirs[0].replace("reg_", "sub_"), "reg_aaaaaaaaaaaaaaaaaaaa", "uuid-1"):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/doctor")):
            answer = shop.server.call(method, f"/clients/{name}{path}")
            assert (answer.status, answer.json, answer.headers["x-error-code"]) == NOT_FOUND
    assert listed(shop)["total"] == listed(shop, user_email="anna@example.com")["total"] == 0
    assert shop.server.call("GET", "/clients", query={"cursor": cursor}).status == 400
    assert victim.server.call("GET", "/clients", query={"cursor": cursor, "status": "active"}).status == 400
    assert (
        victim.server.call("GET", "/clients", query={"cursor": f"{cursor[:-1]}{'AB'[cursor[-1] == 'A']}"}).status == 400
    )
    assert len(ids(listed(victim, cursor=cursor))) == 1
    assert {shown(victim, id_)["status"] for id_ in theirs} == {"active"}


@pytest.mark.row("CS-32", "CS-16")
def test_cs_32_what_is_deregistered_is_no_target_until_its_person_registers_anew(shop: Shop) -> None:
    visitor, other = shop.visitor(user_email="anna@example.com"), shop.visitor()
    removed = {
        "success": True,
        "registration_id": visitor.id,
        "message": "Client deregistered successfully",
    }
    for _ in range(2):
        answer = shop.server.call("DELETE", f"/clients/{visitor.id}", query={"reason": "user_requested"})
        assert expect(200, answer) == removed

    client = shown(shop, visitor.id)
    assert (client["status"], client["is_active"], client["is_subscribed"]) == ("unregistered", False, False)
    assert shop.server.send(target_user_emails=["anna@example.com"]).json["total_targets"] == 0
    assert shop.server.send(target_registration_ids=[visitor.id]).json["invalid_registrations"] == [visitor.id]
    assert shop.server.send(target_all=True).json["total_targets"] == 1
    body = {"subscription": visitor.agent.subscription, "renew": True}
    page = {"Origin": "https://shop.example"}
    renewed = shop.page.call("POST", "/clients/register", body, page)
    assert (renewed.status, renewed.json, renewed.headers["x-error-code"]) == NOT_FOUND

    again = expect(201, shop.page.call("POST", "/clients/register", body | {"renew": False}, page))

    assert (again["registration_id"], again["status"]) == (visitor.id, "active")
    assert shop.server.send(target_all=True).json["successful_sends"] == 2
    assert [len(visitor.agent.messages(1)), len(other.agent.messages(2))] == [1, 2]


@pytest.mark.row("CS-32")
def test_cs_32_the_reason_is_in_the_audit_log_with_the_key_and_the_request(shop: Shop) -> None:
    made = shop.customer.key(dialect="cloudsignal")
    visitor = shop.visitor()
    path, header = f"/v2/push/clients/{visitor.id}", {"X-Secret-Key": made["key"]}
    call = shop.customer.api.call
    assert call("DELETE", path, headers=header, query={"reason": "x" * 201}).status == 400
    assert shown(shop, visitor.id)["status"] == "active"
    removed = call("DELETE", path, headers=header, query={"reason": "asked by phone, día 3"})
    assert removed.status == 200
    assert call("DELETE", path, headers=header, query={"reason": "again"}).status == 200

    entries = expect(200, shop.customer.api.operator("GET", shop.customer.at("/audit")))["entries"]

    [entry] = [entry for entry in entries if entry["action"] == "client.unregistered"]
    assert (entry["actor"], entry["details"]["reason"]) == (made["id"], "asked by phone, día 3")
    assert entry["request_id"] == removed.headers["x-request-id"]


@pytest.mark.row("CS-20", "CS-29")
def test_cs_20_a_small_sends_outcome_shows_at_its_clients_at_once(shop: Shop) -> None:
    good, gone, bystander = shop.visitor(), shop.visitor(), shop.visitor()
    gone.agent.delete()
    before = shown(shop, good.id)
    time.sleep(1.1)

    for _ in range(2):
        shop.server.send(target_registration_ids=[good.id, gone.id])

    after = shown(shop, good.id)
    assert after["notification_count"] == 2
    assert after["last_active"] > before["last_active"]
    assert after | {"notification_count": 0, "last_active": before["last_active"]} == before | {
        "is_online": after["is_online"]
    }
    expired = shown(shop, gone.id)
    assert (expired["status"], expired["is_active"], expired["is_subscribed"]) == ("expired", False, False)
    assert expired["notification_count"] == shown(shop, bystander.id)["notification_count"] == 0


@pytest.mark.row("CS-20", "CS-27", "CS-28", "CS-29")
def test_cs_20_a_large_broadcast_shows_at_everyone_who_was_there(shop: Shop) -> None:
    shop.crowd(99)
    witness, gone = shop.visitor(), shop.visitor()
    gone.agent.delete()
    time.sleep(1.1)

    queued = expect(200, shop.server.call("POST", "/broadcast", {"title": "t", "body": "b"}))

    assert (queued["status"], queued["total_targets"]) == ("queued", 101)
    client = when_counted(shop, witness.id, 1)
    assert client["last_active"] > client["created_at"]
    assert shown(shop, gone.id)["status"] == "expired"
    everybody = [listed(shop, limit=60, offset=offset) for offset in (0, 60)]
    assert [page["total"] for page in everybody] == [101, 101]
    clients = [client for page in everybody for client in page["clients"]]
    assert len({client["registration_id"] for client in clients}) == 101
    counts = {client["registration_id"]: client["notification_count"] for client in clients}
    assert counts.pop(gone.id) == 0
    assert set(counts.values()) == {1}
    late = shop.visitor()
    assert shown(shop, late.id)["notification_count"] == 0
    small = expect(200, shop.server.send(target_registration_ids=[witness.id, late.id]))
    assert small["successful_sends"] == 2
    assert [shown(shop, id_)["notification_count"] for id_ in (witness.id, late.id)] == [2, 1]


@pytest.mark.row("CS-2")
def test_cs_2_reading_and_removing_clients_are_rights_of_their_own(shop: Shop) -> None:
    reader, writer = (shop.customer.cloudsignal(scopes=[scope]) for scope in ("clients:read", "clients:write"))
    visitor = shop.visitor()
    for path in ("/clients", f"/clients/{visitor.id}", f"/clients/{visitor.id}/doctor"):
        assert reader.call("GET", path).status == 200
        assert writer.call("GET", path).headers["x-error-code"] == "FORBIDDEN"
    assert reader.call("DELETE", f"/clients/{visitor.id}").status == 403
    assert writer.call("DELETE", f"/clients/{visitor.id}").status == 200
    assert reader.call("GET", "/service").status == 403


@pytest.mark.row("CS-40", "X-7")
def test_cs_40_no_route_of_a_secret_key_answers_a_page(shop: Shop) -> None:
    visitor = shop.visitor()
    for method, path in (("GET", "/clients"), ("GET", f"/clients/{visitor.id}"), ("DELETE", f"/clients/{visitor.id}")):
        for call in (method, "OPTIONS"):
            answer = shop.server.call(call, path, headers={"Origin": "https://shop.example"})
            assert answer.status in {403, 405}
            assert not any(name.startswith("access-control-") for name in answer.headers)
    assert shown(shop, visitor.id)["status"] == "active"


@pytest.mark.row("CS-3")
def test_cs_3_reading_and_removing_need_no_content_type(shop: Shop) -> None:
    id_ = shop.visitor().id
    for method, path in (
        ("GET", "/clients"),
        ("GET", f"/clients/{id_}"),
        ("DELETE", f"/clients/{id_}"),
        ("GET", "/service"),
    ):
        assert shop.server.call(method, path, headers={"Content-Type": "text/html"}).status == 200
    assert shop.page.call("POST", "/clients/register", new_subscription(), {"Content-Type": "text/html"}).status in {
        400,
        403,
    }
