"""What a send or a campaign would do, told before."""

from typing import Any

import pytest

from tests.customer import expect, new_subscription
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application.readers import count, report
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.domain.engagement import Act

PREVIEW = {"title": "New Message", "body": "You have one"}


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


def preview(site: Site, path: str = "/send/preview", **fields: object) -> dict[str, Any]:
    shown: dict[str, Any] = expect(200, site.server.call("POST", path, PREVIEW | fields))
    return shown


def untouched(engine: MemoryEngine) -> tuple[object, ...]:
    """All that a preview could have changed."""
    storage = engine.storage
    return dict(storage.sends), dict(storage.subscriptions), len(storage.audit), len(engine.transport.requests)


def test_a_preview_tells_what_a_send_would_do_and_changes_nothing(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    site.visit()
    before = untouched(engine)
    shown = preview(site, idempotencyKey="k")
    assert shown == {
        "audience": 2,
        "estimated": False,
        "fits": True,
        "minutes": 0.1,
        "pace": {"perMinute": 60_000, "measured": False},
        "limits": {
            "needed": 2,
            "hourly": {"remaining": None, "limit": None},
            "daily": {"remaining": None, "limit": None},
            "monthly": {"remaining": 10_000, "limit": 10_000},
            "exceeded": None,
        },
        "credits": {"needed": 0, "available": 0},
        "expectedGone": None,
        "cost": {"dollars": shown["cost"]["dollars"], "pricesOf": "2026-11-22"},
        "reports": {
            "expected": 1,
            "measured": False,
            "cost": {"dollars": 0.000003, "pricesOf": "2026-11-22"},
        },
        "previewCost": {"dollars": 0.000004, "pricesOf": "2026-11-22"},
        "missing": None,
        "unusedVariables": [],
    }
    assert 0 < shown["cost"]["dollars"] < 0.001
    assert untouched(engine) == before
    sent = expect(200, site.server.send(idempotencyKey="k"))
    assert (sent["sent"], sent["duplicate"]) == (2, False)
    assert preview(site)["limits"]["monthly"] == {"remaining": 9_998, "limit": 10_000}


def test_what_does_not_fit_is_said_with_the_longest_limit_that_is_in_the_way(engine: MemoryEngine) -> None:
    site = Site.open(engine, limits={"hourly": 1, "daily": 1, "monthly": 5})
    site.visit()
    assert preview(site)["fits"] is True
    site.visit()
    shown = preview(site)
    assert (shown["fits"], shown["limits"]["exceeded"]) == (False, "daily")
    assert shown["limits"]["daily"] == {"remaining": 1, "limit": 1}
    assert site.server.send().status == 403


def test_the_audience_is_whom_a_send_with_this_body_would_reach(site: Site) -> None:
    vip = site.visit(tags=["vip"], identity={"externalId": "u1"})
    site.visit(tags=["vip"])
    site.visit()
    targets: tuple[dict[str, list[str]], ...] = (
        {},
        {"tags": ["vip"]},
        {"externalIds": ["u1"], "subscriberIds": [vip]},
        {"externalIds": ["u1"], "tags": ["vip"]},
    )
    for fields in targets:
        assert preview(site, "/send/preview", **fields)["audience"] == expect(200, site.server.send(**fields))["sent"]
    nobody = preview(site, externalIds=["nobody"])
    assert (nobody["audience"], nobody["fits"]) == (0, False)
    assert site.server.send(externalIds=["nobody"]).status == 400
    empty = site.server.call("POST", "/send/preview", PREVIEW | {"tags": []})
    assert (empty.status, empty.json) == (400, {"error": "No subscribers found"})


def test_of_a_large_site_tags_are_told_as_at_most_so_many(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.application.previewing.WALKABLE", 0)
    for tags in (["vip", "new"], ["vip"], []):
        site.visit(tags=tags)
    shown = preview(site, tags=["vip", "new"])
    assert (shown["audience"], shown["estimated"]) == (3, True)
    nobody = preview(site, tags=["unheard-of"])
    assert (nobody["audience"], nobody["estimated"], nobody["fits"]) == (0, False, False)


def test_who_is_gone_is_expected_from_the_latest_sends(site: Site, engine: MemoryEngine) -> None:
    bad = new_subscription()
    site.visit(subscription=bad)
    site.visit()
    engine.transport.script(bad["endpoint"], Reply(410))
    expect(200, site.server.send())
    site.visit()
    assert preview(site)["expectedGone"] == 1


def test_reports_are_expected_as_those_of_sends_of_a_day_ago(
    site: Site, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.domain.estimate.ENOUGH", 4)
    for _ in range(4):
        site.visit()
    expect(200, site.server.send())
    [(app, send)] = engine.storage.sends
    report(engine, app, send, Act.CLICKED, 0)  # which was displayed, too
    count(engine)
    assert preview(site)["reports"]["measured"] is False
    engine.clock.advance(86_400)
    assert preview(site)["reports"]["expected"] == 2
    assert preview(site)["reports"]["measured"] is True
    expect(200, site.customer.api.operator("PATCH", site.customer.at(""), {"statistics": False}))
    engine.clock.advance(60)
    assert preview(site)["reports"]["expected"] == 0


def test_looking_through_everybody_costs_something_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.domain.cost.WALKED", 1_000)
    site.visit(tags=["vip"])
    assert preview(site, tags=["vip"])["previewCost"]["dollars"] == 0.000129
    assert preview(site)["previewCost"]["dollars"] == 0.000004


def test_whoever_lacks_a_value_is_counted_among_a_few(site: Site) -> None:
    known, _ = site.visit(), site.visit()
    expect(200, site.server.call("PATCH", f"/subscribers/{known}", {"customData": {"first": "Anna"}}))
    texts = {"name": "Hello", "title": "Hello {{first}}", "body": "Your {{what}}"}
    template = expect(201, site.server.call("POST", "/templates", texts))["id"]

    def told(variables: dict[str, str]) -> tuple[object, object]:
        body = {"templateId": template, "variables": variables}
        found = expect(200, site.server.call("POST", "/send/preview", body))
        return found["missing"], found["unusedVariables"]

    assert told({"what": "order"}) == ({"sampled": 2, "lacking": 1, "names": {"first": 1}}, [])
    assert told({"What": "order"}) == ({"sampled": 2, "lacking": 2, "names": {"first": 1, "what": 2}}, ["What"])
    assert told({"what": "order", "first": "you"}) == (None, [])


def test_a_preview_is_refused_as_a_send_would_be_and_counts_as_a_request(site: Site, engine: MemoryEngine) -> None:
    answer = site.server.call("POST", "/send/preview", {"title": "t"})
    assert (answer.status, answer.json) == (400, {"error": "Missing required fields: body"})
    refused(site.server.call("POST", "/send/preview", PREVIEW | {"segmentId": "x"}), 400, "Bad Request")
    reader = site.customer.pushary(scopes=["clients:read"])
    refused(reader.call("POST", "/send/preview", PREVIEW), 403, "Forbidden")
    slow = site.customer.pushary(requests_per_minute=1)
    assert [slow.call("POST", "/send/preview", PREVIEW).status for _ in range(2)] == [200, 429]


def test_an_api_send_is_no_campaign_that_could_be_previewed(site: Site) -> None:
    site.visit()
    name = expect(200, site.server.send())["campaignId"]
    assert refused(site.server.call("POST", f"/campaigns/{name}/preview"), 404, "Not Found") == "Campaign not found"


@pytest.mark.row("PU-24")
def test_a_campaigns_preview_is_of_its_segment_as_it_is_now(site: Site, engine: MemoryEngine) -> None:
    site.visit(tags=["vip"])
    site.visit()
    rules = {"field": "tags", "operator": "has", "value": "vip"}
    segment = expect(201, site.server.call("POST", "/segments", {"name": "VIP", "rules": rules}))["id"]
    campaign = {"name": "Spring", **PREVIEW}
    to_all = expect(201, site.server.call("POST", "/campaigns", campaign))["id"]
    to_some = expect(201, site.server.call("POST", "/campaigns", campaign | {"segmentId": segment}))["id"]
    before = untouched(engine)
    assert preview(site, f"/campaigns/{to_all}/preview")["audience"] == 2
    assert preview(site, f"/campaigns/{to_some}/preview")["audience"] == 1
    assert untouched(engine) == before
    site.visit(tags=["vip"])
    assert preview(site, f"/campaigns/{to_some}/preview")["limits"]["needed"] == 2
    expect(200, site.server.call("DELETE", f"/segments/{segment}"))
    gone = site.server.call("POST", f"/campaigns/{to_some}/preview")
    assert refused(gone, 400, "Bad Request") == "Unknown segment"
    theirs = Site.open(engine)
    for name in (to_all, "camp_x"):
        other = theirs.server.call("POST", f"/campaigns/{name}/preview")
        assert refused(other, 404, "Not Found") == "Campaign not found"
