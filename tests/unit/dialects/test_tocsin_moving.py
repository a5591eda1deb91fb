"""Imports and exports as the operator's API has them: lines in all the forms that people keep, and round trips."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.customer import SITE, Customer, expect, new_subscription
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.memory.system import START
from tocsin.application.lines import Line
from tocsin.dialects.tocsin import exports
from tocsin.dialects.tocsin.imports import MAX_BYTES
from tocsin.dialects.tocsin.moving import MAX_LINE, read_line
from tocsin.domain.subscription import Platform, SubscriptionState

OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
WEB = {"endpoint": "https://fcm.googleapis.com/fcm/send/x", "keys": {"p256dh": "B", "auth": "A"}}
AT = 1_706_696_553
SECRET = "c4nary"
ODD_TIMES: list[object] = [SECRET, -1, True, 10**30, [], {}, "9999-99-99"]


@pytest.fixture
def api() -> HttpApi:
    return HttpApi(MemoryEngine())


@pytest.fixture
def customer(api: HttpApi) -> Customer:
    return Customer.sign_up(api)


def read(**members: object) -> Line:
    found = read_line(json.dumps({**WEB, **members}).encode())
    assert isinstance(found, Line), found
    return found


def rule(raw: object) -> str:
    found = read_line(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert isinstance(found, str)
    return found


def begun(customer: Customer, **wanted: object) -> str:
    """The path of a new import under the app's own key."""
    keys = expect(200, customer.api.operator("GET", customer.at("/vapid-keys")))["vapid_keys"]
    body = {"vapid_key": keys[0]["id"], **wanted}
    return customer.at(f"/imports/{expect(201, customer.api.operator('POST', customer.at('/imports'), body))['id']}")


def send_lines(customer: Customer, path: str, body: bytes, first: object = 1) -> Answer:
    headers = {**OPERATOR, "Content-Type": "application/x-ndjson"}
    return customer.api.call("POST", f"{path}/lines", body, headers, query={"from": str(first)})


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def export(customer: Customer, **query: str) -> Answer:
    answer = customer.api.call("GET", customer.at("/export"), headers=OPERATOR, query=query)
    assert answer.status == 200, answer.body
    return answer


# --- forms of a line ---


def test_what_a_browser_gives_is_enough() -> None:
    line = read(expirationTime=None)
    assert (line.endpoint, line.p256dh, line.auth) == (WEB["endpoint"], "B", "A")
    assert (line.external_id, line.email, line.labels, line.created_at) == (None, None, (), None)
    assert line.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("member", ["externalId", "external_id", "user_id", "userId"])
@pytest.mark.parametrize("value", ["u-17", 17])
def test_a_person_goes_by_any_usual_name_of_the_member(member: str, value: object) -> None:
    assert read(**{member: value}).external_id == str(value)


@pytest.mark.parametrize("member", ["labels", "tags"])
def test_labels_too_each_once(member: str) -> None:
    assert read(**{member: ["a", "b", "a"]}).labels == ("a", "b")


@pytest.mark.parametrize(
    "value",
    [AT, float(AT), AT * 1000, "2024-01-31T10:22:33Z", "2024-01-31T11:22:33+01:00", "2024-01-31 10:22:33.5"],
)
@pytest.mark.parametrize("member", ["createdAt", "created_at", "seenAt", "expirationTime"])
def test_times_come_as_text_seconds_or_milliseconds(member: str, value: object) -> None:
    line = read(**{member: value})
    assert {line.created_at, line.seen_at, line.expires_at} == {AT, None}


def test_a_subscription_may_stand_in_an_object_of_its_owners() -> None:
    raw = json.dumps({"id": 5, "user_id": "u-17", "subscription": WEB, "created": "yesterday"}).encode()
    found = read_line(raw)
    assert isinstance(found, Line)
    assert (found.endpoint, found.external_id) == (WEB["endpoint"], "u-17")


def test_a_registration_token_has_its_own_form() -> None:
    found = read_line(b'{"platform": "android", "token": "abc:DEF"}')
    assert isinstance(found, Line)
    assert (found.platform, found.endpoint) == (Platform.ANDROID, "fcm:abc:DEF")


def test_null_is_nothing_and_what_is_not_known_is_passed_over() -> None:
    assert read(email=None, tags=None, lang=None, state=None, userAgent="x", contentEncoding=["aes128gcm"]) == read()


