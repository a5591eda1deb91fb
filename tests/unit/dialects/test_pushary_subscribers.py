"""The subscribers of a site: listed, shown, changed, erased and counted, in virtual time."""

from dataclasses import replace
from typing import Any

import pytest

from tests.customer import SITE, expect, new_subscription
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Subscription, SubscriptionState

NOT_FOUND = "Subscriber not found"
ACTIVE = SubscriptionState.ACTIVE
HEADERS = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
    "CloudFront-Viewer-Country": "US",
}


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


def stored(site: Site, id_: str) -> Subscription:
    found = site.engine.subscriptions.get(site.app, SubscriptionId(parse("sub", id_) or ""))
    assert found is not None
    return found


def fill(site: Site, count: int, *, labels: tuple[str, ...] = (), state: SubscriptionState = ACTIVE) -> list[str]:
    """Subscribers straight into the store; their ids, newest first."""
    first = site.visit()
    pattern = stored(site, first)
    site.engine.subscriptions.erase(pattern)
    made = [
        replace(
            pattern,
            id=SubscriptionId(site.engine.randomness.new_id()),
            created_at=pattern.created_at + number,
            labels=labels,
            state=state,
        )
        for number in range(count)
    ]
    for one in made:
        site.engine.subscriptions.put(one, None)
    return [render("sub", one.id) for one in reversed(made)]


@pytest.mark.row("PU-16", "PU-18")
def test_pu_16_a_subscriber_has_every_member_of_the_document_and_of_the_vendors_client(site: Site) -> None:
    subscription = new_subscription()
    id_ = site.visit(
        HEADERS,
        subscription=subscription,
        identity={"externalId": "user_123"},
        tags=["premium", "newsletter"],
        lang="en-US",
        tz="Europe/Zurich",
    )
    assert site.subscriber(id_) == {
        "id": id_,
        "siteId": site.customer.app.replace("app_", "site_"),
        "status": "active",
        "externalId": "user_123",
        "tags": ["premium", "newsletter"],
        "browser": "Chrome",
        "os": "Windows",
        "country": "US",
        "createdAt": "2027-01-15T08:00:00Z",
        "updatedAt": "2027-01-15T08:00:00Z",
        "endpoint": "https://updates.push.services.mozilla.com",
        "deviceType": "desktop",
        "timezone": "Europe/Zurich",
        "language": "en-US",
        "lastActiveAt": "2027-01-15T08:00:00Z",
        "customData": None,
    }
    assert site.subscribers()["data"] == [site.subscriber(id_)]


@pytest.mark.row("PU-16")
@pytest.mark.parametrize("country", [None, "", "us", "USA", "U1", "U S"])
def test_pu_16_without_a_country_that_is_one_it_is_null(site: Site, country: str | None) -> None:
    headers = {} if country is None else {"CloudFront-Viewer-Country": country}
    assert site.subscriber(site.visit(headers))["country"] is None


@pytest.mark.row("PU-16")
def test_pu_16_being_heard_of_moves_last_active_and_a_change_moves_updated(site: Site, engine: MemoryEngine) -> None:
    subscription = new_subscription()
    id_ = site.visit(subscription=subscription)

    def times() -> tuple[object, object]:
        shown = site.subscriber(id_)
        return shown["updatedAt"], shown["lastActiveAt"]

    engine.clock.advance(60)
    site.visit(subscription=subscription)
    assert times() == ("2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z")
    engine.clock.advance(60)
    site.visit(subscription=subscription, tags=["new"])
    assert times() == ("2027-01-15T08:02:00Z", "2027-01-15T08:02:00Z")
    engine.clock.advance(60)
    expect(200, site.server.call("PATCH", f"/subscribers/{id_}", {"customData": {}}))
    assert times() == ("2027-01-15T08:03:00Z", "2027-01-15T08:02:00Z")


@pytest.mark.row("PU-15", "PU-17", "PU-21")
def test_pu_17_four_statuses_are_listed_shown_and_counted(site: Site, engine: MemoryEngine) -> None:
    gone, refused_ = new_subscription(), new_subscription()
    active, left, expired, bounced = (
        site.visit(),
        site.visit(),
        site.visit(subscription=gone),
        site.visit(subscription=refused_),
    )
    out = stored(site, left)
    engine.subscriptions.put(replace(out, state=SubscriptionState.INACTIVE, revision=out.revision + 1), out)
    removed = site.visit()
    page = site.customer.cloudsignal()
    expect(200, page.call("DELETE", f"/clients/{removed.replace('sub_', 'reg_')}"))
    for number in range(3):
        engine.transport.script(gone["endpoint"], Reply(410))
        engine.transport.script(refused_["endpoint"], Reply(403))
        expect(200, site.server.send(data={"number": number}))
    expected = {
        "active": {active},
        "unsubscribed": {left, removed},
        "expired": {expired},
        "bounced": {bounced},
    }
    assert {status: set(site.ids(status=status)) for status in expected} == expected
    assert {id_: site.subscriber(id_)["status"] for ids in expected.values() for id_ in ids} == {
        id_: status for status, ids in expected.items() for id_ in ids
    }
    assert len(site.ids()) == 5
    assert expect(200, site.server.call("GET", "/subscribers/count")) == {
        "total": 5,
        "active": 1,
        "unsubscribed": 2,
        "expired": 1,
        "bounced": 1,
    }
    shown = expect(200, page.call("GET", "/clients", query={"status": "inactive"}))["clients"]
    assert {one["registration_id"].replace("reg_", "sub_") for one in shown} == {left, bounced}


