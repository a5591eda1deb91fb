"""CloudSignal's clients in this process and in virtual time: lists, cursors, removal, and other apps."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import OPERATOR
from tests.customer import expect
from tests.engine import MemoryEngine
from tests.unit.dialects.cloudsignal_shop import ANNA, Shop, ids, refused
from tocsin.application.configuring import Changes
from tocsin.domain.audit import Action
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import DialectName


@pytest.fixture
def shop() -> Shop:
    return Shop.open(MemoryEngine())


@pytest.mark.parametrize(
    "query",
    [
        {"status": "dead"},
        {"status": "ACTIVE"},
        {"status": ""},
        {"status": "active,expired"},
        {"user_email": "nobody"},
        {"user_email": ""},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "1.0"},
        {"limit": "1e2"},
        {"limit": "+5"},
        {"limit": " 5"},
        {"limit": "1_0"},
        {"limit": "\u0665"},
        {"limit": ""},
        {"limit": "ten"},
        {"offset": "-1"},
        {"offset": "9" * 30},
        {"offset": "x"},
        {"offset": ""},
        {"cursor": ""},
        {"cursor": "x"},
        {"cursor": "AAAA" * 20},
        {"cursor": "é"},
        {"cursor": "x", "offset": "0"},
    ],
)
def test_a_list_that_cannot_be_asked_for_is_400_in_the_documents_shape(query: dict[str, str], shop: Shop) -> None:
    detail = refused(shop.clients(**query), 400, "INVALID_REQUEST")
    assert detail.startswith(next(iter(query)))


@pytest.mark.parametrize("filters", [{}, {"user_email": ANNA}, {"status": "expired"}])
def test_an_offset_over_100000_is_400_and_names_the_cursor(filters: dict[str, str], shop: Shop) -> None:
    detail = refused(shop.clients(**filters, offset=100_001), 400, "INVALID_REQUEST")
    assert "next_cursor" in detail
    assert expect(200, shop.clients(**filters, offset=100_000))["clients"] == []


def test_a_limit_over_1000_is_cut_and_told(shop: Shop) -> None:
    assert [expect(200, shop.clients(limit=limit))["limit"] for limit in (1, "0001", 1000, 1001)] == [1, 1, 1000, 1000]
    assert [expect(200, shop.clients(limit=limit))["limit"] for limit in (10**17, "9" * 30, "9" * 5000)] == [1000] * 3
    assert expect(200, shop.clients())["limit"] == 100


def test_a_wrong_key_is_told_before_a_wrong_query(shop: Shop) -> None:
    answer = shop.customer.api.call("GET", "/v2/push/clients", query={"limit": "0"})
    refused(answer, 401, "UNAUTHORIZED")


def pages_by_offset(shop: Shop, limit: int, **filters: object) -> list[str]:
    """All clients, page by page."""
    found: list[str] = []
    while page := ids(shop.clients(limit=limit, offset=len(found), **filters)):
        shop.engine.clock.advance(1)
        found += page
    return found


def pages_by_cursor(shop: Shop, limit: int, **filters: object) -> list[str]:
    """All clients, page by page; every page but the last is full."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = expect(200, shop.clients(limit=limit, **cursor, **filters))
        shop.engine.clock.advance(1)
        found += [client["registration_id"] for client in page["clients"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["clients"]) == limit
        cursor = {"cursor": page["next_cursor"]}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1_700_000_000, 1_700_000_004), max_size=25), st.integers(1, 9))
def test_every_client_is_on_exactly_one_page_newest_first(created: list[int], limit: int) -> None:
    shop = Shop.open(MemoryEngine())
    listed = shop.fill(created)
    assert pages_by_offset(shop, limit) == listed
    assert pages_by_cursor(shop, limit) == listed
    assert expect(200, shop.clients(limit=1))["total"] == len(created)
    assert pages_by_cursor(shop, limit, status="active") == listed
    assert pages_by_offset(shop, limit, status="expired") == []