@pytest.mark.parametrize("blank", [b"", b"  ", b"\r"])
def test_a_blank_line_is_nothing(blank: bytes) -> None:
    assert read_line(blank) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[]", "the line must be a JSON object"),
        (b"{", "the line must be a JSON object: line 1, column 2"),
        (b'{"endpoint": "a", "endpoint": "b"}', "the line must be a JSON object: a key stands in it twice"),
        (b'{"x": "\xff"}', "the line must be a JSON object in UTF-8"),
        (b'{"x": "' + b"x" * MAX_LINE + b'"}', "the line is longer than 16 KiB"),
        ({"keys": WEB["keys"]}, "endpoint is required"),
        ({"endpoint": SECRET}, "the line must have keys"),
        ({"endpoint": 1, "keys": WEB["keys"]}, "endpoint must be a string"),
        ({"endpoint": SECRET, "keys": {"p256dh": SECRET}}, "keys.auth is required"),
        ({**WEB, "externalId": ""}, "externalId must not be empty"),
        ({**WEB, "externalId": SECRET * 50}, "externalId must be at most 256 characters"),
        ({**WEB, "tags": SECRET}, "labels must be a list"),
        ({**WEB, "tags": [SECRET * 20]}, "labels.0 must have at most 64 characters"),
        ({**WEB, "state": SECRET}, "state must be 'active', 'inactive', 'expired', 'unregistered' or 'bounced'"),
        ({**WEB, "platform": SECRET}, "platform must be 'web', 'ios' or 'android'"),
        ({**WEB, "customData": {"x": SECRET * 1000}}, "customData must be at most 4096 bytes of compact JSON"),
        *(
            (
                WEB | {"createdAt": wrong},
                "createdAt must be a time: ISO 8601, or a number of seconds or milliseconds since 1970",
            )
            for wrong in ODD_TIMES
        ),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_line_is_told_without_what_stands_in_it(raw: object, expected: str) -> None:
    assert rule(raw) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["endpoint", "keys", "subscription", "token", "platform", "expirationTime", "createdAt", "tags", "email", "user_id"]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(changes=st.dictionaries(MEMBERS, JSON, max_size=4), raw=st.none() | st.binary(max_size=60))
def test_no_line_is_more_than_refused(changes: dict[str, Any], raw: bytes | None) -> None:
    read_line(json.dumps({**WEB, **changes}).encode() if raw is None else raw)


# --- routes ---


def test_an_import_from_its_first_line_to_its_end(customer: Customer) -> None:
    path = begun(customer, total=4)
    body = lines(new_subscription(), {"endpoint": "x"}) + b"\n"
    first = expect(200, send_lines(customer, path, body))
    refused = [{"line": 2, "rule": "the line must have keys"}]
    assert first == {"next": 4, "imported": 1, "updated": 0, "unchanged": 0, "refused": refused}
    told = expect(409, send_lines(customer, path, body, 9))["error"]
    assert told == {"code": "conflict", "message": "The next line of this import is 4", "field": "from"}
    assert expect(409, customer.api.operator("POST", f"{path}/finish"))["error"]["code"] == "conflict"
    last = expect(200, send_lines(customer, path, lines({**new_subscription(), "state": "inactive"}), 4))
    assert last["next"] == 5
    customer.api.operator("POST", f"{path}/finish")
    ended = expect(200, customer.api.operator("GET", path))
    counts = [ended[name] for name in ("total", "next", "imported", "updated", "unchanged", "refused")]
    assert (counts, ended["refused_lines"]) == ([4, 5, 2, 0, 0, 1], refused)
    assert ended["finished_at"] is not None


def test_a_thousand_lines_fit_one_call_and_no_more(customer: Customer) -> None:
    path = begun(customer)
    wrong = b"x\n"
    assert expect(200, send_lines(customer, path, wrong * 1000))["next"] == 1001
    refused = expect(413, send_lines(customer, path, wrong * 1001, 1001))["error"]
    assert refused["message"] == "The body has more than 1,000 lines"
    refused = expect(413, send_lines(customer, path, b"x" * (MAX_BYTES + 1), 1001))["error"]
    assert refused["message"] == "The body is larger than 1024 KiB"
    assert expect(200, customer.api.operator("GET", path))["next"] == 1001


