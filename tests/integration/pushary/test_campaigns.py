"""Campaigns at the deployed template: kept, sent, scheduled on EventBridge, paused, measured (PU-22 to PU-32)."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from dev.stack import Stack
from dev.stack.deploy import STACK
from tests.customer import Customer, expect
from tests.integration.crowd import Crowd, stores_of
from tests.integration.deployed_api import Simulator, UserAgent
from tests.integration.pushary.site import Site, lacking, refused
from tests.integration.queues import invoked
from tests.integration.tables import let_pass
from tests.integration.workers import Workers
from tocsin.application.audience import WALKABLE
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialect_kit.times import iso
from tocsin.domain.ids import AppId, CampaignId, SendId

SALE = {"name": "Product Launch", "title": "New Feature Available!", "body": "Check out our latest update"}
LINKS = {
    "iconUrl": "https://example.com/icon.png",
    "imageUrl": "https://example.com/image.png",
    "actionUrl": "https://example.com/new-feature",
}
TOTALS = ("totalTargeted", "totalSent", "totalDelivered", "totalClicked")
GROUP = f"{STACK}-campaigns"
SOON = 10
"""Seconds ahead that a test schedules for; what it does until then must fit in."""
LATE_AT_MOST = 60
DEVICES = 170
"""More than are in flight together, which are a hundred of a chunk at most."""
ANSWERED_AFTER_MS = 6_000
STOPS_WITHIN = 12
KILLS = 10
"""Tries to kill a call before it is over, which takes some hundredths of a second."""
LOST_AFTER = 300
"""Seconds after which the sweep takes up what somebody who died has left."""
Record = Callable[[str, object], None]


def create(site: Site, **fields: object) -> str:
    """The id of a new campaign."""
    return str(expect(201, site.server.call("POST", "/campaigns", {**SALE, **fields}))["id"])


def act(site: Site, name: str, step: str) -> dict[str, Any]:
    """The campaign that an action answers with."""
    done: dict[str, Any] = expect(200, site.server.call("POST", f"/campaigns/{name}/{step}"))
    return done


def patch(site: Site, campaign: str, /, **fields: object) -> dict[str, Any]:
    """The campaign after a change."""
    changed: dict[str, Any] = expect(200, site.server.call("PATCH", f"/campaigns/{campaign}", fields))
    return changed


def told(site: Site, name: str, method: str, path: str = "", **fields: object) -> str:
    """Why something cannot be done with a campaign."""
    return refused(site.server.call(method, f"/campaigns/{name}{path}", fields), 400, "Bad Request")


def when(site: Site, name: str, status: str, seconds: float = 60) -> dict[str, Any]:
    """The campaign, as soon as it has this status."""
    deadline = time.monotonic() + seconds
    while (found := site.get(f"/campaigns/{name}"))["status"] != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return dict(found)


def scheduled(stack: Stack) -> dict[str, dict[str, Any]]:
    """The schedules of all campaigns, by name."""
    scheduler = stack.aws("scheduler")
    names = [one["Name"] for one in scheduler.list_schedules(GroupName=GROUP)["Schedules"]]
    found = {name: scheduler.get_schedule(Name=name, GroupName=GROUP) for name in names}
    return {name: {part: one[part] for part in one if part != "ResponseMetadata"} for name, one in found.items()}


def schedule_of(site: Site, name: str) -> str:
    """What its schedule is called."""
    return f"{parse('app', site.customer.app)}-{parse('camp', name)}"


def call_of(site: Site, name: str) -> dict[str, Any]:
    """What the scheduler function is told at its time."""
    return {"task": "campaign", "app": parse("app", site.customer.app), "campaign": parse("camp", name)}


def calls_logged(stack: Stack, name: str) -> list[str]:
    """What the scheduler function has logged of calls for a campaign."""
    return [line for line in stack.log_lines('"message":"campaign"') if f'"{parse("camp", name)}"' in line]


def killed_on_the_way(stack: Stack, site: Site, name: str) -> bool:
    """Make a campaign due and kill who sends it once its send is stored; whether that was before all was done."""
    stores, app = stores_of(stack), AppId(parse("app", site.customer.app) or "")
    campaign = CampaignId(parse("camp", name) or "")
    invoked(stack, "scheduler", call_of(site, name))  # too early: it only wakes a worker
    workers = Workers(stack, "scheduler")
    awake, found = workers.running(), stores.campaigns.get(app, campaign)
    assert found is not None
    stores.campaigns.put(replace(found, due_at=int(time.time()), revision=found.revision + 1))
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(invoked, stack, "scheduler", call_of(site, name))
        while not call.done() and stores.sends.get(app, SendId(campaign)) is None:
            time.sleep(0.005)
        for process in awake:
            workers.kill(process)
        return call.result() is not None  # that it died: it has no answer otherwise


def begun(agents: Sequence[UserAgent]) -> list[float]:
    """When each POST began (Unix seconds); a message is received before it is answered."""
    return sorted(message["received_at"] for agent in agents for message in agent.messages())


@pytest.mark.row("PU-22", "PU-23", "PU-25", "PU-32")
def test_pu_22_a_campaign_is_told_whole_changed_and_known_to_its_own_site_alone(site: Site, customer: Customer) -> None:
    assert lacking(site.server.call("POST", "/campaigns", {})) == "name, title, body"
    for foreign, why in (
        ({"segmentId": "seg_abc123"}, "Unknown segment"),
        ({"templateId": "tmpl_aaaaaaaaaaaaaaaaaaaa"}, "Unknown template"),
    ):
        assert refused(site.server.call("POST", "/campaigns", {**SALE, **foreign}), 400, "Bad Request") == why
    name = create(site, **LINKS)
    assert name.startswith("camp_")
    draft = site.get(f"/campaigns/{name}")
    assert draft == {
        "id": name,
        **SALE,
        "status": "draft",
        **dict.fromkeys(TOTALS, 0),
        "createdAt": draft["createdAt"],
        "siteId": site.customer.app.replace("app_", "site_"),
        **LINKS,
        "segmentId": None,
        "scheduledAt": None,
        "templateId": None,
        "variables": {},
        "statusReason": None,
        "updatedAt": draft["createdAt"],
    }
    assert abs(datetime.fromisoformat(draft["createdAt"]).timestamp() - time.time()) < 60
    assert site.get("/campaigns") == {"data": [draft], "hasMore": False, "nextCursor": None}
    stats = site.get(f"/campaigns/{name}/stats")
    assert (stats["totalSent"], stats["deliveryRate"], stats["clickRate"]) == (0, 0.0, 0.0)
    new = {"name": "Sale", "title": "Updated Title", "body": "Updated body text"}
    new |= {link: f"{url}?changed" for link, url in LINKS.items()}
    changed = patch(site, name, **new)
    assert changed == draft | new | {"updatedAt": changed["updatedAt"]}
    for step in ("pause", "resume"):
        assert told(site, name, "POST", f"/{step}").startswith("Campaign is draft and cannot be ")
    for status in ("sending", "active", "completed", "scheduled"):
        assert told(site, name, "PATCH", status=status).startswith("status ")
    assert told(site, name, "PATCH", segmentId="seg_abc123") == "Unknown segment"
    stranger = customer.pushary()
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/send"), ("GET", "/stats")):
        answer = stranger.call(method, f"/campaigns/{name}{path}", {"name": "stolen"})
        assert refused(answer, 404, "Not Found") == "Campaign not found"
    assert site.get(f"/campaigns/{name}") == changed


@pytest.mark.row("PU-23", "PU-25", "PU-27", "PU-30")
def test_pu_27_a_campaign_goes_to_whoever_is_subscribed_and_is_over_for_good(site: Site) -> None:
    visitors, left = [site.visitor(), site.visitor()], site.visitor()
    site.leave(left)
    name = create(site, **LINKS)
    patch(site, name, title="Updated Title")
    answer = act(site, name, "send")
    assert (answer["status"], answer["totalTargeted"]) == ("sending", 2)
    done = when(site, name, "completed")
    assert [done[total] for total in TOTALS] == [2, 2, 2, 0]
    for visitor in visitors:
        [message] = visitor.agent.messages(1)
        shown = message["json"]["notification"]
        assert (shown["title"], shown["body"]) == ("Updated Title", SALE["body"])
        assert [shown["icon"], shown["image"], shown["navigate"]] == list(LINKS.values())
    assert left.agent.messages() == []
    for method, path, fields in (
        ("POST", "/send", {}),
        ("PATCH", "", {"title": "x"}),
        *(("PATCH", "", {"status": status}) for status in ("draft", "paused", "cancelled")),
    ):
        assert told(site, name, method, path, **fields).startswith("Campaign is completed and cannot be ")
    assert patch(site, name) == patch(site, name, unknown=1) == done
    assert site.get("/campaigns", status="completed")["data"] == [done]
    assert site.get("/campaigns", source="api")["data"] == []
    assert expect(200, site.server.call("DELETE", f"/campaigns/{name}")) == {"success": True}
    refused(site.server.call("GET", f"/campaigns/{name}"), 404, "Not Found")
    log = expect(200, site.customer.api.operator("GET", site.customer.at("/audit")))["entries"]
    assert {one["action"] for one in log} >= {f"campaign.{what}" for what in ("created", "changed", "sent", "deleted")}


@pytest.mark.row("PU-27", "PU-30")
def test_pu_27_of_two_who_send_at_once_one_wins_and_without_vapid_keys_nobody_does(site: Site, deployed: Stack) -> None:
    visitor = site.visitor()
    name = create(site, scheduledAt=iso(int(time.time()) + 3600))
    assert schedule_of(site, name) in scheduled(deployed)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: site.server.call("POST", f"/campaigns/{name}/send"), range(2)))
    won, lost = sorted(answers, key=lambda answer: answer.status)
    assert expect(200, won)["status"] == "sending"
    assert schedule_of(site, name) not in scheduled(deployed)
    assert "cannot be sent: it must be draft or scheduled" in refused(lost, 400, "Bad Request")
    when(site, name, "completed")
    assert len(visitor.agent.messages(1)) == 1
    stores, app = stores_of(deployed), AppId(parse("app", site.customer.app) or "")
    [key] = stores.registry.vapid_keys(app)
    table = next(one for one in deployed.aws("dynamodb").list_tables()["TableNames"] if "TenantsTable" in one)
    deployed.aws("dynamodb").delete_item(
        TableName=table, Key={"pk": {"S": f"APP#{app}"}, "sk": {"S": f"VAPID#{key.id}"}}
    )
    other = create(site)
    message = refused(site.server.call("POST", f"/campaigns/{other}/send"), 400, "Bad Request")
    assert message == "Site has no VAPID keys: it needs them to send"
    assert site.get(f"/campaigns/{other}")["status"] == "draft"


@pytest.mark.row("PU-23")
def test_pu_23_a_time_that_cannot_be_schedules_nothing_and_one_without_a_zone_is_utc(
    site: Site, deployed: Stack
) -> None:
    before, far = scheduled(deployed).keys(), int(time.time()) + 3600
    past = iso(far - 7200)
    for at in (past, iso(far + 366 * 86_400), "tomorrow", "2027-13-01T00:00:00Z", far):
        answer = site.server.call("POST", "/campaigns", {**SALE, "scheduledAt": at})
        assert refused(answer, 400, "Bad Request").startswith("scheduledAt must be")
    assert (site.get("/campaigns")["data"], scheduled(deployed).keys()) == ([], before)
    for at in (iso(far).removesuffix("Z"), iso(far + 7200).replace("Z", "+02:00")):
        made = site.get(f"/campaigns/{create(site, scheduledAt=at)}")
        assert (made["status"], made["scheduledAt"]) == ("scheduled", iso(far))
    name, schedule = made["id"], scheduled(deployed)[schedule_of(site, made["id"])]
    assert told(site, name, "PATCH", scheduledAt=past).startswith("scheduledAt must be")
    assert (site.get(f"/campaigns/{name}"), scheduled(deployed)[schedule_of(site, name)]) == (made, schedule)


@pytest.mark.row("PU-30")
def test_pu_30_a_cancelled_campaign_is_neither_sent_nor_a_draft_again(site: Site) -> None:
    site.visitor()
    name = create(site)
    assert patch(site, name, status="cancelled")["status"] == "cancelled"
    for step in ("send", "pause", "resume"):
        assert told(site, name, "POST", f"/{step}").startswith("Campaign is cancelled and cannot be ")
    assert told(site, name, "PATCH", status="draft").startswith("Campaign is cancelled and cannot be made a draft")
    assert site.get(f"/campaigns/{name}")["status"] == "cancelled"


@pytest.mark.row("PU-22", "PU-31", "PU-25", "PU-30")
def test_pu_31_a_scheduled_campaign_is_sent_at_its_time_however_often_it_is_woken(
    site: Site, deployed: Stack, record_testsuite_property: Record
) -> None:
    visitor, far = site.visitor(), iso(int(time.time()) + 3600)
    moved = create(site, title="moved", scheduledAt=far)
    cancelled, drafted, deleted = (create(site, title="never", scheduledAt=far) for _ in range(3))
    first, rest = site.pages("/campaigns", limit=3)
    assert (len(first), sorted(first + rest)) == (3, sorted([moved, cancelled, drafted, deleted]))
    assert scheduled(deployed).keys() >= {schedule_of(site, one) for one in (moved, cancelled, drafted, deleted)}
    assert patch(site, cancelled, status="cancelled")["status"] == "cancelled"
    assert patch(site, drafted, status="draft")["scheduledAt"] is None
    expect(200, site.server.call("DELETE", f"/campaigns/{deleted}"))
    assert scheduled(deployed).keys().isdisjoint({schedule_of(site, one) for one in (cancelled, drafted, deleted)})
    at = int(time.time()) + SOON
    plain = create(site, title="plain", scheduledAt=iso(at))
    assert patch(site, moved, scheduledAt=iso(at))["status"] == "scheduled"
    for name in (plain, moved, drafted, deleted):
        invoked(deployed, "scheduler", call_of(site, name))  # a call that comes too early, or for what is no more
    early = visitor.agent.messages()
    assert early == [] or time.time() >= at
    for name in (plain, moved):
        when(site, name, "completed", LATE_AT_MOST + SOON + 30)
        # Beside ours, a call by its schedule: the sweep would have sent it, too.
        deadline = time.monotonic() + LATE_AT_MOST
        while len(calls := calls_logged(deployed, name)) < 2:
            assert time.monotonic() < deadline, calls
            time.sleep(1)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: invoked(deployed, "scheduler", call_of(site, plain)), range(2)))
    invoked(deployed, "scheduler", {})
    assert sorted(visitor.agent.titles()) == ["moved", "plain"]
    times = {message["json"]["notification"]["title"]: message["received_at"] for message in visitor.agent.messages()}
    lateness = [times["plain"] - at, times["moved"] - at]
    assert all(0 <= late <= LATE_AT_MOST for late in lateness)
    record_testsuite_property("campaign schedules: late by", ", ".join(f"{late:.2f} s" for late in lateness))


@pytest.mark.row("PU-31")
def test_pu_31_what_was_never_woken_or_was_killed_on_the_way_is_sent_once_by_the_sweep(
    site: Site, deployed: Stack
) -> None:
    visitor, scheduler = site.visitor(), deployed.aws("scheduler")
    stores, app = stores_of(deployed), AppId(parse("app", site.customer.app) or "")
    far = iso(int(time.time()) + 3600)
    killed = [create(site, title="killed", scheduledAt=far)]
    while not killed_on_the_way(deployed, site, killed[-1]):
        assert len(killed) < KILLS
        killed.append(create(site, title="killed", scheduledAt=far))
    let_pass(deployed, app, LOST_AFTER)
    at = int(time.time()) + SOON
    lost, twice = (create(site, title=title, scheduledAt=iso(at)) for title in ("lost", "twice"))
    for name in (lost, twice):
        scheduler.delete_schedule(Name=schedule_of(site, name), GroupName=GROUP)
    left = create(site, scheduledAt=far)
    one = stores.campaigns.get(app, CampaignId(parse("camp", left) or ""))
    assert one is not None
    stores.campaigns.remove(one)  # its schedule is left behind
    time.sleep(max(0.0, at + 1 - time.time()))
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: invoked(deployed, "scheduler", call_of(site, twice)), range(3)))
    deadline = time.monotonic() + 240
    while {site.get(f"/campaigns/{name}")["status"] for name in (lost, twice, *killed)} != {"completed"}:
        assert time.monotonic() < deadline
        invoked(deployed, "scheduler", {})
        time.sleep(2)
    assert sorted(visitor.agent.titles()) == [*("killed" for _ in killed), "lost", "twice"]
    assert schedule_of(site, left) in scheduled(deployed)
    invoked(deployed, "scheduler", {"task": "tidy"})
    assert schedule_of(site, left) not in scheduled(deployed)


@pytest.mark.row("PU-25", "PU-28", "PU-29", "PU-30")
def test_pu_28_nothing_goes_out_12_s_after_a_pause_and_resuming_reaches_everybody_once(
    site: Site, deployed: Stack, simulator: Simulator, record_testsuite_property: Record
) -> None:
    agents = Crowd(deployed, simulator, site.customer, DEVICES).agents
    for agent in agents:
        agent.behave(delay_ms=ANSWERED_AFTER_MS)
    name = create(site)
    act(site, name, "send")
    deadline = time.monotonic() + 60
    while not begun(agents):
        assert time.monotonic() < deadline
    assert act(site, name, "pause")["status"] == "paused"
    paused = time.time()
    refused(site.server.call("POST", f"/campaigns/{name}/pause"), 400, "Bad Request")
    while time.time() < paused + STOPS_WITHIN + ANSWERED_AFTER_MS / 1000 + 2:
        time.sleep(1)
    resting = begun(agents)
    assert 0 < len(resting) < DEVICES
    assert resting[-1] <= paused + STOPS_WITHIN
    found = site.get(f"/campaigns/{name}")
    assert (found["status"], found["totalDelivered"]) == ("paused", len(resting))
    assert told(site, name, "PATCH", title="x").startswith("Campaign is paused and cannot be changed")
    assert act(site, name, "resume")["status"] == "active"
    assert told(site, name, "PATCH", title="x").startswith("Campaign is active and cannot be changed")
    assert told(site, name, "DELETE").endswith("pause or cancel it first")
    assert site.get(f"/campaigns/{name}")["status"] == "active"
    again = act(site, name, "pause")
    assert (again["status"], again["updatedAt"] > again["createdAt"]) == ("paused", True)
    assert act(site, name, "resume")["status"] == "active"
    for agent in agents:
        agent.behave()
    done = when(site, name, "completed")
    assert (done["totalTargeted"], done["totalDelivered"]) == (DEVICES, DEVICES)
    assert [len(begun([agent])) for agent in agents] == [1] * DEVICES
    record_testsuite_property("campaign pause: last POST after", f"{max(0.0, resting[-1] - paused):.2f} s")


@pytest.mark.row("PU-30", "PU-25")
def test_pu_30_a_paused_campaign_that_is_cancelled_ends_with_whom_it_reached(
    site: Site, deployed: Stack, simulator: Simulator
) -> None:
    agents = Crowd(deployed, simulator, site.customer, DEVICES).agents
    for agent in agents:
        agent.behave(delay_ms=ANSWERED_AFTER_MS)
    name = create(site)
    act(site, name, "send")
    assert told(site, name, "PATCH", title="x").startswith("Campaign is sending and cannot be changed")
    assert told(site, name, "PATCH", status="cancelled").startswith("Campaign is sending and cannot be cancelled")
    assert told(site, name, "DELETE").endswith("pause or cancel it first")
    deadline = time.monotonic() + 60
    while not begun(agents):
        assert time.monotonic() < deadline
    assert patch(site, name, status="paused")["status"] == "paused"
    assert patch(site, name, status="cancelled")["status"] == "cancelled"
    while (found := site.get(f"/campaigns/{name}"))["totalSent"] < DEVICES:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    reached = begun(agents)
    assert 0 < len(reached) < DEVICES
    assert (found["status"], found["totalDelivered"]) == ("cancelled", len(reached))
    refused(site.server.call("POST", f"/campaigns/{name}/resume"), 400, "Bad Request")
    assert expect(200, site.server.call("DELETE", f"/campaigns/{name}")) == {"success": True}


@pytest.mark.row("PU-24")
def test_pu_24_on_a_large_site_whom_a_segment_means_is_counted_before_anybody_is_sent_to(
    site: Site, deployed: Stack
) -> None:
    vip, other = site.visitor(tags=["vip"]), site.visitor()
    rules = {"field": "tags", "operator": "has", "value": "vip"}
    segment = expect(201, site.server.call("POST", "/segments", {"name": "VIP", "rules": rules}))["id"]
    names = deployed.aws("dynamodb").list_tables()["TableNames"]
    deployed.aws("dynamodb").update_item(  # as many have come and gone
        TableName=next(one for one in names if "SubscriptionsTable" in one),
        Key={"pk": {"S": f"APP#{parse('app', site.customer.app)}#00"}, "sk": {"S": "COUNT"}},
        UpdateExpression="ADD expired :many",
        ExpressionAttributeValues={":many": {"N": str(WALKABLE)}},
    )
    name = create(site, segmentId=segment)
    answer = act(site, name, "send")
    assert (answer["status"], answer["totalTargeted"]) == ("sending", 0)
    invoked(deployed, "scheduler", {})
    assert when(site, name, "completed")["totalTargeted"] == 1
    assert (len(vip.agent.messages(1)), other.agent.messages()) == (1, [])
    nobody = create(site, segmentId=segment)
    act(site, nobody, "send")
    expect(200, site.server.call("DELETE", f"/segments/{segment}"))
    invoked(deployed, "scheduler", {})
    assert when(site, nobody, "paused")["statusReason"] == "Unknown segment"


@pytest.mark.row("PU-24", "PU-32")
def test_pu_32_a_segments_campaign_is_measured_by_what_its_readers_do(site: Site) -> None:
    reader, other, bad = (site.visitor(tags=["vip"]) for _ in range(3))
    site.visitor()
    bad.agent.behave(status=400)
    rules = {"field": "tags", "operator": "has", "value": "vip"}
    segment = expect(201, site.server.call("POST", "/segments", {"name": "VIP", "rules": rules}))["id"]
    name = create(site, segmentId=segment, title="Hi {{first}}", variables={})
    act(site, name, "send")
    assert when(site, name, "completed")["totalTargeted"] == 3
    assert len(other.agent.messages(1)) == 1
    for _ in range(2):
        site.report(reader, 0, "clicked", "clicked")
    deadline = time.monotonic() + 40
    while not (stats := site.get(f"/campaigns/{name}/stats"))["totalClicked"]:
        assert time.monotonic() < deadline, stats
        time.sleep(0.5)
    [hour] = stats.pop("hours")
    once = {"displayed": 1, "clicked": 1, "dismissed": 0}
    assert {one: hour[one] for one in once} == once
    assert stats == {
        "totalSent": 3,
        "totalDelivered": 2,
        "totalClicked": 1,
        "totalFailed": 1,
        "deliveryRate": 66.67,
        "clickRate": 50.0,
        "totalDisplayed": 1,
        "totalDismissed": 0,
        "pushServices": {"mozilla": once},
        "missingVariables": 2,
    }
    found = site.get(f"/campaigns/{name}")
    assert [found[total] for total in TOTALS] == [3, 3, 2, 1]
    assert site.get("/campaigns")["data"] == [found]