def test_offsets_around_the_kept_places_lead_to_the_right_clients(shop: Shop) -> None:
    listed = shop.fill([1_700_000_000 + number // 7 for number in range(2050)])
    for offset in (2049, 999, 1000, 1001, 1999, 2000, 2001, 2050, 2051, 0, 1):
        page = expect(200, shop.clients(limit=3, offset=offset))
        assert [client["registration_id"] for client in page["clients"]] == listed[offset : offset + 3]
        assert (page["total"], page["offset"], page["next_cursor"] is None) == (2050, offset, offset + 3 >= 2050)
    assert shop.engine.subscriptions.marks(shop.app, "active") == {}  # other lists have places of their own
    assert pages_by_offset(shop, 700) == listed
    assert pages_by_cursor(shop, 1000) == listed


def test_a_list_of_a_state_does_not_take_the_places_of_another_list(shop: Shop) -> None:
    active = shop.fill([1_700_000_000 + number for number in range(1005)])
    shop.fill([1_800_000_000 + number for number in range(1005)], SubscriptionState.EXPIRED)
    assert ids(shop.clients(limit=2, offset=1001))[0] not in active
    assert ids(shop.clients(limit=2, offset=1001, status="active")) == active[1001:1003]


def test_status_and_address_narrow_a_list_together(shop: Shop) -> None:
    mine = [shop.registered(user_email=ANNA) for _ in range(5)]
    other = shop.registered(user_email="bert@example.com")
    expect(200, shop.server.call("DELETE", f"/clients/{mine[2]}"))
    assert set(ids(shop.clients(user_email=f" {ANNA.upper()}"))) == set(mine)
    gone = expect(200, shop.clients(user_email=ANNA, status="unregistered"))
    assert ([client["registration_id"] for client in gone["clients"]], gone["total"]) == ([mine[2]], 1)
    assert expect(200, shop.clients(user_email=ANNA, status="active"))["total"] == 4
    assert expect(200, shop.clients(status="active"))["total"] == 5
    assert other in ids(shop.clients(status="active"))
    assert ids(shop.clients(user_email="nobody@example.com")) == []
    by_offset, by_cursor = (pages(shop, 2, user_email=ANNA) for pages in (pages_by_offset, pages_by_cursor))
    assert by_offset == by_cursor == ids(shop.clients(user_email=ANNA))


# --- cursors ---


def test_a_cursor_is_good_for_its_own_list_only(shop: Shop) -> None:
    for _ in range(3):
        shop.registered(user_email=ANNA)
    stranger = Shop.open(shop.engine)
    for _ in range(3):
        stranger.registered(user_email=ANNA)
    filters: list[dict[str, str]] = [{}, {"status": "active"}, {"user_email": ANNA}]
    filters.append({"status": "active", "user_email": ANNA})
    for made in filters:
        cursor = expect(200, shop.clients(limit=1, **made))["next_cursor"]
        for used in filters:
            answer = shop.clients(limit=2, cursor=cursor, **used)
            if used == made:
                page = expect(200, answer)
                assert (len(page["clients"]), page["next_cursor"], page["offset"]) == (2, None, None)
            else:
                refused(answer, 400, "INVALID_REQUEST")
        refused(stranger.clients(cursor=cursor, **made), 400, "INVALID_REQUEST")


def test_a_cursor_with_any_character_altered_is_400(shop: Shop) -> None:
    for _ in range(2):
        shop.registered()
    cursor = expect(200, shop.clients(limit=1))["next_cursor"]
    for place, character in enumerate(cursor):
        other = "B" if character == "A" else "A"
        refused(shop.clients(cursor=cursor[:place] + other + cursor[place + 1 :]), 400, "INVALID_REQUEST")
    for altered in (cursor[:-1], cursor + "A", f"{cursor}=", cursor.swapcase()):
        refused(shop.clients(cursor=altered), 400, "INVALID_REQUEST")


def test_a_cursor_ends_after_24_hours(shop: Shop) -> None:
    for _ in range(2):
        shop.registered()
    cursor = expect(200, shop.clients(limit=1))["next_cursor"]
    shop.engine.clock.advance(24 * 3600 - 1)
    expect(200, shop.clients(cursor=cursor))
    shop.engine.clock.advance(2)
    refused(shop.clients(cursor=cursor), 400, "INVALID_REQUEST")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(["status", "user_email", "limit", "offset", "cursor", "reason"]), st.text(max_size=30)
    ),
    path=st.sampled_from(["", "/reg_x", "/x/doctor"]),
    method=st.sampled_from(["GET", "DELETE", "POST", "HEAD"]),
)
def test_no_query_is_a_server_error(query: dict[str, str], path: str, method: str, shop: Shop) -> None:
    shop.engine.clock.advance(61)
    assert shop.server.call(method, f"/clients{path}", query=query).status < 500