def test_a_body_without_lines_changes_nothing(customer: Customer) -> None:
    path = begun(customer)
    assert expect(200, send_lines(customer, path, b""))["next"] == 1


@pytest.mark.parametrize("first", ["0", "-1", "x", "", "1.5", "9" * 30])
def test_lines_are_counted_from_one(customer: Customer, first: str) -> None:
    path = begun(customer)
    assert expect(400, send_lines(customer, path, b"x", first))["error"]["field"] == "from"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"vapid_key": "aaaaaaaaaaaa", "vapid": {"private_key": "x"}},
        {"vapid_key": "aaaaaaaaaaaa", "present": True},
        {"vapid_key": "aaaaaaaaaaaa"},
        {"vapid": {"private_key": "x"}},
        {"vapid_key": "aaaaaaaaaaaa", "total": -1},
    ],
)
def test_an_import_that_cannot_be_leaves_no_trace(customer: Customer, api: HttpApi, body: object) -> None:
    before = len(api.engine.storage.audit)
    expect(400, customer.api.operator("POST", customer.at("/imports"), body))
    assert not api.engine.storage.imports
    assert len(api.engine.storage.audit) == before


@pytest.mark.parametrize("name", ["nonsense", "imp_aaaaaaaaaaaaaaaaaaaa", "x" * 500])
def test_an_import_that_is_not_there_is_not_found(customer: Customer, name: str) -> None:
    path = customer.at(f"/imports/{name}")
    expect(404, customer.api.operator("GET", path))
    expect(404, send_lines(customer, path, b"x"))
    expect(404, customer.api.operator("POST", f"{path}/finish"))


def test_no_page_in_a_browser_moves_anything(customer: Customer) -> None:
    page = {**OPERATOR, "Origin": SITE}
    path = begun(customer)
    for method, at in (("POST", f"{path}/lines"), ("GET", customer.at("/export"))):
        answer = customer.api.call(method, at, b"x" if method == "POST" else None, page)
        assert expect(403, answer)["error"]["code"] == "secret_key_in_browser"
    answer = customer.api.call("POST", customer.at("/export/vapid-keys"), headers=page)
    assert expect(403, answer)["error"]["code"] == "secret_key_in_browser"


# --- exports ---


def told(**members: object) -> dict[str, object]:
    """A line with everything that an export writes, but for the key."""
    return {
        **new_subscription(),
        "externalId": "u-17",
        "email": "anna@example.com",
        "labels": ["a"],
        "state": "active",
        "createdAt": "2024-01-31T10:22:33Z",
        "seenAt": "2024-02-01T00:00:00Z",
        "lang": "de",
        "timezone": "Europe/Berlin",
        "standalone": True,
        "browser": "Firefox",
        "browserVersion": "130",
        "os": "Linux",
        "deviceType": "desktop",
        "country": "DE",
        "customData": {"plan": "gold", "n": 1.5},
        **members,
    }


def test_an_export_tells_every_line_as_it_was_taken_and_imports_again(customer: Customer, api: HttpApi) -> None:
    everyone = [told(externalId=str(number), state=state) for number, state in enumerate(SubscriptionState)]
    everyone[0]["muted"] = True
    everyone += [new_subscription(), {"platform": "ios", "endpoint": "fcm:abc"}]
    taken = expect(200, send_lines(customer, begun(customer, keep_addresses=True), lines(*everyone)))
    assert (taken["imported"], taken["refused"]) == (len(everyone), [])
    body = export(customer).body
    exported = {one["endpoint"]: one for one in map(json.loads, body.splitlines())}
    public = customer.vapid_public_key
    assert all(exported[one["endpoint"]] == one | {"applicationServerKey": public} for one in everyone[:-2])

    other = Customer.sign_up(api)
    [key] = expect(200, api.operator("POST", customer.at("/export/vapid-keys")))["vapid_keys"]
    pair = {"private_key": key["private_key"], "public_key": key["public_key"]}
    new = expect(201, api.operator("POST", other.at("/imports"), {"vapid": pair, "keep_addresses": True}))
    taken = expect(200, send_lines(other, other.at(f"/imports/{new['id']}"), body))
    assert (taken["imported"], taken["refused"]) == (len(everyone), [])
    assert sorted(export(other).body.splitlines()) == sorted(body.splitlines())
    note = {"to": {"everyone": True}, "title": "t", "body": "b"}
    expect(200, api.operator("POST", other.at("/sends"), note))
    posts = [post for post in api.engine.transport.requests if post.url.startswith("https://updates.")]
    assert {post.url for post in posts} == {everyone[0]["endpoint"], everyone[-2]["endpoint"]}
    assert all(dict(post.headers)["Authorization"].endswith(public) for post in posts)