@pytest.mark.row("PU-15")
def test_pu_15_filters_narrow_alone_and_together(site: Site) -> None:
    anna = site.visit(identity={"externalId": "anna"}, tags=["a", "b"])
    annas = site.visit(identity={"externalId": "anna"}, tags=["c"])
    bert = site.visit(identity={"externalId": "bert"}, tags=["b"])
    for query, expected in (
        ({"externalId": "anna"}, {anna, annas}),
        ({"externalId": "Anna"}, set()),
        ({"tags": "b"}, {anna, bert}),
        ({"tags": "a,c"}, {anna, annas}),
        ({"tags": " c , ,nothing"}, {annas}),
        ({"tags": "B"}, set()),
        ({"externalId": "anna", "tags": "b"}, {anna}),
        ({"externalId": "anna", "status": "expired"}, set()),
        ({"status": "active", "tags": "b,c"}, {anna, annas, bert}),
    ):
        assert set(site.ids(**query)) == expected, query


@pytest.mark.row("PU-7", "PU-8")
def test_pu_7_a_page_is_100_by_default_and_500_at_most(site: Site) -> None:
    everybody = fill(site, 501)
    page = site.subscribers()
    assert [one["id"] for one in page["data"]] == everybody[:100]
    assert (list(page), page["hasMore"]) == (["data", "hasMore", "nextCursor"], True)
    assert site.ids(limit=500) == site.ids(limit=501) == site.ids(limit=999_999_999) == everybody[:500]
    last = site.subscribers(limit=1000, cursor=site.subscribers(limit=500)["nextCursor"])
    assert ([one["id"] for one in last["data"]], last["hasMore"], last["nextCursor"]) == (everybody[500:], False, None)


@pytest.mark.row("PU-7", "PU-8")
@pytest.mark.parametrize("query", [{}, {"status": "active"}, {"tags": "a"}, {"externalId": "anna"}], ids=str)
def test_pu_8_pages_meet_everyone_once_newest_first(site: Site, engine: MemoryEngine, query: dict[str, str]) -> None:
    everybody = []
    for _ in range(5):
        engine.clock.advance(1)
        everybody.append(site.visit(identity={"externalId": "anna"}, tags=["a"]))
    cursor: dict[str, object] = {}
    found: list[list[str]] = []
    while True:
        page = site.subscribers(limit=2, **query, **cursor)
        found.append([one["id"] for one in page["data"]])
        assert page["hasMore"] == (page["nextCursor"] is not None)
        if not page["hasMore"]:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert found == [everybody[:2:-1], everybody[2:0:-1], everybody[:1]]


@pytest.mark.row("PU-15")
def test_pu_15_a_rare_tag_is_looked_for_ten_pages_far(site: Site) -> None:
    rare = fill(site, 1, labels=("rare",))
    fill(site, 25)
    page = site.subscribers(tags="rare", limit=2)
    assert (page["data"], page["hasMore"]) == ([], True)
    page = site.subscribers(tags="rare", limit=2, cursor=page["nextCursor"])
    assert ([one["id"] for one in page["data"]], page["hasMore"]) == (rare, False)


