"""POST /api/v1/server/send, and sends as campaigns."""

import json
from typing import Any

import pytest

from tests.customer import expect, new_subscription
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application import queues
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.application.ports import Unavailable
from tocsin.domain.send import Course

NOBODY = {"error": "No subscribers found"}


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


@pytest.mark.row("PU-11", "PU-12")
def test_pu_11_the_answer_has_the_documents_members_and_what_the_vendors_client_reads(site: Site) -> None:
    site.visit()
    site.visit()
    answer = expect(200, site.server.send(url="https://example.com/messages"))
    assert answer == {
        "success": True,
        "campaignId": answer["campaignId"],
        "sent": 2,
        "limits": {"remaining": 9998, "limit": 10000},
        "status": "queued",
        "queued": 2,
        "duplicate": False,
        "missing": 0,
    }
    assert answer["campaignId"].startswith("camp_")


@pytest.mark.row("PU-12")
def test_pu_12_without_a_monthly_limit_both_are_null(engine: MemoryEngine) -> None:
    site = Site.open(engine, limits={"hourly": None, "daily": 5, "monthly": None})
    site.visit()
    assert expect(200, site.server.send())["limits"] == {"remaining": None, "limit": None}


@pytest.mark.row("PU-12", "PU-72")
def test_pu_72_beyond_the_month_nothing_is_sent_and_the_first_of_the_next_one_begins_anew(engine: MemoryEngine) -> None:
    site = Site.open(engine, limits={"hourly": None, "daily": None, "monthly": 3})
    site.visit()
    site.visit()
    assert expect(200, site.server.send())["limits"] == {"remaining": 1, "limit": 3}
    answer = site.server.send()
    assert (answer.status, answer.json) == (
        403,
        {
            "error": "Notification limit exceeded",
            "message": "You've reached your monthly notification limit",
            "upgradeUrl": "/plans",
        },
    )
    assert len(engine.transport.requests) == 2
    assert site.customer.api.call("GET", "/plans").status == 200
    engine.clock.advance(int(answer.headers["retry-after"]))
    assert expect(200, site.server.send())["limits"] == {"remaining": 1, "limit": 3}


@pytest.mark.row("PU-72")
def test_pu_72_a_shorter_limit_is_not_called_a_monthly_one(engine: MemoryEngine) -> None:
    site = Site.open(engine, limits={"hourly": 0, "daily": None, "monthly": 3})
    site.visit()
    answer = site.server.send()
    assert (answer.status, answer.json["message"]) == (403, "Notification quota exceeded for this hour")


@pytest.mark.row("PU-10", "PU-26")
def test_pu_10_targets_add_up_and_nobody_is_sent_to_twice(site: Site) -> None:
    one = site.visit(tags=["vip"], identity={"externalId": "u1"})
    site.visit(tags=["vip", "new"])
    site.visit(identity={"externalId": "u2"})
    site.visit()

    def sent(**targets: object) -> object:
        return expect(200, site.server.send(**targets))["sent"]

    assert sent() == sent(subscriberIds=None, externalIds=None, tags=None) == 4
    assert sent(subscriberIds=[one, one]) == 1
    assert sent(externalIds=["u1", "u2", "u3"]) == 2
    assert sent(tags=["new", "vip"]) == 2
    assert sent(subscriberIds=[one], externalIds=["u1"], tags=["vip"]) == 2
    assert sent(subscriberIds=[one], externalIds=["u2"], tags=["new"]) == 3
    assert sent(subscriberIds=[], externalIds=["u2"], tags=[]) == 1


@pytest.mark.row("PU-26")
def test_pu_26_an_empty_list_or_unknown_names_mean_nobody_and_never_everybody(site: Site, engine: MemoryEngine) -> None:
    nobody = site.server.send()
    assert (nobody.status, nobody.json) == (400, NOBODY)
    site.visit()
    in_vain: tuple[dict[str, list[str] | None], ...] = (
        {"subscriberIds": []},
        {"externalIds": []},
        {"tags": []},
        {"subscriberIds": [], "tags": [], "externalIds": None},
        {"subscriberIds": ["sub_aaaaaaaaaaaaaaaaaaaa", "x"]},
        {"externalIds": ["nobody"]},
        {"tags": ["nothing"]},
    )
    for targets in in_vain:
        answer = site.server.send(**targets)
        assert (answer.status, answer.json) == (400, NOBODY), targets
    assert engine.transport.requests == []
    assert engine.quotas.usage(site.app, int(engine.clock.now())).monthly == 0