def test_an_address_that_is_kept_as_a_hash_is_withheld_and_said_to_be(customer: Customer) -> None:
    expect(201, customer.client().subscribe(new_subscription()))
    [line] = map(json.loads, export(customer).body.splitlines())
    assert line["withheld"] == ["email"]
    assert "email" not in line
    other = Customer.sign_up(customer.api)
    assert expect(200, send_lines(other, begun(other), lines({**line, "applicationServerKey": None})))["imported"] == 1


def test_pages_hold_each_subscription_once(customer: Customer) -> None:
    path = begun(customer)
    expect(200, send_lines(customer, path, lines(*(new_subscription() for _ in range(7)))))
    seen, query = [], {"limit": "3"}
    while True:
        page = export(customer, **query)
        assert page.headers["x-total-count"] == "7"
        seen.append([json.loads(line)["endpoint"] for line in page.body.splitlines()])
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert [len(page) for page in seen] == [3, 3, 1]
    assert len({endpoint for page in seen for endpoint in page}) == 7


def test_a_page_ends_where_its_bytes_do(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    expect(200, send_lines(customer, begun(customer), lines(*(new_subscription() for _ in range(5)))))
    monkeypatch.setattr(exports, "MAX_BYTES", 900)
    first = export(customer)
    second = export(customer, cursor=first.headers["x-next-cursor"])
    assert 0 < first.body.count(b"\n") < 5
    assert not set(first.body.splitlines()) & set(second.body.splitlines())


def test_a_cursor_is_of_one_app_and_cannot_be_made_up(customer: Customer, api: HttpApi) -> None:
    expect(200, send_lines(customer, begun(customer), lines(new_subscription(), new_subscription())))
    cursor = export(customer, limit="1").headers["x-next-cursor"]
    other = Customer.sign_up(api)
    for at, wrong in (
        (other.at("/export"), cursor),
        (customer.at("/export"), cursor[:-2]),
        (customer.at("/export"), "x"),
    ):
        answer = api.call("GET", at, headers=OPERATOR, query={"cursor": wrong})
        assert expect(400, answer)["error"]["field"] == "cursor"


def test_who_begins_an_export_or_takes_the_private_keys_is_in_the_audit_log(customer: Customer) -> None:
    expect(200, send_lines(customer, begun(customer), lines(new_subscription(), new_subscription())))
    cursor = export(customer, limit="1").headers["x-next-cursor"]
    export(customer, cursor=cursor)
    answer = customer.api.operator("POST", customer.at("/export/vapid-keys"))
    [key] = expect(200, answer)["vapid_keys"]
    assert answer.headers["cache-control"] == "no-store"
    log = expect(200, customer.api.operator("GET", customer.at("/audit")))["entries"]
    of_exports = [(entry["action"], entry["details"]) for entry in log if "export" in entry["action"]]
    assert sorted(of_exports) == [("app.exported", {}), ("vapid_keys.exported", {"vapid_keys": [key["id"]]})]
    assert key["private_key"] not in str(log)


def test_of_an_app_that_is_not_there_nothing_is_told(api: HttpApi) -> None:
    for method, path in (("GET", "/export"), ("POST", "/export/vapid-keys")):
        expect(404, api.operator(method, f"/admin/apps/app_aaaaaaaaaaaaaaaaaaaa{path}"))


def test_times_stay_what_they_were(customer: Customer) -> None:
    late = datetime.fromtimestamp(START - 5, UTC).isoformat()
    expect(200, send_lines(customer, begun(customer), lines({**new_subscription(), "createdAt": late})))
    [line] = map(json.loads, export(customer).body.splitlines())
    assert line["createdAt"] == line["seenAt"] == "2027-01-15T07:59:55Z"


def test_a_key_may_be_added_without_becoming_the_present_one(customer: Customer) -> None:
    made = expect(201, customer.api.operator("POST", customer.at("/vapid-keys"), {"present": False}))
    assert made["present"] is False
    assert expect(200, customer.api.operator("GET", customer.at("")))["vapid_public_key"] == customer.vapid_public_key
