"""bNotify in this process: its words, its order of checks, and what would be slow to try deployed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.customer import BNotifyClient, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.unit.dialects.bnotify_channel import Channel
from tocsin.application.ports import Unavailable
from tocsin.dialects.bnotify import subscribers, webhooks
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId
from tocsin.domain.webhook import Attempt

SITE_PAGE = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
NOT_VALID = {"statusCode": 400, "message": "Channel id not valid", "error": "Bad Request"}
NO_KEY = {"statusCode": 401, "message": "Channel api key is no valid.", "error": "Unauthorized"}
NO_CHANNEL = {"statusCode": 404, "message": "Channel not found", "error": "Not Found"}
NO_SUBSCRIPTION = {"statusCode": 404, "message": "Subscription not found", "error": "Not Found"}
THROTTLED = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
UNKNOWN = "0" * 24
PATHS = [
    ("GET", "/subscriptions/u-17/code"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions/u-17"),
    ("POST", "/notifications/u-17"),
]
every_route = pytest.mark.parametrize(("method", "path"), PATHS, ids=["code", "list", "detail", "send"])


@pytest.fixture
def channel(engine: MemoryEngine) -> Channel:
    return Channel.open(engine)


def exactly(answer: Answer, status: int, body: object) -> None:
    """The body byte for byte as the document has it, members in its order."""
    assert (answer.status, list(json.loads(answer.body)), answer.json) == (status, list(body), body)  # type: ignore[call-overload]


# --- who calls: 400, 401, 429, 404, 400 ---


@every_route
@pytest.mark.row("BN-3", "BN-23")
@pytest.mark.parametrize("id_", ["x", "0" * 23, "0" * 25, "g" * 24, "app_aaaaaaaaaaaaaaaaaaaa"])
def test_bn_23_what_is_no_channel_id_is_told_before_anything_else(
    channel: Channel, method: str, path: str, id_: str
) -> None:
    for base in ("", "/api"):
        nobody = BNotifyClient(channel.api, "", id_, base)
        exactly(nobody.api.call(method, f"{base}/channels/{id_}{path}", {}), 400, NOT_VALID)


@every_route
@pytest.mark.row("BN-2", "BN-24")
def test_bn_24_a_missing_wrong_or_foreign_key_is_one_and_the_same_401(channel: Channel, method: str, path: str) -> None:
    stranger, other_dialect = Channel.open(channel.engine), channel.customer.key()["key"]
    below = f"/channels/{channel.customer.channel}{path}"
    for headers in (
        {},
        {"X-CHANNEL-API-KEY": ""},
        {"X-CHANNEL-API-KEY": "bn_nonsense"},
        {"X-CHANNEL-API-KEY": stranger.server.key},
        {"X-CHANNEL-API-KEY": other_dialect},
    ):
        for base in ("", "/api"):
            exactly(channel.api.call(method, f"{base}{below}", {"title": "x"}, headers), 401, NO_KEY)


@every_route
@pytest.mark.row("BN-25")
def test_bn_25_a_good_key_at_no_channel_at_all_is_a_404(channel: Channel, method: str, path: str) -> None:
    nowhere = BNotifyClient(channel.api, channel.server.key, UNKNOWN)
    exactly(nowhere.call(method, path, {"title": "x"}), 404, NO_CHANNEL)


@pytest.mark.row("BN-11", "BN-15", "BN-21", "BN-26")
@pytest.mark.parametrize(
    ("route", "most"), list(zip(PATHS, [200, 200, 200, 600], strict=True)), ids=["code", "list", "detail", "send"]
)
def test_bn_26_each_route_has_a_minute_of_its_own_and_says_when_it_ends(
    channel: Channel, engine: MemoryEngine, route: tuple[str, str], most: int
) -> None:
    engine.clock.advance(20 - engine.clock.now() % 60)
    nowhere = BNotifyClient(channel.api, channel.server.key, UNKNOWN)
    assert {nowhere.call(*route, {}).status for _ in range(most)} == {404}
    refused = nowhere.call(*route, {})
    exactly(refused, 429, THROTTLED)  # and so before the 404
    assert 0 <= int(refused.headers["retry-after"]) - (60 - engine.clock.now() % 60) < 1
    others = [each for each in PATHS if each != route]
    assert all(nowhere.call(*each, {}).status == 404 for each in others)
    engine.clock.advance(int(refused.headers["retry-after"]))
    assert nowhere.call(*route, {}).status == 404


@pytest.mark.row("BN-24")
def test_bn_24_who_is_not_subscribed_is_told_before_what_is_wrong_with_the_body(channel: Channel) -> None:
    exactly(channel.server.call("POST", "/notifications/u-17", b"not json"), 404, NO_SUBSCRIPTION)


def test_a_key_in_a_page_is_refused_and_gets_no_cors_header(channel: Channel) -> None:
    answer = channel.server.call("GET", "/subscriptions", headers=SITE_PAGE)
    assert (answer.status, answer.json["error"]) == (403, "Forbidden")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.row("X-1")
def test_a_channel_that_is_switched_off_answers_to_nobody(channel: Channel) -> None:
    code = channel.code()
    switched_off = {"dialects": {"bnotify": False}}
    expect(200, channel.customer.api.operator("PATCH", channel.customer.at(""), switched_off))
    channel.engine.clock.advance(31)
    assert channel.server.subscriptions().status == 403
    assert channel.redeem(code).status == 404
    assert channel.api.call("GET", f"/qrcode/{code}").status == 404


@pytest.mark.row("X-9")
def test_x_9_unknown_paths_and_methods_are_told_in_the_same_shape(channel: Channel) -> None:
    unknown = channel.server.call("GET", "/nothing")
    assert (unknown.status, unknown.json["error"], unknown.json["statusCode"]) == (404, "Not Found", 404)
    wrong = channel.server.call("PATCH", "/subscriptions/u-17/code")
    assert (wrong.status, wrong.json["error"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"] == "GET, DELETE"


# --- the user's id ---


@pytest.mark.row("BN-10")
@pytest.mark.parametrize("iuid", ["1", "a b", "Zoë%41", "x@y.example", "..", "日本#?&", "ü" * 256])
def test_bn_10_an_iuid_is_taken_as_it_is(channel: Channel, iuid: str) -> None:
    channel.phone(iuid)
    assert expect(200, channel.server.subscription(iuid))["iuid"] == iuid
    assert [one["iuid"] for one in expect(200, channel.server.subscriptions())] == [iuid]
    expect(200, channel.server.notify(iuid))


@pytest.mark.row("BN-10")
@pytest.mark.parametrize(
    ("iuid", "rule"), [("x" * 257, "must be shorter than or equal to 256 characters"), (" ", "should not be empty")]
)
def test_bn_10_an_iuid_has_1_to_256_characters(channel: Channel, iuid: str, rule: str) -> None:
    for answer in (channel.server.code(iuid), channel.server.subscription(iuid), channel.server.notify(iuid)):
        exactly(answer, 400, {"statusCode": 400, "message": f"iuid {rule}", "error": "Bad Request"})


# --- subscriptions ---


@pytest.mark.row("BN-12", "BN-13", "BN-14", "BN-16")
def test_bn_13_a_user_is_one_subscription_whatever_the_number_of_devices(
    channel: Channel, engine: MemoryEngine
) -> None:
    assert expect(200, channel.server.subscriptions()) == []
    now = int(engine.clock.now())
    for _ in range(2):
        channel.phone()
    shown = expect(200, channel.server.subscription("u-17"))
    assert list(shown) == ["channel", "subscriber", "iuid", "mute", "createdAt", "updatedAt", "id"]
    assert shown == {
        "channel": channel.customer.channel,
        "subscriber": shown["subscriber"],
        "iuid": "u-17",
        "mute": False,
        "createdAt": now,
        "updatedAt": now,
        "id": shown["id"],
    }
    assert all(len(bytes.fromhex(shown[name])) == 12 for name in ("channel", "subscriber", "id"))
    assert expect(200, channel.server.subscriptions()) == [shown]
    exactly(channel.server.subscription("u-18"), 404, NO_SUBSCRIPTION)


@pytest.mark.row("BN-12")
def test_bn_12_beyond_the_limit_a_link_leads_to_the_next_page(channel: Channel, engine: MemoryEngine) -> None:
    for number in range(5):
        engine.clock.advance(1)
        channel.phone(f"u-{number}")
    first = channel.server.subscriptions(limit="3")
    link, _, relation = first.headers["link"].partition("; ")
    assert relation == 'rel="next"'
    cursor = link.strip("<>").partition("cursor=")[2]
    second = channel.server.subscriptions(limit="3", cursor=cursor)
    assert "link" not in second.headers
    listed = [one["iuid"] for answer in (first, second) for one in expect(200, answer)]
    assert listed == ["u-4", "u-3", "u-2", "u-1", "u-0"]
    assert len(expect(200, channel.server.subscriptions(limit="99999999999999"))) == 5
    stranger = Channel.open(engine)
    for answer in (
        channel.server.subscriptions(cursor=cursor[:-2] + "AA"),
        stranger.server.subscriptions(cursor=cursor),
        *(channel.server.subscriptions(limit=limit) for limit in ("0", "-1", "x", "", "1e3")),
    ):
        assert (answer.status, answer.json["error"]) == (400, "Bad Request")


@pytest.mark.row("BN-12")
def test_bn_12_a_list_that_would_be_too_large_for_an_answer_is_paged(
    channel: Channel, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        engine.clock.advance(1)
        channel.phone(f"{'日' * 200}{number}")
    assert "link" not in channel.server.subscriptions().headers
    monkeypatch.setattr(subscribers, "MAX_BYTES", 3000)
    first = channel.server.subscriptions()
    assert len(first.body) < 3000
    assert [one["iuid"][-1] for one in first.json] == ["3", "2", "1"]
    cursor = first.headers["link"].partition("cursor=")[2].partition(">")[0]
    assert [one["iuid"][-1] for one in expect(200, channel.server.subscriptions(cursor=cursor))] == ["0"]


@pytest.mark.row("BN-5", "X-2")
def test_x_2_who_subscribed_at_the_customers_site_is_a_subscription_here(channel: Channel) -> None:
    page = channel.customer.cloudsignal("publishable")
    body = {"subscription": new_subscription(), "user_id": "u-17"}
    expect(201, page.call("POST", "/clients/register", body, SITE_PAGE))
    assert expect(200, channel.server.subscription("u-17"))["mute"] is False
    expect(200, channel.server.notify("u-17"))
    exactly(channel.server.notify("u-18"), 404, NO_SUBSCRIPTION)


# --- notifications ---


@pytest.mark.row("BN-18")
def test_bn_18_one_record_is_answered_before_anything_is_delivered(channel: Channel, engine: MemoryEngine) -> None:
    for _ in range(2):
        channel.phone()
    answer = channel.server.notify("u-17")
    told = expect(200, answer)
    assert list(told) == ["subscription", "title", "text", "readedAt", "createdAt", "id"]
    assert told == {
        "subscription": expect(200, channel.server.subscription("u-17"))["id"],
        "title": "Notification Title",
        "text": "This is notification text, I can write anything!",
        "readedAt": 0,
        "createdAt": int(engine.clock.now()),
        "id": told["id"],
    }
    assert len(bytes.fromhex(told["id"])) == 12
    assert engine.transport.requests == []
    assert len(engine.storage.notes) == 1


@pytest.mark.row("BN-17", "BN-22")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"title": "ab"}, "title must be longer than or equal to 3 characters"),
        ({"title": "a" * 31}, "title must be shorter than or equal to 30 characters"),
        ({"text": "ab"}, "text must be longer than or equal to 3 characters"),
        ({"text": "a" * 201}, "text must be shorter than or equal to 200 characters"),
        ({"title": "ab", "text": "ab"}, "title must be longer than or equal to 3 characters"),
        ({"title": 7}, "title must be a string"),
        ({"title": None}, "title must be a string"),
        ({"text": ["abc"]}, "text must be a string"),
        ({"title": "🔔🔔"}, "title must be longer than or equal to 3 characters"),
    ],
)
def test_bn_22_the_first_problem_is_told_and_nothing_kept(
    channel: Channel, engine: MemoryEngine, fields: Mapping[str, object], message: str
) -> None:
    channel.phone()
    refused = channel.server.notify("u-17", None, **fields)
    exactly(refused, 400, {"statusCode": 400, "message": message, "error": "Bad Request"})
    assert (engine.storage.sends, engine.storage.notes) == ({}, {})


@pytest.mark.row("BN-22")
def test_bn_22_what_is_missing_is_no_string(channel: Channel) -> None:
    channel.phone()
    refused = channel.server.call("POST", "/notifications/u-17", {"title": "abc"})
    exactly(refused, 400, {"statusCode": 400, "message": "text must be a string", "error": "Bad Request"})


@pytest.mark.row("BN-17")
@pytest.mark.parametrize(("title", "text"), [("   ", "abc"), ("🔔" * 30, "ü" * 200), (" a ", "\n\n\n")])
def test_bn_17_code_points_are_counted_and_nothing_is_trimmed(channel: Channel, title: str, text: str) -> None:
    channel.phone()
    told = expect(200, channel.server.notify("u-17", title=title, text=text))
    assert (told["title"], told["text"]) == (title, text)


@pytest.mark.row("BN-20")
def test_bn_20_who_muted_keeps_the_record_and_is_not_pushed_to(channel: Channel, engine: MemoryEngine) -> None:
    phone = channel.phone()
    engine.clock.advance(5)
    assert expect(200, phone.call("mute", muted=True)) == {"muted": True}
    shown = expect(200, channel.server.subscription("u-17"))
    assert (shown["mute"], shown["updatedAt"] - shown["createdAt"]) == (True, 5)
    told = expect(200, channel.server.notify("u-17"))
    assert [note["id"] for note in phone.inbox()] == [told["id"]]
    assert (engine.jobs.planned, engine.jobs.chunks) == ([], [])
    expect(200, phone.call("mute", muted=False))
    expect(200, channel.server.notify("u-17"))
    assert len(phone.inbox()) == 2


@pytest.mark.row("X-4")
def test_x_4_a_repeated_key_is_answered_alike_and_sends_nothing(channel: Channel, engine: MemoryEngine) -> None:
    channel.phone()
    key = {"Idempotency-Key": "order-17"}
    channel.phone("u-18")
    first = channel.server.notify("u-17", key)
    engine.clock.advance(3)
    again = channel.server.notify("u-17", key)
    assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
    assert len(engine.storage.notes) == 1
    assert "idempotency-replayed" not in channel.server.notify("u-18", key).headers
    other = channel.server.notify("u-17", key, title="Another")
    assert (other.status, other.json["error"]) == (400, "Bad Request")


def test_an_exhausted_quota_is_a_429_in_words_of_its_own(channel: Channel) -> None:
    limits = {"limits": {"hourly": 1, "daily": 10}}
    expect(200, channel.customer.api.operator("PATCH", channel.customer.at(""), limits))
    channel.engine.clock.advance(31)
    channel.phone()
    expect(200, channel.server.notify("u-17"))
    refused = channel.server.notify("u-17")
    assert refused.json == {"statusCode": 429, "message": "Notification quota exceeded for this hour"}
    assert 0 < int(refused.headers["retry-after"]) <= 3600


# --- callbacks ---


@pytest.mark.row("BN-27")
@pytest.mark.parametrize(
    ("kind", "type_", "message"),
    [
        (EventKind.SUBSCRIBED, "subscription", "Channel subscription."),
        (EventKind.UNSUBSCRIBED, "unsubcription", "Channel unsubscription."),
    ],
)
def test_bn_27_a_callback_has_bnotifys_body_and_its_basic_header(kind: EventKind, type_: str, message: str) -> None:
    event = Event("ab" * 12, AppId("cd" * 12), kind, 1_673_889_812, person="Zoë")
    made = webhooks.request(event, Attempt(1_673_889_900, 0, "whsec_x", "dXNlcjpwYXNz"))
    assert json.loads(made.body) == {
        "type": type_,
        "message": message,
        "channelId": "cd" * 12,
        "iuid": "Zoë",
        "date": 1_673_889_812,
    }
    assert made.headers == {"Authorization": "Basic dXNlcjpwYXNz"}
    assert webhooks.request(event, Attempt(0, 0, "whsec_x", None)).headers == {}
    assert {EventKind.SUBSCRIBED, EventKind.UNSUBSCRIBED} == webhooks.KINDS


@pytest.mark.row("BN-27")
def test_bn_27_a_channel_is_told_of_the_first_device_and_of_the_last(channel: Channel, engine: MemoryEngine) -> None:
    hook = {"url": "https://hooks.shop.example/bn", "auth": "dXNlcjpwYXNz"}
    expect(200, channel.customer.api.operator("PUT", channel.customer.at("/webhooks/bnotify"), hook))
    engine.clock.advance(31)
    phones = [channel.phone() for _ in range(2)]
    for phone in phones:
        phone.turn_off()
    told: list[Any] = [(event.kind, event.person) for event in engine.events.emitted]
    assert told == [(EventKind.SUBSCRIBED, "u-17"), (EventKind.UNSUBSCRIBED, "u-17")]


@pytest.mark.row("BN-1", "BN-28")
def test_bn_28_the_operator_sees_the_channel_id_and_makes_its_key(engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine))
    made = customer.key(dialect="bnotify")
    assert made["key"].startswith("bn_")
    assert expect(200, customer.api.operator("GET", customer.at("")))["ids"]["bnotify"] == customer.channel
    [listed] = expect(200, customer.api.operator("GET", customer.at("/keys")))["keys"]
    assert "key" not in listed
    server = BNotifyClient(customer.api, made["key"], customer.channel)
    expect(200, server.subscriptions())
    expect(200, customer.api.operator("DELETE", customer.at(f"/keys/{made['id']}")))
    engine.clock.advance(31)
    exactly(server.subscriptions(), 401, NO_KEY)


def test_bn_18_what_was_accepted_is_answered_without_reading_it_back(
    channel: Channel, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.phone()

    def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.sends, "get", away)
    expect(200, channel.server.notify("u-17"))