@pytest.mark.row("PU-7", "PU-15", "PU-71")
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"limit": "0"}, "limit must"),
        ({"limit": "-1"}, "limit must"),
        ({"limit": "ten"}, "limit must be an integer"),
        ({"limit": "9" * 5000}, "limit must"),
        ({"limit": ""}, "limit must"),
        ({"status": "gone"}, "status must be"),
        ({"status": ""}, "status must be"),
        ({"tags": ""}, "tags must name 1 to 100"),
        ({"tags": ", ,"}, "tags must name 1 to 100"),
        ({"tags": ",".join(map(str, range(101)))}, "tags must name 1 to 100"),
        ({"externalId": ""}, "externalId must not be empty"),
        ({"externalId": "x" * 257}, "externalId must be at most 256"),
        ({"cursor": ""}, "cursor must"),
        ({"cursor": "abc123"}, "cursor must"),
        ({"cursor": "sub_def456"}, "cursor must"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_pu_7_what_cannot_be_asked_for_is_400(site: Site, query: dict[str, str], told: str) -> None:
    answer = site.server.call("GET", "/subscribers", query=query)
    assert refused(answer, 400, "Bad Request").startswith(told)


@pytest.mark.row("PU-8")
def test_pu_8_a_cursor_is_good_for_its_own_site_filter_and_day_only(site: Site, engine: MemoryEngine) -> None:
    other = Site.open(engine)
    for _ in range(2):
        site.visit()
        other.visit()
    cursor = site.subscribers(limit=1, status="active")["nextCursor"]
    good = {"status": "active", "cursor": cursor}
    assert len(site.ids(**good)) == 1
    assert len(site.ids(**good, limit=7)) == 1
    altered = f"{cursor[:-1]}{'AB'[cursor[-1] == 'A']}"
    for server, query in (
        (site.server, {"cursor": cursor}),
        (site.server, good | {"status": "expired"}),
        (site.server, good | {"tags": "a"}),
        (site.server, good | {"externalId": "u"}),
        (site.server, good | {"cursor": altered}),
        (other.server, good),
    ):
        refused(server.call("GET", "/subscribers", query=query), 400, "Bad Request")
    engine.clock.advance(24 * 3600 + 1)
    refused(site.server.call("GET", "/subscribers", query=good), 400, "Bad Request")


@pytest.mark.row("PU-19")
def test_pu_19_each_given_member_replaces_and_the_whole_is_answered(site: Site) -> None:
    id_ = site.visit(identity={"externalId": "user_123"}, tags=["old"])
    custom = {"plan": "pro", "score": 0.1, "nested": {"deep": [None, True, "é"]}}

    def patch(**fields: object) -> dict[str, Any]:
        shown: dict[str, Any] = expect(200, site.server.call("PATCH", f"/subscribers/{id_}", fields))
        assert shown == site.subscriber(id_)
        return shown

    def told(shown: dict[str, Any]) -> tuple[object, ...]:
        return shown["tags"], shown["externalId"], shown["customData"]

    wanted = patch(tags=["premium", "early-access", "premium"], externalId="user_456", customData=custom)
    assert told(wanted) == (["premium", "early-access"], "user_456", custom)
    assert told(patch()) == told(wanted)
    assert told(patch(unknown=1)) == told(wanted)
    assert told(patch(externalId=None)) == (wanted["tags"], None, custom)
    assert told(patch(tags=[])) == ([], None, custom)
    assert told(patch(customData={})) == ([], None, {})
    assert told(patch(customData=None)) == ([], None, None)
    assert site.ids(externalId="user_456") == site.ids(tags="premium") == []


@pytest.mark.row("PU-19", "PU-70")
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tags": ["x"] * 101}, "tags must have at most 100 items"),
        ({"tags": ["x" * 65]}, "tags.0 must have at most 64 characters"),
        ({"tags": [""]}, "tags.0 must have at least 1 character"),
        ({"tags": "x"}, "tags must be a list"),
        ({"externalId": ""}, "externalId must not be empty"),
        ({"externalId": 5}, "externalId must be a string"),
        ({"customData": {"x": "y" * 4096}}, "customData must be at most 4096 bytes"),
        ({"customData": []}, "customData must be an object"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_pu_19_what_cannot_be_kept_is_400_and_nothing_changes(site: Site, fields: dict[str, Any], told: str) -> None:
    id_ = site.visit(tags=["old"])
    before = site.subscriber(id_)
    answer = site.server.call("PATCH", f"/subscribers/{id_}", {"externalId": "u", **fields})
    assert refused(answer, 400, "Bad Request").startswith(told)
    assert site.subscriber(id_) == before


@pytest.mark.row("PU-20")
def test_pu_20_who_is_erased_is_gone_from_everything(site: Site, engine: MemoryEngine) -> None:
    id_, other = site.visit(identity={"externalId": "anna"}, tags=["a"]), site.visit()
    assert expect(200, site.server.call("DELETE", f"/subscribers/{id_}")) == {"success": True}
    assert site.ids() == [other]
    assert site.ids(externalId="anna") == site.ids(tags="a") == []
    for method in ("GET", "PATCH", "DELETE"):
        answer = site.server.call(method, f"/subscribers/{id_}", {})
        assert refused(answer, 404, "Not Found") == NOT_FOUND
    assert expect(200, site.server.send())["sent"] == 1


@pytest.mark.row("PU-18", "PU-19", "PU-20")
def test_pu_18_another_sites_subscriber_is_not_found(site: Site, engine: MemoryEngine) -> None:
    theirs = Site.open(engine)
    id_ = theirs.visit()
    before = theirs.subscriber(id_)
    for name in (id_, id_.replace("sub_", "reg_"), "sub_abc123", "sub_", "count "):
        for method in ("GET", "PATCH", "DELETE"):
            answer = site.server.call(method, f"/subscribers/{name}", {"tags": ["x"]})
            assert refused(answer, 404, "Not Found") == NOT_FOUND
    assert theirs.subscriber(id_) == before


@pytest.mark.row("PU-21")
def test_pu_21_count_is_no_id(site: Site) -> None:
    assert expect(200, site.server.call("GET", "/subscribers/count"))["total"] == 0
    assert site.server.call("DELETE", "/subscribers/count").status in {404, 405}


def test_what_a_page_sends_reaches_no_route_of_a_server(site: Site) -> None:
    for call in ("GET", "OPTIONS"):
        answer = site.server.call(call, "/subscribers", headers={"Origin": SITE})
        assert answer.status in {403, 405}
        assert not any(name.startswith("access-control-") for name in answer.headers)
