"""Segments and previews at the deployed template."""

import time
from typing import Any

import pytest

from tests.customer import expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import Site, Visitor, refused
from tests.integration.pushary.test_subscribers import HEADERS

VIP = {"field": "tags", "operator": "has", "value": "vip"}
NOTE = {"title": "For some", "body": "Only you"}


def call(site: Site, status: int, method: str, path: str, body: object = None) -> dict[str, Any]:
    answer: dict[str, Any] = expect(status, site.server.call(method, path, body))
    return answer


def campaign_to(site: Site, segment: str) -> str:
    body = {"name": "Some", "segmentId": segment, **NOTE}
    return str(call(site, 201, "POST", "/campaigns", body)["id"])


def completed(site: Site, campaign: str, seconds: float = 60) -> None:
    """Wait until a campaign is over."""
    deadline = time.monotonic() + seconds
    while (found := call(site, 200, "GET", f"/campaigns/{campaign}"))["status"] != "completed":
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


@pytest.mark.row("PU-24")
def test_pu_24_a_campaign_goes_to_whom_its_segment_means_when_it_is_sent(site: Site) -> None:
    leaving, joining, other = site.visitor(tags=["vip"]), site.visitor(), site.visitor()
    segment = call(site, 201, "POST", "/segments", {"name": "VIP", "rules": {"all": [VIP]}})["id"]
    campaign = campaign_to(site, segment)
    assert call(site, 200, "POST", f"/campaigns/{campaign}/preview")["audience"] == 1
    call(site, 200, "PATCH", f"/subscribers/{leaving.id}", {"tags": []})
    call(site, 200, "PATCH", f"/subscribers/{joining.id}", {"customData": {"plan": {"name": "pro"}}})
    pro = {"field": "customData.plan.name", "operator": "equals", "value": "pro"}
    call(site, 200, "PATCH", f"/segments/{segment}", {"rules": {"any": [VIP, pro]}})
    sent = call(site, 200, "POST", f"/campaigns/{campaign}/send")
    assert (sent["segmentId"], sent["totalTargeted"]) == (segment, 1)
    completed(site, campaign)
    assert [one.agent.titles() for one in (joining, leaving, other)] == [["For some"], [], []]


@pytest.mark.row("PU-24")
def test_pu_24_an_unknown_deleted_or_empty_segment_is_a_400_and_nothing_is_sent(
    site: Site, api: DeployedApi, simulator: Simulator
) -> None:
    visitor = site.visitor(tags=["vip"])
    segment = call(site, 201, "POST", "/segments", {"name": "VIP", "rules": VIP})["id"]
    theirs = Site.open(api, simulator)
    for client in (site, theirs):
        name = segment if client is theirs else "seg_abc123"
        body = {"name": "Some", "segmentId": name, **NOTE}
        assert refused(client.server.call("POST", "/campaigns", body), 400, "Bad Request") == "Unknown segment"
    assert refused(theirs.server.call("GET", f"/segments/{segment}"), 404, "Not Found") == "Segment not found"
    campaign = campaign_to(site, segment)
    assert call(site, 200, "DELETE", f"/segments/{segment}") == {"success": True}
    for path in ("send", "preview"):
        answer = site.server.call("POST", f"/campaigns/{campaign}/{path}")
        assert refused(answer, 400, "Bad Request") == "Unknown segment"
    empty: list[dict[str, object]] = [{}, {"all": []}, {"any": []}]
    for rules in empty:
        answer = site.server.call("POST", "/segments", {"name": "Everybody?", "rules": rules})
        assert refused(answer, 400, "Bad Request").startswith("rules")
    assert site.get("/segments")["data"] == []
    assert call(site, 200, "GET", f"/campaigns/{campaign}")["status"] == "draft"
    assert visitor.agent.titles() == []


@pytest.mark.row("PU-24")
def test_pu_24_a_segment_is_kept_and_one_that_means_nobody_leaves_its_campaign_a_draft(site: Site) -> None:
    site.visitor()
    wanted = {"name": "VIP", "description": "Who pays", "rules": {"all": [VIP]}}
    made = call(site, 201, "POST", "/segments", wanted)
    assert made == {
        "id": made["id"],
        "siteId": site.customer.app.replace("app_", "site_"),
        **wanted,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }
    assert made["id"].startswith("seg_")
    assert site.get("/segments") == {"data": [made], "hasMore": False, "nextCursor": None}
    assert site.get(f"/segments/{made['id']}") == made
    campaign = campaign_to(site, made["id"])
    answer = site.server.call("POST", f"/campaigns/{campaign}/send")
    assert (answer.status, answer.json) == (400, {"error": "No subscribers found"})
    assert site.get(f"/campaigns/{campaign}")["status"] == "draft"


@pytest.mark.row("PU-24")
def test_pu_24_a_preview_tells_how_many_rules_mean_and_shows_some(site: Site) -> None:
    visitors: list[Visitor] = [
        site.visitor(f"user-{number}", HEADERS if number == 0 else None, tags=["vip"] * (number % 2))
        for number in range(4)
    ]
    members = sorted(visitors[number].id for number in (1, 3))
    shown = call(site, 200, "POST", "/segments/preview", {"rules": {"all": [VIP, {"not": {"not": VIP}}]}})
    assert (shown["count"], shown["estimated"], sorted(one["id"] for one in shown["sample"])) == (2, False, members)
    assert shown["sample"][0] == site.get(f"/subscribers/{shown['sample'][0]['id']}")
    for rules in ({"not": VIP}, {"field": "externalId", "operator": "in", "value": ["user-0", "user-2"]}):
        assert call(site, 200, "POST", "/segments/preview", {"rules": rules})["count"] == 2
    for field, operator, value, count in (
        ("browser", "equals", "Chrome", 1),
        ("os", "equals", "Windows", 1),
        ("country", "in", ["CH", "AT"], 1),
        ("lastSeenAt", "within_days", 1, 4),
        ("lastSeenAt", "older_than_days", 1, 0),
    ):
        one = {"field": field, "operator": operator, "value": value}
        assert call(site, 200, "POST", "/segments/preview", {"rules": one})["count"] == count
    assert call(site, 200, "POST", "/segments/preview", {"rules": {"everyone": True}})["count"] == 4
    wrong = site.server.call("POST", "/segments/preview", {"rules": {"all": [VIP, VIP | {"value": 1}]}})
    told = refused(wrong, 400, "Bad Request")
    assert told == "rules.all.1.value must be a text of 1 to 256 characters"


def test_a_preview_of_a_send_tells_its_audience_and_limits_and_takes_nothing(site: Site) -> None:
    visitor = site.visitor(tags=["vip"])
    site.visitor()
    shown = call(site, 200, "POST", "/send/preview", {**NOTE, "tags": ["vip"]})
    assert (shown["audience"], shown["fits"], shown["limits"]["needed"]) == (1, True, 1)
    assert shown["limits"]["monthly"] == {"remaining": 10_000, "limit": 10_000}
    sent = expect(200, site.server.send(tags=["vip"]))
    assert (sent["sent"], sent["limits"]["remaining"]) == (1, 9_999)
    assert len(visitor.agent.messages(1)) == 1
    assert call(site, 200, "POST", "/send/preview", NOTE)["expectedGone"] == 0
