"""Bodies of CloudSignal's sends: each field's limits, each combination of targets, and what is no request."""

import copy
import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.customer import CloudSignalClient, Customer, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.unit.dialects.test_bad_bodies import JSON, NOT_JSON_OBJECTS, RECORDS, WRONG, places, with_value

URL = "https://shop.example/"
GOOD: dict[str, Any] = {
    "title": "Order Shipped!",
    "body": "It is on its way",
    "icon": f"{URL}icon.png",
    "badge": f"{URL}badge.png",
    "image": f"{URL}image.png",
    "tag": "order-12345",
    "data": {"orderId": "12345", "url": f"{URL}orders/12345"},
    "urgency": "high",
    "ttl": 60,
    "async_mode": False,
    "target_all": True,
    "target_user_emails": None,
    "target_user_ids": None,
    "target_registration_ids": None,
}
PATHS = ("/send", "/broadcast")
FUZZ = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NOT_TEXT: list[object] = [5, True, ["x"], {}]
NOT_BOOLEAN: list[object] = ["true", 1, 0, [], {}]
NOT_AN_OBJECT: list[object] = [[], "x", 5, True]
NOT_A_NUMBER: list[object] = ["60", 1.5, True, [60]]


class Site:
    """A customer with one subscribed browser, and what was stored and sent."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.customer = Customer.sign_up(HttpApi(self.engine))
        self.client: CloudSignalClient = self.customer.cloudsignal()
        assert self.customer.client().subscribe(new_subscription()).status == 201

    def post(self, body: object, path: str = "/send", **headers: str) -> Answer:
        """A request in a minute of its own, so that no window is full."""
        self.engine.clock.advance(61)
        return self.client.call("POST", path, body, {name.replace("_", "-"): text for name, text in headers.items()})

    def state(self) -> dict[str, Any]:
        """All that a request could change, apart from windows of requests and last uses."""
        storage = self.engine.storage
        return {name: copy.copy(getattr(storage, name)) for name in (*RECORDS, "meters", "broadcasts")} | {
            "sent": len(self.engine.transport.requests)
        }

    def refuses(self, body: object, path: str = "/send", **headers: str) -> str:
        """Send what must be a 400 of the document's form that leaves no trace; its text."""
        before = self.state()
        answer = self.post(body, path, **headers)
        assert answer.status == 400, answer.body
        assert answer.headers["x-error-code"] == "INVALID_REQUEST"
        assert list(answer.json) == ["detail"]
        assert self.state() == before
        return str(answer.json["detail"])

    def header(self, name: str) -> str:
        """A header of the newest message to a push service."""
        return dict(self.engine.transport.requests[-1].headers)[name]

    def shows(self, **fields: object) -> None:
        """Send what must be accepted and reach the browser."""
        before = len(self.engine.transport.requests)
        answer = self.post(GOOD | fields)
        assert (answer.status, answer.json.get("successful_sends")) == (200, 1), answer.body
        assert len(self.engine.transport.requests) == before + 1


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


TEXT_LIMITS = [("title", 100), ("body", 255)]


@pytest.mark.row("CS-8", "CS-9")
@pytest.mark.parametrize(("field", "most"), TEXT_LIMITS)
@pytest.mark.parametrize("character", ["a", "é", "€", "😀"], ids=["ascii", "two bytes", "three bytes", "astral"])
def test_cs_8_texts_are_counted_in_code_points(field: str, most: int, character: str, site: Site) -> None:
    site.shows(**{field: character * most})
    assert site.refuses(GOOD | {field: character * (most + 1)}) == f"{field} must be at most {most} characters"


@pytest.mark.row("CS-8", "CS-9")
@pytest.mark.parametrize("field", ["title", "body"])
def test_cs_8_a_text_is_required_and_says_something(field: str, site: Site) -> None:
    assert site.refuses({name: value for name, value in GOOD.items() if name != field}) == f"{field} is required"
    assert site.refuses(GOOD | {field: None}) == f"{field} is required"
    for empty in ("", "  ", "\n"):
        assert site.refuses(GOOD | {field: empty}) == f"{field} must not be empty"
    for wrong in NOT_TEXT:
        assert site.refuses(GOOD | {field: wrong}) == f"{field} must be a string"


