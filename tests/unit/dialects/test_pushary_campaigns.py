"""Campaigns on the wire, in virtual time (PU-22 to PU-32)."""

from typing import Any

import pytest

from tests.customer import expect
from tests.engine import MemoryEngine
from tests.http_api import Answer
from tests.memory.system import START
from tests.unit.application import queues
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.dialect_kit.times import iso

SALE = {"name": "Product Launch", "title": "New Feature Available!", "body": "Check out our latest update"}
MEMBERS = {
    *("id", "name", "title", "body", "status", "totalTargeted", "totalSent", "totalDelivered", "totalClicked"),
    *("createdAt", "siteId", "iconUrl", "imageUrl", "actionUrl", "segmentId", "scheduledAt", "templateId"),
    *("variables", "statusReason", "updatedAt"),
}
AT = int(START) + 3600


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    """A site with two subscribers."""
    opened = Site.open(engine)
    opened.visit()
    opened.visit()
    return opened


def create(site: Site, **fields: object) -> dict[str, Any]:
    made: dict[str, Any] = expect(201, site.server.call("POST", "/campaigns", {**SALE, **fields}))
    return made


def act(site: Site, campaign: str, step: str) -> Answer:
    return site.server.call("POST", f"/campaigns/{campaign}/{step}")


def patch(site: Site, campaign: str, **fields: object) -> Answer:
    return site.server.call("PATCH", f"/campaigns/{campaign}", fields)


def get(site: Site, path: str, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, site.server.call("GET", f"/campaigns{path}", query=query))
    return found


@pytest.mark.row("PU-24")
@pytest.mark.parametrize(
    "name", ["tags", "externalIds", "subscriberIds", "segment_id", "segment", "segmentID", "targets"]
)
def test_pu_24_a_target_by_another_name_does_not_widen_a_campaign_to_everybody(site: Site, name: str) -> None:
    message = f"{name} is not known here: a campaign is for everybody, or for a segmentId"
    assert refused(site.server.call("POST", "/campaigns", {**SALE, name: ["vip"]}), 400, "Bad Request") == message
    made = create(site)
    assert refused(patch(site, made["id"], **{name: ["vip"]}), 400, "Bad Request") == message


@pytest.mark.row("PU-23")
@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("url", "the link is named actionUrl"),
        ("image", "pictures are named iconUrl and imageUrl"),
        ("sendAt", "the time is named scheduledAt"),
    ],
)
def test_pu_23_what_it_shows_and_when_is_not_lost_under_another_name(site: Site, name: str, right: str) -> None:
    made = create(site)
    for answer in (site.server.call("POST", "/campaigns", {**SALE, name: "x"}), patch(site, made["id"], **{name: "x"})):
        assert refused(answer, 400, "Bad Request") == f"{name} is not known here: {right}"


@pytest.mark.row("PU-22", "PU-23")
def test_pu_23_a_new_campaign_is_told_whole_and_listed(site: Site) -> None:
    made = create(site, actionUrl="https://example.com/new-feature")
    assert set(made) == MEMBERS
    assert (made["status"], made["actionUrl"], made["scheduledAt"]) == (
        "draft",
        "https://example.com/new-feature",
        None,
    )
    assert made["id"].startswith("camp_")
    assert get(site, f"/{made['id']}") == made
    assert get(site, "") == {"data": [made], "hasMore": False, "nextCursor": None}
    assert get(site, "", source="api")["data"] == []


@pytest.mark.row("PU-23", "PU-73")
@pytest.mark.parametrize(
    ("left_out", "missing"),
    [(["name", "title", "body"], "name, title, body"), (["title"], "title"), (["name"], "name")],
)
def test_pu_73_what_is_missing_is_named_in_the_documents_order(site: Site, left_out: list[str], missing: str) -> None:
    body = {name: value for name, value in SALE.items() if name not in left_out}
    answer = site.server.call("POST", "/campaigns", body)
    assert (answer.status, answer.json) == (400, {"error": f"Missing required fields: {missing}"})