@pytest.mark.row("PU-10")
def test_pu_10_a_thousand_targets_are_taken_and_one_more_is_not(site: Site) -> None:
    site.visit(identity={"externalId": "u0"})
    many = [f"u{number}" for number in range(1000)]
    assert expect(200, site.server.send(externalIds=many))["sent"] == 1
    told = refused(site.server.send(externalIds=many, tags=["one more"]), 400, "Bad Request")
    assert "at most 1000" in told
    long = ["x" * 200 + str(number) for number in range(1000)]
    assert site.server.send(externalIds=long).json == NOBODY


@pytest.mark.row("PU-9", "PU-73")
@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, "title, body"),
        ({"title": None, "body": None}, "title, body"),
        ({"body": "b"}, "title"),
        ({"title": "t", "url": "nonsense"}, "body"),
    ],
    ids=str,
)
def test_pu_73_what_is_missing_is_named_in_the_documents_order_and_nothing_else(
    site: Site, body: dict[str, Any], missing: str
) -> None:
    answer = site.server.call("POST", "/send", body)
    assert (answer.status, answer.json) == (400, {"error": f"Missing required fields: {missing}"})


@pytest.mark.row("PU-9", "PU-70", "PU-71")
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"title": " "}, "title must not be empty"),
        ({"title": "😀" * 257}, "title must be at most 256 characters"),
        ({"body": "é" * 4097}, "body must be at most 4096 characters"),
        ({"title": 5}, "title must be a string"),
        ({"url": "javascript:alert(1)"}, "url must"),
        ({"iconUrl": "x"}, "iconUrl must"),
        ({"imageUrl": "https://example.com/" + "x" * 2048}, "imageUrl must"),
        ({"tags": "vip"}, "tags must be a list"),
        ({"externalIds": [1]}, "externalIds.0 must be a string"),
        ({"externalIds": ["x", ""]}, "externalIds.1 must not be empty"),
        ({"tags": ["x" * 65]}, "tags.0 must have at most 64 characters"),
        ({"tags": [f"t{number}" for number in range(101)]}, "tags must have at most 100 items"),
        ({"data": []}, "data must"),
        ({"data": {"x": "y" * 4096}}, "data must be at most 4096 bytes"),
        ({"metadata": "x"}, "metadata must"),
        ({"idempotencyKey": ""}, "idempotencyKey must"),
        ({"idempotencyKey": "k" * 201}, "idempotencyKey must"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_pu_70_a_malformed_member_is_400_and_named(site: Site, fields: dict[str, Any], told: str) -> None:
    site.visit()
    assert refused(site.server.send(**fields), 400, "Bad Request").startswith(told)
    assert site.engine.transport.requests == []


@pytest.mark.row("PU-9", "PU-14")
def test_pu_9_what_is_shown_is_what_was_asked_for(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    fields = {
        "title": "😀" * 256,
        "body": "b" * 4096,
        "url": "https://example.com/m",
        "iconUrl": "https://example.com/i.png",
        "imageUrl": "https://example.com/p.png",
        "data": {"order": 17},
        "metadata": {"source": "crm"},
    }
    expect(200, site.server.send(**fields))
    shown = queues.only_send(engine).notification
    assert (shown.title, shown.body, shown.url) == (fields["title"], fields["body"], fields["url"])
    assert (shown.icon, shown.image, shown.data) == (fields["iconUrl"], fields["imageUrl"], {"order": 17})


@pytest.mark.row("PU-14", "X-4")
def test_pu_14_a_repeat_is_told_the_first_answer_and_sends_nothing(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    first = expect(200, site.server.send(idempotencyKey="order-17 é", tags=None))
    site.visit()
    again = site.server.send(idempotencyKey="order-17 é")
    assert expect(200, again) == first | {"duplicate": True}
    assert again.headers["idempotency-replayed"] == "true"
    assert len(engine.transport.requests) == 1
    other = site.server.send(idempotencyKey="order-17 é", url="https://example.com/")
    refused(other, 400, "Bad Request")
    engine.clock.advance(24 * 3600 + 1)
    assert expect(200, site.server.send(idempotencyKey="order-17 é"))["duplicate"] is False


@pytest.mark.row("PU-14", "X-4")
def test_x_4_the_header_does_what_the_member_does_and_both_must_agree(site: Site) -> None:
    site.visit()
    header = {"Idempotency-Key": "k1"}
    first = expect(200, site.server.send(header))
    assert expect(200, site.server.send(header)) == first | {"duplicate": True}
    told = refused(site.server.send(header, idempotencyKey="k2"), 400, "Bad Request")
    assert told == "idempotencyKey and the Idempotency-Key header must not differ"
    assert expect(200, site.server.send({"Idempotency-Key": "k3"}, idempotencyKey="k3"))["duplicate"] is False


@pytest.mark.row("PU-13")
def test_pu_13_a_send_is_a_campaign_with_its_figures_and_is_listed_only_when_asked_for(
    site: Site, engine: MemoryEngine
) -> None:
    bad = new_subscription()
    site.visit(subscription=bad)
    site.visit()
    engine.transport.script(bad["endpoint"], Reply(400))
    sent = expect(200, site.server.send(url="https://example.com/x"))
    name = sent["campaignId"]
    campaign = expect(200, site.server.call("GET", f"/campaigns/{name}"))
    assert campaign == {
        "id": name,
        "siteId": site.customer.app.replace("app_", "site_"),
        "name": "New Message",
        "title": "New Message",
        "body": "You have one",
        "iconUrl": None,
        "imageUrl": None,
        "actionUrl": "https://example.com/x",
        "segmentId": None,
        "scheduledAt": None,
        "status": "completed",
        "totalTargeted": 2,
        "totalSent": 2,
        "totalDelivered": 1,
        "totalClicked": 0,
        "createdAt": "2027-01-15T08:00:00Z",
        "templateId": None,
        "variables": {},
        "statusReason": None,
        "updatedAt": "2027-01-15T08:00:00Z",
    }
    assert expect(200, site.server.call("GET", f"/campaigns/{name}/stats")) == {
        "totalSent": 2,
        "totalDelivered": 1,
        "totalClicked": 0,
        "totalFailed": 1,
        "deliveryRate": 50.0,
        "clickRate": 0.0,
        "totalDisplayed": 0,
        "totalDismissed": 0,
        "hours": [],
        "pushServices": {},
        "missingVariables": 0,
    }
    hidden = expect(200, site.server.call("GET", "/campaigns"))
    assert hidden == {"data": [], "hasMore": False, "nextCursor": None}
    listed = expect(200, site.server.call("GET", "/campaigns", query={"source": "api"}))
    assert listed == {"data": [campaign], "hasMore": False, "nextCursor": None}
    refused(site.server.call("GET", "/campaigns", query={"source": "all"}), 400, "Bad Request")


@pytest.mark.row("PU-7", "PU-13")
def test_pu_13_api_sends_are_paged_newest_first(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    names = []
    for _ in range(5):
        engine.clock.advance(1)
        names.append(expect(200, site.server.send())["campaignId"])
    query, found = {"source": "api", "limit": "2"}, []
    while True:
        page = expect(200, site.server.call("GET", "/campaigns", query=query))
        found += [one["id"] for one in page["data"]]
        if not page["hasMore"]:
            break
        query["cursor"] = page["nextCursor"]
    assert found == names[::-1]
    wrong = {"cursor": query["cursor"]}
    refused(site.server.call("GET", "/campaigns", query=wrong), 400, "Bad Request")
    other = Site.open(engine)
    refused(other.server.call("GET", "/campaigns", query=query), 400, "Bad Request")
    refused(site.server.call("GET", "/subscribers", query=wrong), 400, "Bad Request")


@pytest.mark.row("PU-13")
def test_pu_13_only_this_apis_sends_of_the_own_site_are_campaigns(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    other = Site.open(engine)
    mine = expect(200, site.server.send())["campaignId"]
    asked = expect(200, site.customer.cloudsignal().send(target_all=True))["request_id"].replace("req_", "camp_")
    for server, name in (
        (other.server, mine),
        (site.server, asked),
        (site.server, mine.replace("camp_", "req_")),
        (site.server, "camp_x"),
    ):
        for rest in ("", "/stats"):
            answer = server.call("GET", f"/campaigns/{name}{rest}")
            assert refused(answer, 404, "Not Found") == "Campaign not found"


def test_a_send_that_is_steered_says_so(site: Site, engine: MemoryEngine) -> None:
    for _ in range(101):
        site.visit()
        engine.clock.advance(60)
    name = expect(200, site.server.send())["campaignId"]

    def status() -> object:
        return expect(200, site.server.call("GET", f"/campaigns/{name}"))["status"]

    assert status() == "sending"
    send = queues.only_send(engine)
    for course, told in ((Course.PAUSED, "paused"), (Course.RUNNING, "sending"), (Course.CANCELLED, "cancelled")):
        engine.sends.steer(site.app, send.id, course)
        assert status() == told


def test_a_body_of_anything_else_is_400(site: Site) -> None:
    for body in (b"", b"[]", b"null", b'{"title": "a", "title": "b", "body": "c"}', json.dumps("x").encode()):
        refused(site.server.call("POST", "/send", body), 400, "Bad Request")


def test_what_was_accepted_is_answered_though_the_allowance_cannot_be_read(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site.open(engine, limits={"hourly": None, "daily": None, "monthly": 10})
    site.visit()

    def away(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.quotas, "usage", away)
    assert expect(200, site.server.send())["limits"] == {"remaining": None, "limit": 10}


@pytest.mark.parametrize(
    "name",
    [
        *("externalId", "external_ids", "subscriberId", "segmentId", "userIds", "tag", "Targets"),
        *("email", "to", "recipients", "audience", "labels", "subscriptionIds", "deviceIds", "excludeTags"),
        *("externalUserIds", "include_aliases", "recipientIds", "subsciberIds", "ids", "targeting"),
    ],
)
def test_a_misspelt_target_is_no_send_to_everyone(site: Site, engine: MemoryEngine, name: str) -> None:
    site.visit()
    told = expect(400, site.server.send(**{name: ["u-1"]}))["message"]
    assert told == f"{name} is not known here: targets are named subscriberIds, externalIds and tags"
    assert not engine.storage.sends


@pytest.mark.parametrize(
    "name", ["scheduledAt", "sheduledAt", "send_at", "sendAfter", "delay", "startAt", "scheduleTime"]
)
def test_a_time_makes_no_send_that_goes_out_at_once(site: Site, engine: MemoryEngine, name: str) -> None:
    site.visit()
    told = expect(400, site.server.send(**{name: "2099-01-01T00:00:00Z"}))["message"]
    assert told == f"{name} is not known here, as this goes out at once: a campaign can wait for its scheduledAt"
    assert not engine.storage.sends


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("actionUrl", "the link is named url"),
        ("click_url", "the link is named url"),
        ("icon", "pictures are named iconUrl and imageUrl"),
    ],
)
def test_a_link_or_picture_by_another_name_is_not_lost(site: Site, name: str, told: str) -> None:
    answer = site.server.send(**{name: "https://example.com/a"})
    assert expect(400, answer)["message"] == f"{name} is not known here: {told}"


def test_other_members_that_are_not_known_are_ignored(site: Site) -> None:
    site.visit()
    expect(200, site.server.send(priority="high", actions=[], id="mine", createdAt="now", badgeUrl="b"))


def test_members_that_are_null_are_absent_whatever_they_mean(site: Site) -> None:
    site.visit()
    expect(200, site.server.send(scheduledAt=None, actionUrl=None, segmentId=None, icon=None))


def test_what_is_missing_is_told_before_what_is_not_known(site: Site) -> None:
    answer = site.server.call("POST", "/send", {"title": "Hello", "link": "https://example.com/"})
    assert expect(400, answer)["error"] == "Missing required fields: body"