@pytest.mark.row("CS-10")
@pytest.mark.parametrize("field", ["icon", "badge", "image"])
def test_cs_10_a_picture_is_a_web_address_of_at_most_2048_characters(field: str, site: Site) -> None:
    plain = {"title": "t", "body": "b", "target_all": True}
    assert site.post(plain | {field: URL + "x" * (2048 - len(URL))}).json["successful_sends"] == 1
    for wrong in (
        "",
        "icon.png",
        "/icon.png",
        "javascript:alert(1)",
        "data:image/png;base64,x",
        "ftp://shop.example/x",
    ):
        assert site.refuses(plain | {field: wrong}).startswith(f"{field} must be an http or https URL of at most 2048")
    assert site.refuses(plain | {field: URL + "x" * (2049 - len(URL))}).startswith(f"{field} must be an http or https")
    assert site.refuses(plain | {field: 5}) == f"{field} must be a string"


@pytest.mark.row("CS-11")
def test_cs_11_a_tag_is_text_of_256_code_points_at_most(site: Site) -> None:
    site.shows(tag="t")
    site.shows(tag="😀" * 256)
    assert site.refuses(GOOD | {"tag": ""}) == "tag must have at least 1 character"
    assert site.refuses(GOOD | {"tag": "x" * 257}) == "tag must have at most 256 characters"
    assert site.refuses(GOOD | {"tag": 7}) == "tag must be a string"


@pytest.mark.row("CS-12")
def test_cs_12_data_is_an_object_of_at_most_4096_bytes_of_compact_json(site: Site) -> None:
    overhead = len(b'{"x":""}')
    too_much = "data must be at most 4096 bytes of compact JSON"
    for character, size in (("a", 1), ("é", 2), ("😀", 4)):
        most = (4096 - overhead) // size
        assert site.refuses(GOOD | {"data": {"x": character * (most + 1)}}) == too_much
        site.shows(data={"x": character * most})
    site.shows(data={})
    site.shows(data={"deep": {"list": [1, 2.5, None, True, {"x": "é"}]}, "": ""})
    for wrong in NOT_AN_OBJECT:
        assert site.refuses(GOOD | {"data": wrong}) == "data must be an object"


@pytest.mark.row("CS-13")
def test_cs_13_urgency_is_one_of_four_words(site: Site) -> None:
    for urgency in ("very-low", "low", "normal", "high"):
        site.shows(urgency=urgency)
        assert site.header("Urgency") == urgency
    site.shows(urgency=None)
    assert site.header("Urgency") == "normal"
    for wrong in ("", "HIGH", "urgent", 1, True, ["high"]):
        assert site.refuses(GOOD | {"urgency": wrong}) == "urgency must be 'very-low', 'low', 'normal' or 'high'"


@pytest.mark.row("CS-14")
def test_cs_14_ttl_is_0_to_28_days_and_a_day_when_absent(site: Site) -> None:
    for ttl, told in ((0, "0"), (2_419_200, "2419200"), (None, "86400")):
        site.shows(ttl=ttl)
        assert site.header("TTL") == told
    assert site.refuses(GOOD | {"ttl": -1}) == "ttl must be greater than or equal to 0"
    assert site.refuses(GOOD | {"ttl": 2_419_201}) == "ttl must be less than or equal to 2419200"
    for wrong in NOT_A_NUMBER:
        assert site.refuses(GOOD | {"ttl": wrong}) == "ttl must be an integer"


@pytest.mark.row("CS-17")
def test_cs_17_async_mode_is_true_or_false(site: Site) -> None:
    for wrong in NOT_BOOLEAN:
        assert site.refuses(GOOD | {"async_mode": wrong}) == "async_mode must be a boolean"


# --- targets ---

NOTE = {"title": "t", "body": "b"}
TARGETS: dict[str, Any] = {
    "target_all": True,
    "target_user_emails": ["user@example.com"],
    "target_user_ids": ["u-17"],
    "target_registration_ids": ["reg_aaaaaaaaaaaaaaaaaaaa"],
}
ABSENT: list[dict[str, object]] = [{}, {"target_all": False}, dict.fromkeys(TARGETS)]
ONE_TARGET = "Name one target: target_all (true), target_user_emails, target_user_ids or target_registration_ids"


@pytest.mark.row("CS-15")
@pytest.mark.parametrize("absent", ABSENT, ids=["absent", "false", "null"])
def test_cs_15_no_target_at_all_is_refused(absent: dict[str, object], site: Site) -> None:
    assert site.refuses(NOTE | absent) == ONE_TARGET


@pytest.mark.row("CS-15")
@pytest.mark.parametrize("names", [pair for size in (2, 3, 4) for pair in combinations(TARGETS, size)], ids="+".join)
def test_cs_15_more_than_one_target_is_refused(names: tuple[str, ...], site: Site) -> None:
    assert site.refuses(NOTE | {name: TARGETS[name] for name in names}) == ONE_TARGET