@pytest.mark.row("PU-23", "PU-31")
@pytest.mark.parametrize(
    ("text", "at"),
    [
        (iso(AT), AT),
        (iso(AT).removesuffix("Z"), AT),
        (iso(AT + 7200).replace("Z", "+02:00"), AT),
        (iso(AT).replace("Z", ".500Z"), AT),
    ],
)
def test_pu_23_a_time_without_a_zone_is_utc(site: Site, text: str, at: int) -> None:
    made = create(site, scheduledAt=text)
    assert (made["status"], made["scheduledAt"]) == ("scheduled", iso(at))


@pytest.mark.row("PU-23", "PU-31")
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (iso(int(START) - 60), "scheduledAt must be in the future"),
        (iso(int(START) + 366 * 86_400), "scheduledAt must be in the future, at most 365 days"),
        ("tomorrow", "scheduledAt must be an ISO 8601 time"),
        ("2027-02-30T10:00:00Z", "scheduledAt must be an ISO 8601 time"),
        ("2027-02-03", "scheduledAt must be an ISO 8601 time"),
        ("0001-01-01T00:00:00+14:00", "scheduledAt must be"),
        (1_900_000_000, "scheduledAt must be a string"),
        ("", "scheduledAt must be an ISO 8601 time"),
    ],
)
def test_pu_23_a_time_that_is_none_is_refused(site: Site, given: object, told: str) -> None:
    answer = site.server.call("POST", "/campaigns", {**SALE, "scheduledAt": given})
    assert refused(answer, 400, "Bad Request").startswith(told)
    assert get(site, "")["data"] == []
    assert site.engine.schedules.at == {}


@pytest.mark.row("PU-27", "PU-28", "PU-29", "PU-30", "PU-71")
def test_pu_30_the_actions_answer_with_the_campaign_and_refuse_in_words(site: Site) -> None:
    name = create(site)["id"]
    assert refused(act(site, name, "pause"), 400, "Bad Request").startswith("Campaign is draft and cannot be paused")
    assert refused(act(site, name, "resume"), 400, "Bad Request").startswith("Campaign is draft and cannot be resumed")
    sent = expect(200, act(site, name, "send"))
    assert (set(sent), sent["status"], sent["totalTargeted"], sent["totalSent"]) == (MEMBERS, "sending", 2, 0)
    assert "must be draft or scheduled" in refused(act(site, name, "send"), 400, "Bad Request")
    assert expect(200, act(site, name, "pause"))["status"] == "paused"
    assert expect(200, act(site, name, "resume"))["status"] == "active"
    assert "pause or cancel it first" in refused(site.server.call("DELETE", f"/campaigns/{name}"), 400, "Bad Request")
    queues.drain(site.engine)
    assert get(site, f"/{name}")["status"] == "completed"
    assert expect(200, site.server.call("DELETE", f"/campaigns/{name}")) == {"success": True}
    assert refused(site.server.call("GET", f"/campaigns/{name}"), 404, "Not Found") == "Campaign not found"


def test_sending_and_going_on_name_the_send_though_its_segment_is_still_being_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.launching.WALKABLE", 0)
    segment = expect(201, site.server.call("POST", "/segments", {"name": "All", "rules": {"everyone": True}}))["id"]
    name = create(site, segmentId=segment)["id"]
    for step in ("send", "pause", "resume"):
        answer = act(site, name, step)
        expect(200, answer)
        assert answer.headers.get("x-send-id") == (None if step == "pause" else name.replace("camp_", "snd_"))


