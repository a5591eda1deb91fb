"""Segments: kept rules, and whom they mean."""

from typing import Any

import pytest

from tests.customer import expect
from tests.engine import MemoryEngine
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.domain.audit import Action

FIREFOX = {"field": "browser", "operator": "equals", "value": "firefox"}
VIP = {"field": "tags", "operator": "has", "value": "vip"}
SWISS = {"field": "country", "operator": "equals", "value": "ch"}
PRO = {"field": "customData.plan", "operator": "equals", "value": "pro"}


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


def made(site: Site, rules: object = VIP, **fields: object) -> dict[str, Any]:
    body = {"name": "Customers", "rules": rules, **fields}
    segment: dict[str, Any] = expect(201, site.server.call("POST", "/segments", body))
    return segment


def preview(site: Site, rules: object) -> dict[str, Any]:
    shown: dict[str, Any] = expect(200, site.server.call("POST", "/segments/preview", {"rules": rules}))
    return shown


@pytest.mark.row("PU-24")
def test_a_segment_is_made_shown_changed_and_deleted(site: Site, engine: MemoryEngine) -> None:
    rules = {"all": [VIP, {"any": [PRO, {"not": FIREFOX}]}]}
    segment = made(site, rules, description="Who pays")
    assert segment == {
        "id": segment["id"],
        "siteId": site.customer.app.replace("app_", "site_"),
        "name": "Customers",
        "description": "Who pays",
        "rules": rules,
        "createdAt": "2027-01-15T08:00:00Z",
        "updatedAt": "2027-01-15T08:00:00Z",
    }
    path = f"/segments/{segment['id']}"
    assert expect(200, site.server.call("GET", path)) == segment
    engine.clock.advance(5)
    changed = expect(200, site.server.call("PATCH", path, {"description": None, "rules": PRO}))
    assert changed == segment | {"description": None, "rules": PRO, "updatedAt": "2027-01-15T08:00:05Z"}
    assert expect(200, site.server.call("GET", path)) == changed
    assert expect(200, site.server.call("PATCH", path, {"name": "Customers"})) == changed
    assert expect(200, site.server.call("DELETE", path)) == {"success": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert refused(site.server.call(method, path, {}), 404, "Not Found") == "Segment not found"
    log = expect(200, site.customer.api.operator("GET", site.customer.at("/audit")))["entries"]
    assert {entry["details"]["segment"] for entry in log if "segment" in entry["details"]} == {segment["id"]}
    noted = [entry.action for entry in engine.storage.audit if entry.action.startswith("segment.")]
    assert noted == [Action.SEGMENT_CREATED, Action.SEGMENT_CHANGED, Action.SEGMENT_DELETED]


def test_segments_are_paged_newest_first(site: Site, engine: MemoryEngine) -> None:
    names = []
    for number in range(3):
        engine.clock.advance(1)
        names.append(made(site, name=f"Segment {number}")["id"])
    first = expect(200, site.server.call("GET", "/segments", query={"limit": "2"}))
    assert [one["id"] for one in first["data"]] == names[:0:-1]
    rest = expect(200, site.server.call("GET", "/segments", query={"cursor": first["nextCursor"]}))
    assert ([one["id"] for one in rest["data"]], rest["hasMore"]) == (names[:1], False)


@pytest.mark.row("PU-24")
def test_a_preview_counts_who_can_be_sent_to_and_shows_some_of_them(site: Site) -> None:
    vip = [site.visit(tags=["vip"]) for _ in range(2)]
    left = site.visit(tags=["vip"])
    site.visit(tags=["other"])
    expect(200, site.server.call("DELETE", f"/subscribers/{left}"))
    segment = made(site)
    shown = expect(200, site.server.call("POST", f"/segments/{segment['id']}/preview"))
    assert (shown["count"], shown["estimated"]) == (2, False)
    assert sorted(one["id"] for one in shown["sample"]) == sorted(vip)
    assert shown["sample"][0] == site.subscriber(shown["sample"][0]["id"])
    assert preview(site, {"not": VIP})["count"] == 1
    assert preview(site, {"everyone": True})["count"] == 3
    assert preview(site, {"all": [VIP, {"not": VIP}]}) == {"count": 0, "estimated": False, "sample": []}


def test_a_sample_has_ten_at_most(site: Site, engine: MemoryEngine) -> None:
    for _ in range(11):
        site.visit()
        engine.clock.advance(10)
    shown = preview(site, {"everyone": True})
    assert (shown["count"], len(shown["sample"])) == (11, 10)


@pytest.mark.row("PU-24")
@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({}, "rules must have exactly one of all, any, not, everyone, field"),
        ({"all": []}, 'rules.all must be a list of one rule or more; everyone is {"everyone": true}'),
        ({"all": [VIP, {"any": [1]}]}, "rules.all.1.any.0 must be an object with one of"),
        ({"all": [VIP, VIP | {"value": ""}]}, "rules.all.1.value must be a text of 1 to 256 characters"),
        ({"not": PRO | {"field": "plan"}}, "rules.not.field must be one of tags, customData.<path>, browser"),
        ({"not": VIP | {"operator": "equals"}}, "rules.not.operator must be one of has, has_any, has_all, exists"),
        ({"field": "lastSeenAt", "operator": "within_days", "value": 0}, "rules.value must be a whole number of days"),
        ({"everyone": True, "all": [VIP]}, "rules.everyone must be true, and nothing may stand beside it"),
        ({"any": [{"everyone": True}]}, "rules.any.0.everyone must be the whole rule"),
        ({"not": VIP | {"op": "has"}}, "rules.not.op is not known here, only field, operator, value"),
        (
            SWISS | {"value": "Switzerland"},
            "rules.value must be the two letters of a country in ISO 3166-1, such as CH",
        ),
        (SWISS | {"operator": "in", "value": ["CH", "C"]}, "rules.value must be a list whose every entry is the two"),
        ({"any": [VIP] * 51}, "rules.any.50 is one condition too many: at most 50"),
        ([VIP], "rules must be an object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_rules_are_a_400_that_names_the_part_and_nothing_is_kept(site: Site, rules: object, told: str) -> None:
    body = {"name": "Customers", "rules": rules}
    assert refused(site.server.call("POST", "/segments", body), 400, "Bad Request").startswith(told)
    assert refused(site.server.call("POST", "/segments/preview", {"rules": rules}), 400, "Bad Request").startswith(told)
    assert expect(200, site.server.call("GET", "/segments"))["data"] == []


def test_a_country_is_two_letters_in_any_case(site: Site) -> None:
    site.visit({"CloudFront-Viewer-Country": "CH"})
    site.visit({"CloudFront-Viewer-Country": "AT"})
    assert preview(site, SWISS)["count"] == 1
    assert preview(site, SWISS | {"operator": "in", "value": ["at", "CH"]})["count"] == 2
    assert preview(site, SWISS | {"operator": "starts_with", "value": "A"})["count"] == 1


def test_what_is_missing_is_named(site: Site) -> None:
    answer = site.server.call("POST", "/segments", {"rules": None})
    assert (answer.status, answer.json) == (400, {"error": "Missing required fields: name, rules"})


def test_another_sites_segment_is_a_404(site: Site, engine: MemoryEngine) -> None:
    theirs = made(Site.open(engine))
    for method, below in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/preview")):
        for name in (theirs["id"], "seg_x", theirs["id"].replace("seg_", "tmpl_")):
            answer = site.server.call(method, f"/segments/{name}{below}", {})
            assert refused(answer, 404, "Not Found") == "Segment not found"


def test_who_may_not_read_subscribers_is_shown_none(site: Site) -> None:
    sender = site.customer.pushary(scopes=["push:send"])
    segment = made(site)
    for path, body in ((f"/segments/{segment['id']}/preview", None), ("/segments/preview", {"rules": VIP})):
        refused(sender.call("POST", path, body), 403, "Forbidden")
    assert expect(200, sender.call("GET", f"/segments/{segment['id']}")) == segment


def test_who_may_not_read_subscribers_cannot_word_rules_about_them_either(site: Site) -> None:
    """By whom a campaign would reach, rules of one's own could spell out everybody's customData."""
    segment = made(site)
    for scope, lacking in (("push:send", "clients:read"), ("clients:read", "push:send")):
        key = site.customer.pushary(scopes=[scope])
        for method, path in (("POST", "/segments"), ("PATCH", f"/segments/{segment['id']}")):
            answer = key.call(method, path, {"name": "Anna's plan", "rules": PRO})
            assert refused(answer, 403, "Forbidden") == f"This key lacks the scope {lacking}"
    assert expect(200, site.server.call("GET", "/segments"))["data"] == [segment]


def test_segments_are_looked_through_ten_times_a_minute_by_all_keys_of_a_site(site: Site, engine: MemoryEngine) -> None:
    segment, other = made(site), site.customer.pushary()
    path, rules = f"/segments/{segment['id']}/preview", {"rules": VIP}
    campaign = {"name": "Sale", "title": "Sale", "body": "Now", "segmentId": segment["id"]}
    planned = expect(201, site.server.call("POST", "/campaigns", campaign))["id"]
    asked = [
        (site.server, path, None),
        (other, "/segments/preview", rules),
        (other, f"/campaigns/{planned}/preview", None),
    ]
    for number in range(10):
        key, where, body = asked[number % 3]
        expect(200, key.call("POST", where, body))
        refused(
            site.server.call("POST", "/segments/preview", {"rules": {}}), 400, "Bad Request"
        )  # which is not counted
    engine.clock.advance(20)
    for key, where, body in asked:
        answer = key.call("POST", where, body)
        message = "Rate limit exceeded: more than 10 previews of segments a minute"
        assert answer.json == {"error": "Too Many Requests", "message": message, "retryAfter": 40}
        assert (answer.status, answer.headers["retry-after"]) == (429, "40")
    expect(200, Site.open(engine).server.call("POST", "/segments/preview", rules))
    expect(200, site.server.call("POST", "/send/preview", {"title": "Sale", "body": "Now"}))
    engine.clock.advance(40)
    expect(200, site.server.call("POST", path))