@pytest.mark.row("CS-15")
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("absent", ABSENT, ids=["absent", "false", "null"])
def test_cs_15_one_target_is_enough_whatever_is_absent_beside_it(
    name: str, absent: dict[str, object], site: Site
) -> None:
    assert site.post(NOTE | absent | {name: TARGETS[name]}).status == 200


@pytest.mark.row("CS-15", "CS-23")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["target_user_emails", "target_user_ids", "target_registration_ids"])
def test_cs_15_a_list_of_targets_has_1_to_1000_texts(name: str, path: str, site: Site) -> None:
    [entry] = TARGETS[name]
    count = f"{name} must have 1 to 1000 entries"
    assert site.refuses(NOTE | {name: []}, path) == count
    assert site.refuses(NOTE | {name: [entry] * 1001}, path) == count
    assert site.refuses(NOTE | {"target_all": True, name: []}, path) == count
    assert site.refuses(NOTE | {name: entry}, path) == f"{name} must be a list"
    assert site.refuses(NOTE | {name: {"0": entry}}, path) == f"{name} must be a list"
    for wrong in (None, *NOT_TEXT):
        assert site.refuses(NOTE | {name: [entry, wrong]}, path) == f"{name}.1 must be a string"
    assert site.post(NOTE | {name: [entry] * 1000}).status == 200


@pytest.mark.row("CS-15")
def test_cs_15_the_longest_addresses_a_thousand_times_are_not_too_large_a_body(site: Site) -> None:
    addresses = [f"{number:04d}{'a' * 238}@example.com" for number in range(1000)]
    assert {len(address) for address in addresses} == {254}
    answer = site.post(NOTE | {"target_user_emails": addresses})
    assert (answer.status, answer.json["total_targets"]) == (200, 0)
    too_large = b'{"x": "' + b"x" * (256 * 1024) + b'"}'
    assert site.refuses(too_large) == "The body is larger than 256 KiB"


@pytest.mark.row("CS-15")
@pytest.mark.parametrize("path", PATHS)
def test_cs_15_target_all_is_true_or_false(path: str, site: Site) -> None:
    for wrong in NOT_BOOLEAN:
        assert site.refuses(NOTE | {"target_all": wrong}, path) == "target_all must be a boolean"


@pytest.mark.row("CS-15")
@pytest.mark.parametrize("address", ["nobody", "", " ", "@", "a@b@c", "a\r\nb@c.d", "a b@c.d"])
def test_cs_15_what_is_no_address_is_refused_by_its_place(address: str, site: Site) -> None:
    body = NOTE | {"target_user_emails": ["user@example.com", address]}
    assert site.refuses(body) == "target_user_emails.1 must be an e-mail address"


@pytest.mark.row("CS-15")
def test_cs_15_a_user_id_is_text_of_1_to_256_characters(site: Site) -> None:
    assert site.post(NOTE | {"target_user_ids": ["😀" * 256]}).status == 200
    assert site.refuses(NOTE | {"target_user_ids": ["u", "u" * 257]}) == (
        "target_user_ids.1 must be at most 256 characters"
    )
    assert site.refuses(NOTE | {"target_user_ids": [" "]}) == "target_user_ids.0 must not be empty"


@pytest.mark.row("CS-23")
@pytest.mark.parametrize("names", [set_ for size in (1, 2, 3) for set_ in combinations(list(TARGETS)[1:], size)])
@pytest.mark.parametrize("all_", [None, False, True])
def test_cs_23_a_broadcast_refuses_every_other_target(names: tuple[str, ...], all_: bool | None, site: Site) -> None:
    body = NOTE | {"target_all": all_} | {name: TARGETS[name] for name in names}
    assert site.refuses(body, "/broadcast") == "A broadcast goes to everyone: use /v2/push/send for a target"


@pytest.mark.row("CS-23")
@pytest.mark.parametrize("all_", [None, False, True])
def test_cs_23_a_broadcast_sets_target_all_itself(all_: bool | None, site: Site) -> None:
    answer = site.post(NOTE | {"target_all": all_}, "/broadcast")
    assert (answer.status, answer.json["successful_sends"]) == (200, 1)


# --- what is no request ---


@pytest.mark.row("CS-37")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", NOT_JSON_OBJECTS.values(), ids=NOT_JSON_OBJECTS.keys())
def test_cs_37_what_is_no_json_object_is_refused(path: str, body: bytes, site: Site) -> None:
    assert site.refuses(body, path)