@pytest.mark.row("PU-25", "PU-30")
def test_pu_25_a_patch_changes_what_it_names_and_the_status_by_the_actions_rules(site: Site) -> None:
    name = create(site, iconUrl="https://example.com/i.png", scheduledAt=iso(AT))["id"]
    changed = expect(200, patch(site, name, title="Updated Title", iconUrl=None, scheduledAt=iso(AT + 60)))
    assert (changed["title"], changed["body"], changed["iconUrl"]) == ("Updated Title", SALE["body"], None)
    assert (changed["status"], changed["scheduledAt"]) == ("scheduled", iso(AT + 60))
    for fields, told in (
        ({"status": "active"}, "status must be"),
        ({"status": "completed"}, "status must be"),
        ({"status": "scheduled"}, "status is made scheduled by a scheduledAt"),
        ({"title": None}, "title must be"),
        ({"title": ""}, "title must"),
        ({"segmentId": "seg_nope"}, "Unknown segment"),
        ({"templateId": "tmpl_nope"}, "Unknown template"),
        ({"status": "paused"}, "Campaign is scheduled and cannot be paused"),
        ({"status": "draft", "scheduledAt": iso(AT)}, "A draft has no scheduledAt"),
        ({"actionUrl": "javascript:alert(1)"}, "actionUrl must be"),
    ):
        assert refused(patch(site, name, **fields), 400, "Bad Request").startswith(told)
    assert get(site, f"/{name}") == changed
    assert expect(200, patch(site, name)) == changed
    assert expect(200, patch(site, name, status="draft"))["scheduledAt"] is None
    assert expect(200, patch(site, name, status="cancelled"))["status"] == "cancelled"
    assert refused(patch(site, name, title="x"), 400, "Bad Request").startswith("Campaign is cancelled")


@pytest.mark.row("PU-25")
def test_pu_25_a_patch_that_changes_nothing_answers_the_campaign_as_it_is(site: Site) -> None:
    name = create(site)["id"]
    expect(200, act(site, name, "send"))
    queues.drain(site.engine)
    done = get(site, f"/{name}")
    assert done["status"] == "completed"
    for fields in ({}, {"foo": 1}):
        assert expect(200, patch(site, name, **fields)) == done


@pytest.mark.row("PU-43")
def test_pu_43_a_template_gives_its_texts_and_variables_fill_them_in(site: Site) -> None:
    texts = {"name": "Order", "title": "Hi {{first}}", "body": "Order {{no}}", "actionUrl": "https://x.example/{{no}}"}
    template = expect(201, site.server.call("POST", "/templates", texts))["id"]
    body = {"name": "From a template", "templateId": template, "variables": {"first": "Ann", "no": 17}, "body": "Yours"}
    made = expect(201, site.server.call("POST", "/campaigns", body))
    assert [made[one] for one in ("title", "body", "actionUrl", "templateId")] == [
        "Hi {{first}}",
        "Yours",
        "https://x.example/{{no}}",
        template,
    ]
    assert made["variables"] == {"first": "Ann", "no": "17"}
    expect(200, site.server.call("PATCH", f"/templates/{template}", {"title": "Changed"}))
    assert get(site, f"/{made['id']}")["title"] == "Hi {{first}}"
    again = expect(200, patch(site, made["id"], templateId=template, variables={"no": True}))
    assert (again["title"], again["body"], again["variables"]) == ("Changed", "Order {{no}}", {"no": "true"})


@pytest.mark.row("PU-24")
def test_pu_24_a_campaign_names_a_segment_of_its_own_site(site: Site, engine: MemoryEngine) -> None:
    rules = {"field": "externalId", "operator": "exists"}
    segment = expect(201, site.server.call("POST", "/segments", {"name": "Known", "rules": rules}))["id"]
    assert create(site, segmentId=segment)["segmentId"] == segment
    other = Site.open(engine)
    for name in (segment, "seg_abc123"):
        answer = other.server.call("POST", "/campaigns", {**SALE, "segmentId": name})
        assert refused(answer, 400, "Bad Request") == "Unknown segment"
    nobody = create(site, segmentId=segment)["id"]
    answer = act(site, nobody, "send")
    assert (answer.status, answer.json) == (400, {"error": "No subscribers found"})
    assert get(site, f"/{nobody}")["status"] == "draft"