# --- removal, other apps, switched off ---


def test_a_removal_is_written_down_once_with_its_reason_and_key(shop: Shop) -> None:
    id_ = shop.registered()
    for reason in ("user_requested", "again"):
        answer = shop.server.call("DELETE", f"/clients/{id_}", query={"reason": reason})
        assert expect(200, answer) == {
            "success": True,
            "registration_id": id_,
            "message": "Client deregistered successfully",
        }
    [entry] = [entry for entry in shop.engine.storage.audit if entry.action is Action.CLIENT_UNREGISTERED]
    assert (entry.details["reason"], entry.actor.name) == ("user_requested", shop.server.key[3:11])
    assert entry.actor.request_id == "request-1"


def test_a_reason_is_200_characters_at_most(shop: Shop) -> None:
    id_ = shop.registered()
    answer = shop.server.call("DELETE", f"/clients/{id_}", query={"reason": "x" * 201})
    assert refused(answer, 400, "INVALID_REQUEST").startswith("reason ")
    assert shop.client(id_)["status"] == "active"
    assert shop.server.call("DELETE", f"/clients/{id_}", query={"reason": "é" * 200}).status == 200


def test_no_app_sees_or_ends_anothers_clients(shop: Shop) -> None:
    stranger = Shop.open(shop.engine)
    id_ = stranger.registered(user_email=ANNA)
    for name in (id_, "reg_aaaaaaaaaaaaaaaaaaaa", id_.replace("reg_", "sub_"), id_.upper(), "nonsense"):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/doctor")):
            answer = shop.server.call(method, f"/clients/{name}{path}")
            assert refused(answer, 404, "NOT_FOUND") == "Client registration not found"
    assert ids(shop.clients()) == ids(shop.clients(user_email=ANNA)) == []
    assert stranger.client(id_)["status"] == "active"


def test_while_push_is_switched_off_only_the_service_answers(shop: Shop) -> None:
    id_ = shop.registered()
    shop.engine.configuring.change(shop.app, Changes(dialects_on={DialectName("cloudsignal"): False}), OPERATOR)
    shop.engine.clock.advance(31)
    calls = [("GET", "/clients"), ("GET", f"/clients/{id_}"), ("DELETE", f"/clients/{id_}")]
    for method, path in [*calls, ("GET", f"/clients/{id_}/doctor")]:
        assert refused(shop.server.call(method, path), 403, "FORBIDDEN") == "Push notifications are not enabled"
    assert refused(shop.register(), 403, "FORBIDDEN") == "Push notifications are not enabled"
    service = expect(200, shop.server.call("GET", "/service"))
    assert (service["notifications_enabled"], service["active_registrations"]) == (False, 1)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("My Application", "my-application"), ("  Café & Co. ", "cafe-co"), ("2 Go!", "2-go"), ("店", "svc_")],
)
def test_a_services_identifier_is_its_name_in_the_letters_of_urls(name: str, identifier: str) -> None:
    service = expect(200, Shop.open(MemoryEngine(), name=name).server.call("GET", "/service"))
    assert service["service_name"] == name
    assert service["service_identifier"].startswith(identifier)
    assert identifier in {service["service_identifier"], "svc_"}


@pytest.mark.parametrize(
    ("contact", "shown"),
    [("mailto:push@tocsin.dev", "push@tocsin.dev"), ("https://tocsin.dev/us", None)],
)
def test_a_services_contact_is_an_address_and_null_where_it_is_a_page(contact: str, shown: str | None) -> None:
    service = expect(200, Shop.open(MemoryEngine(), contact=contact).server.call("GET", "/service"))
    assert service["contact_email"] == shown