@pytest.mark.row("CS-37")
def test_cs_37_a_field_that_stands_there_twice_is_refused(site: Site) -> None:
    good = json.dumps(NOTE | {"target_user_ids": ["u-17"]})
    for field in ('"title": "other"', '"target_all": true, "target_all": false', '"data": {"x": 1, "x": 2}'):
        assert site.refuses(f"{good[:-1]}, {field}}}".encode()) == (
            "The body must be a JSON object: a key stands in it twice"
        )


@pytest.mark.row("CS-3")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "declared",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json+x", "json"],
)
def test_cs_3_a_body_that_is_not_declared_as_json_is_refused(declared: str, path: str, site: Site) -> None:
    detail = "Content-Type must be application/json"
    assert site.refuses(NOTE | {"target_all": True}, path, Content_Type=declared) == detail
    assert site.client.call("POST", path, b"", {"Content-Type": declared, "X-Secret-Key": "sk_x"}).status == 401


@pytest.mark.row("CS-3")
@pytest.mark.parametrize(
    "declared", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8 ; x=y"]
)
def test_cs_3_parameters_and_case_do_not_matter(declared: str, site: Site) -> None:
    assert site.post(NOTE | {"target_all": True}, Content_Type=declared).status == 200


PLACES = [*places(GOOD)]


def wrong_bodies() -> Iterator[tuple[tuple[str, ...], object]]:
    """Every member with every value that is wrong somewhere."""
    return ((place, wrong) for place in PLACES for wrong in WRONG)


@pytest.mark.row("CS-37")
@pytest.mark.parametrize("path", PATHS)
def test_cs_37_a_wrong_value_is_a_400_without_a_trace_or_means_something(path: str, site: Site) -> None:
    refused = 0
    for place, wrong in wrong_bodies():
        before = site.state()
        answer = site.post(with_value(GOOD, place, wrong), path)
        assert answer.status in {200, 400}, (place, wrong)
        if answer.status == 400:
            assert site.state() == before, (place, wrong)
            assert list(answer.json) == ["detail"]
            refused += 1
    assert refused > len(PLACES)


@pytest.mark.parametrize("path", PATHS)
@FUZZ
@given(data=st.data())
def test_no_body_is_a_server_error(path: str, site: Site, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(PLACES))
    body: object = data.draw(JSON.map(lambda value: with_value(GOOD, place, value)) | JSON | st.binary(max_size=60))
    before = site.state()
    answer = site.post(body if isinstance(body, bytes) else json.dumps(body).encode(), path)
    assert answer.status in {200, 400}
    if answer.status == 400:
        assert list(answer.json) == ["detail"]
        assert site.state() == before


HEADERS = st.sampled_from(["X-Secret-Key", "X-Publishable-Key", "Content-Type", "Idempotency-Key", "Origin"])
CALLS = [("POST", "/send"), ("POST", "/broadcast"), ("GET", "/quota"), ("GET", "/requests/req_aaaaaaaaaaaaaaaaaaaa")]


@pytest.mark.parametrize(("method", "path"), CALLS, ids=lambda part: part.strip("/"))
@FUZZ
@given(name=HEADERS, value=st.text(st.characters(max_codepoint=255), max_size=80))
def test_no_header_is_a_server_error(method: str, path: str, site: Site, name: str, value: str) -> None:
    site.engine.clock.advance(61)
    answer = site.client.call(method, path, GOOD if method == "POST" else None, {name: value})
    assert answer.status < 500
    assert answer.status == 200 or list(answer.json) == ["detail"]


@FUZZ
@given(path=st.text(st.characters(codec="utf-8"), max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]))
def test_no_path_is_a_server_error(site: Site, path: str, method: str) -> None:
    for prefix in ("", "/", "/requests/", "/requests/req_", "/quota", "/send"):
        site.engine.clock.advance(61)
        assert site.client.call(method, prefix + path).status < 500


@pytest.mark.row("CS-12", "X-4")
@pytest.mark.parametrize(
    "number", [10**400, -(10**18), 0.1, 1e300, -0.0], ids=["huge", "negative", "fraction", "exponent", "zero"]
)
def test_cs_12_any_number_in_data_arrives_and_can_be_repeated(number: float, site: Site) -> None:
    retry = {"Idempotency_Key": f"number-{number!r}"[:200]}
    first, again = (site.post(GOOD | {"data": {"n": number}}, **retry) for _ in range(2))
    assert (first.status, again.json) == (200, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert [*site.engine.storage.sends.values()][-1].send.notification.data == {"n": number}