@pytest.mark.row("PU-32")
def test_pu_32_statistics_have_figures_of_each_kind(site: Site) -> None:
    name = create(site)["id"]
    assert get(site, f"/{name}/stats") == {
        **dict.fromkeys(("totalSent", "totalDelivered", "totalClicked", "totalFailed"), 0),
        **dict.fromkeys(("deliveryRate", "clickRate"), 0.0),
        **dict.fromkeys(("totalDisplayed", "totalDismissed", "missingVariables"), 0),
        "hours": [],
        "pushServices": {},
    }
    expect(200, act(site, name, "send"))
    queues.drain(site.engine)
    stats = get(site, f"/{name}/stats")
    assert (stats["totalSent"], stats["totalDelivered"], stats["deliveryRate"]) == (2, 2, 100.0)


@pytest.mark.row("PU-72")
def test_pu_72_beyond_the_plan_a_campaign_stays_what_it_is(engine: MemoryEngine) -> None:
    site = Site.open(engine, limits={"hourly": None, "daily": None, "monthly": 1})
    site.visit()
    site.visit()
    name = create(site)["id"]
    told = expect(403, act(site, name, "send"))
    assert (told["error"], told["message"]) == (
        "Notification limit exceeded",
        "You've reached your monthly notification limit",
    )
    assert told["upgradeUrl"].endswith("/plans")
    assert get(site, f"/{name}")["status"] == "draft"


@pytest.mark.row("PU-13")
def test_pu_13_an_api_send_can_be_looked_at_and_no_more(site: Site) -> None:
    name = expect(200, site.server.send())["campaignId"]
    assert set(get(site, f"/{name}")) == MEMBERS
    answers = [act(site, name, step) for step in ("send", "pause", "resume")]
    answers += [patch(site, name, title="x"), site.server.call("DELETE", f"/campaigns/{name}")]
    for answer in answers:
        assert refused(answer, 400, "Bad Request") == "This was sent by POST /send: it can only be looked at"
    assert get(site, "", source="api")["data"][0]["id"] == name
    assert get(site, "")["data"] == []


@pytest.mark.row("PU-22")
def test_pu_22_pages_go_by_cursor_and_status(site: Site) -> None:
    names = [create(site, name=f"Number {number}")["id"] for number in range(3)]
    expect(200, act(site, names[0], "send"))
    first = get(site, "", limit="2")
    rest = get(site, "", limit="2", cursor=first["nextCursor"])
    assert {one["id"] for one in [*first["data"], *rest["data"]]} == set(names)
    assert [one["id"] for one in get(site, "", status="sending")["data"]] == [names[0]]
    bad = site.server.call("GET", "/campaigns", query={"status": "drafty"})
    assert refused(bad, 400, "Bad Request").startswith("status must be")
    both = site.server.call("GET", "/campaigns", query={"status": "draft", "source": "api"})
    refused(both, 400, "Bad Request")
    other = site.server.call("GET", "/campaigns", query={"status": "draft", "cursor": first["nextCursor"]})
    refused(other, 400, "Bad Request")


def test_campaigns_of_another_site_are_not_found(site: Site, engine: MemoryEngine) -> None:
    name, other = create(site)["id"], Site.open(engine)
    answers = [act(other, name, step) for step in ("send", "pause", "resume")]
    answers += [patch(other, name, title="x"), *(other.server.call(m, f"/campaigns/{name}") for m in ("GET", "DELETE"))]
    answers += [other.server.call("GET", f"/campaigns/{name}/stats"), act(other, "camp_abc123", "send")]
    for answer in answers:
        assert refused(answer, 404, "Not Found") == "Campaign not found"
    assert get(other, "")["data"] == []
