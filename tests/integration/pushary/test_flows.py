"""Flows on the deployed template: begun by what really happens, taken on by the queues and by the schedule."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import expect
from tests.integration.crowd import stores_of
from tests.integration.pushary.site import Site, Visitor, lacking, refused
from tests.integration.queues import Queues, invoked
from tests.integration.tables import alter, everything_stored, let_pass
from tests.integration.workers import Workers
from tocsin.application.run_jobs import ContinueRun, encode_run_job
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.domain.flow import send_of
from tocsin.domain.ids import AppId, FlowId, SubscriptionId

SECONDS = 120
"""Longer than anything here takes on a busy machine."""
PRECISION = 60
"""Seconds that a step may be late (PU-56)."""
SOON, LATE = 3, 16 * 60
"""Delays: by the queue, and beyond what it can hold back."""
KILLS = 10
"""Tries to kill a worker between two of its writes, which are some hundredths of a second apart."""
LOST_AFTER = 300
"""Seconds after which the sweep takes up what somebody who died has left."""


def show(title: str, **more: object) -> dict[str, object]:
    """A step that sends."""
    return {"stepType": "send_notification", "config": {"notification": {"title": title, "body": "b", **more}}}


def wait(value: float, unit: str = "seconds") -> dict[str, object]:
    """A step that waits."""
    return {"stepType": "delay", "config": {"delay": {"value": value, "unit": unit}}}


PICTURES = {"iconUrl": "https://example.com/icon.png", "imageUrl": "https://example.com/image.png"}
NO_CAMPAIGN = "triggerCampaignId goes with triggers of notifications"
EXIT: dict[str, object] = {"stepType": "exit", "config": {}}


class Flow:
    """A flow as its site's server sees it."""

    def __init__(self, site: Site, trigger: str, *steps: object, **more: object) -> None:
        self._site = site
        body = {"name": "Flow", "triggerType": trigger, "steps": list(steps), **more}
        self.made: dict[str, Any] = expect(201, site.server.call("POST", "/flows", body))
        self.path = f"/flows/{self.made['id']}"

    def active(self) -> "Flow":
        """The same, activated."""
        assert expect(200, self._site.server.call("POST", f"{self.path}/activate"))["status"] == "active"
        return self

    def pause(self) -> None:
        """Pause it."""
        assert expect(200, self._site.server.call("POST", f"{self.path}/pause"))["status"] == "paused"

    def shown(self) -> dict[str, Any]:
        """As it is now."""
        found: dict[str, Any] = self._site.get(self.path)
        return found

    def executions(self) -> int:
        """How many runs began."""
        return int(self.shown()["executionCount"])


def eventually(holds: Callable[[], object]) -> None:
    """Wait for what queues bring about."""
    until = time.time() + SECONDS
    while not holds():
        assert time.time() < until, "this did not come about in time"
        time.sleep(0.3)


def titles(visitor: Visitor, count: int) -> list[str]:
    """What a browser was shown, after waiting for so many: each takes its way through three queues."""
    eventually(lambda: len(visitor.agent.messages()) >= count)
    return visitor.agent.titles()


def runs_of(stack: Stack, visitor: Visitor) -> list[tuple[str, dict[str, Any]]]:
    """A subscriber's runs as they are stored, each with its table."""
    known = f"RUN#{parse('sub', visitor.id)}"
    return [(table, item) for table, item in everything_stored(stack) if item["sk"]["S"] == known]


def lasts(run: dict[str, Any], until: str) -> int:
    """Seconds from the beginning of a run."""
    return int(run[until]["N"]) - int(run["started_at"]["N"])


def accepted(stack: Stack, site: Site) -> list[tuple[str, int]]:
    """What the flows of a site have sent, and when; deliveries that wait for their worker may change places."""
    app = parse("app", site.customer.app)
    stored = (item for _, item in everything_stored(stack) if item["sk"]["S"] == "SEND" and item["app"]["S"] == app)
    sends = ((item["notification"]["M"]["title"]["S"], int(item["created_at"]["N"])) for item in stored)
    return sorted(sends, key=lambda send: send[1])


def due_in(stack: Stack, visitor: Visitor, seconds: int) -> int:
    """What a visitor's only run waits for comes nearer; when that is."""
    [(table, run)] = runs_of(stack, visitor)
    at = int(time.time()) + seconds
    alter(stack, table, run, due_at=at, next_at=at)
    return at


def killed_on_the_way(stack: Stack, site: Site, flow: Flow, visitors: list[Visitor]) -> bool:
    """Let one more visitor come and kill the flow's worker when it has sent; whether that was before it was noted."""
    stores, workers = stores_of(stack), Workers(stack, "runs")
    awake = workers.running()
    with Queues(stack).held("RunsQueue"):
        visitors.append(site.visitor())
    app, of = AppId(parse("app", site.customer.app) or ""), FlowId(parse("flow", flow.made["id"]) or "")
    who = SubscriptionId(parse("sub", visitors[-1].id) or "")
    until = time.time() + SECONDS
    while (known := stores.runs.get(app, of, who)) is None or not stores.sends.get(app, send_of(known.id, 0)):
        assert time.time() < until
        time.sleep(0.002)
    for process in awake:
        workers.kill(process)
    [(_, run)] = runs_of(stack, visitors[-1])
    return bool(run["state"]["S"] == "waiting")


@pytest.mark.row("PU-50", "PU-51", "PU-52", "PU-62")
def test_pu_51_a_flow_is_told_whole_listed_and_deleted(site: Site) -> None:
    steps = (show("Welcome!"), wait(SOON), EXIT)
    flow = Flow(site, "subscription", *steps, name="Welcome", description="Onboard")
    made, at = flow.made, flow.made["createdAt"]
    assert made == {
        "id": made["id"],
        "siteId": site.customer.app.replace("app_", "site_"),
        "name": "Welcome",
        "description": "Onboard",
        "triggerType": "subscription",
        "triggerCampaignId": None,
        "status": "draft",
        "executionCount": 0,
        "createdAt": at,
        "updatedAt": at,
        "steps": [
            {
                "id": made["steps"][number]["id"],
                "flowId": made["id"],
                "stepOrder": number,
                **step,
                "createdAt": at,
                "updatedAt": at,
            }
            for number, step in enumerate(steps)
        ],
        "minIntervalMinutes": 60,
        "createdBy": made["createdBy"],
        "runs": {"live": 0, "ended": 0, "skippedSteps": 0, "missingVariables": 0},
    }
    assert made["id"].startswith("flow_")
    assert all(step["id"].startswith("step_") for step in made["steps"])
    assert flow.shown() == made
    assert site.get("/flows", status="draft")["data"] == [made]
    assert site.get("/flows", status="active") == {"data": [], "hasMore": False, "nextCursor": None}
    refused(site.server.call("GET", "/flows", query={"status": "asleep"}), 400, "Bad Request")
    other = Flow(site, "subscription")
    assert sorted(site.pages("/flows", limit=1)) == sorted([[made["id"]], [other.made["id"]]])
    assert expect(200, site.server.call("DELETE", flow.path)) == {"success": True}
    for method in ("GET", "DELETE"):
        refused(site.server.call(method, flow.path), 404, "Not Found")


@pytest.mark.row("PU-50", "PU-58", "PU-59", "PU-60", "PU-61")
def test_pu_59_a_flow_is_changed_activated_and_rests_by_its_actions_and_by_patch(site: Site) -> None:
    flow, server = Flow(site, "subscription", show("Welcome!"), description="Onboard"), site.server
    refused(server.call("POST", f"{flow.path}/pause"), 400, "Bad Request")
    flow.active()
    refused(server.call("POST", f"{flow.path}/activate"), 400, "Bad Request")
    refused(server.call("PATCH", flow.path, {"steps": []}), 400, "Bad Request")
    changed = expect(200, server.call("PATCH", flow.path, {"status": "paused", "steps": [show("Hello")]}))
    assert (changed["status"], changed["name"], changed["description"]) == ("paused", "Flow", "Onboard")
    assert [step["config"]["notification"]["title"] for step in changed["steps"]] == ["Hello"]
    campaign = expect(201, server.call("POST", "/campaigns", {"name": "Sale", "title": "Sale", "body": "b"}))["id"]
    new = {"description": None, "triggerType": "notification_dismiss", "triggerCampaignId": campaign}
    narrowed = expect(200, server.call("PATCH", flow.path, new))
    assert narrowed == changed | new | {"updatedAt": narrowed["updatedAt"]}
    for status in ("archived", "active", "paused", "archived"):
        assert expect(200, server.call("PATCH", flow.path, {"status": status}))["status"] == status
        assert site.get("/flows", status=status)["data"] == [flow.shown()]
    flow.active()
    empty = Flow(site, "subscription")
    refused(server.call("POST", f"{empty.path}/activate"), 400, "Bad Request")
    refused(server.call("PATCH", empty.path, {"status": "active"}), 400, "Bad Request")


@pytest.mark.row("PU-43", "PU-53", "PU-55", "PU-56", "PU-57", "PU-63")
def test_pu_56_who_subscribes_is_sent_step_after_step_each_when_it_is_due_and_once(site: Site, deployed: Stack) -> None:
    texts = {"name": "Later", "title": "Still {{what}}?", "body": "{{externalId}}"}
    template = expect(201, site.server.call("POST", "/templates", texts))["id"]
    welcome = show("Welcome, {{externalId}}", **PICTURES, actionUrl="https://example.com/{{externalId}}")
    config = {"templateId": template, "variables": {"what": "there"}}
    later = {"stepType": "send_notification", "config": config}
    flow = Flow(site, "subscription", welcome, wait(SOON), later, EXIT, show("Never")).active()
    anna = site.visitor("anna")
    assert titles(anna, 1) == ["Welcome, anna"]
    [(_, run)] = runs_of(deployed, anna)
    app, of, who = (run[name]["S"] for name in ("app", "flow", "subscription"))
    again = ContinueRun(AppId(app), FlowId(of), SubscriptionId(who))
    Queues(deployed).put("RunsQueue", [encode_run_job(again)] * 3)
    assert sorted(titles(anna, 2)) == ["Still there?", "Welcome, anna"]
    notes = [message["json"]["notification"] for message in anna.agent.messages()]
    [first], [second] = ([note for note in notes if note["title"].startswith(word)] for word in ("Welcome", "Still"))
    assert (first["icon"], first["image"]) == (PICTURES["iconUrl"], PICTURES["imageUrl"])
    assert first["navigate"] == "https://example.com/anna"
    assert second["body"] == "anna"
    eventually(lambda: flow.shown()["runs"] == {"live": 0, "ended": 1, "skippedSteps": 0, "missingVariables": 0})
    (begun, began), (ended, at) = accepted(deployed, site)
    assert (begun, ended) == ("Welcome, {{externalId}}", "Still {{what}}?")
    assert 0 <= at - began - SOON + 1 <= PRECISION
    assert flow.executions() == 1
    assert len(anna.agent.messages()) == 2


@pytest.mark.row("PU-56")
def test_pu_56_what_waits_longer_than_a_queue_can_is_found_by_the_schedule(site: Site, deployed: Stack) -> None:
    Flow(site, "subscription", wait(LATE), show("After a while")).active()
    anna = site.visitor()
    eventually(lambda: runs_of(deployed, anna))
    [(_, run)] = runs_of(deployed, anna)
    assert run["due_at"] == run["next_at"]
    assert lasts(run, "next_at") == LATE
    due = due_in(deployed, anna, SOON)
    invoked(deployed, "scheduler", {})
    assert titles(anna, 1) == ["After a while"]
    [answer] = site.simulator.answers()[anna.agent.id]
    assert 0 <= answer["at"] - due <= PRECISION


@pytest.mark.row("PU-56", "PU-63")
def test_pu_56_a_step_whose_worker_was_killed_in_the_middle_is_taken_again_and_sends_once(
    site: Site, deployed: Stack
) -> None:
    flow = Flow(site, "subscription", show("Once")).active()
    visitors = [site.visitor()]
    assert titles(visitors[0], 1) == ["Once"]  # its worker is awake since then
    while not killed_on_the_way(deployed, site, flow, visitors):
        assert len(visitors) < KILLS
    let_pass(deployed, AppId(parse("app", site.customer.app) or ""), LOST_AFTER)
    invoked(deployed, "scheduler", {})
    assert [titles(one, 1) for one in visitors] == [["Once"] for _ in visitors]
    eventually(
        lambda: flow.shown()["runs"] == {"live": 0, "ended": len(visitors), "skippedSteps": 0, "missingVariables": 0}
    )
    assert len(accepted(deployed, site)) == flow.executions() == len(visitors)


@pytest.mark.row("PU-56", "PU-87")
def test_pu_56_a_delay_is_as_long_as_its_unit_says_and_a_rest_as_its_minutes(site: Site, deployed: Stack) -> None:
    seconds = {(20, "minutes"): 1200, (1, "hours"): 3600, (1, "days"): 86_400, (365, "days"): 31_536_000}
    expected = {Flow(site, "subscription", wait(*one)).active().made["id"]: (seconds[one], 3600) for one in seconds}
    slow = Flow(site, "subscription", wait(2, "hours"), minIntervalMinutes=120).active()
    expected[slow.made["id"]] = (7200, 7200)
    anna = site.visitor()
    eventually(lambda: len(runs_of(deployed, anna)) == len(expected))
    runs = {render("flow", run["flow"]["S"]): run for _, run in runs_of(deployed, anna)}
    assert {flow: (lasts(run, "next_at"), lasts(run, "rests_until")) for flow, run in runs.items()} == expected


@pytest.mark.row("PU-58", "PU-60", "PU-61")
def test_pu_61_a_paused_flow_holds_its_runs_and_an_active_one_lets_them_go_on(site: Site, deployed: Stack) -> None:
    flow = Flow(site, "subscription", wait(SOON), show("As it began")).active()
    anna = site.visitor()
    eventually(lambda: flow.executions() == 1)
    flow.pause()
    eventually(lambda: runs_of(deployed, anna)[0][1]["state"]["S"] == "held")
    expect(200, site.server.call("PATCH", flow.path, {"steps": [show("As it was changed")]}))
    bert = site.visitor()  # nobody begins while it rests
    assert anna.agent.messages() == []
    flow.active()
    assert titles(anna, 1) == ["As it began"]
    assert titles(site.visitor(), 1) == ["As it was changed"]
    assert (flow.executions(), bert.agent.messages()) == (2, [])


@pytest.mark.row("PU-62")
def test_pu_62_the_runs_of_a_deleted_flow_end(site: Site, deployed: Stack) -> None:
    flow = Flow(site, "subscription", wait(SOON), show("Never")).active()
    anna = site.visitor()
    eventually(lambda: flow.executions() == 1)
    expect(200, site.server.call("DELETE", flow.path))
    eventually(lambda: runs_of(deployed, anna) == [])
    assert anna.agent.messages() == []


@pytest.mark.row("PU-53", "PU-54", "PU-87")
def test_pu_87_a_flow_is_begun_by_no_flow_and_once_an_hour_for_a_subscriber(site: Site) -> None:
    anna = site.visitor()
    sent = expect(200, site.server.send(title="From the server"))
    narrow = Flow(site, "notification_impression", show("Narrow"), triggerCampaignId=sent["campaignId"]).active()
    wide = Flow(site, "notification_impression", show("Wide")).active()
    site.report(anna, 0, "displayed")
    assert sorted(titles(anna, 3)) == ["From the server", "Narrow", "Wide"]
    assert (narrow.executions(), wide.executions()) == (1, 1)
    bert = site.visitor()
    expect(200, site.server.send(title="Another"))
    site.report(bert, 0, "displayed")  # the wide flow only: the other one waits for another notification
    assert titles(bert, 2) == ["Another", "Wide"]
    for visitor, number in ((anna, 3), (bert, 1), (anna, 1), (anna, 2)):
        site.report(visitor, number, "displayed")  # one more of the server's, then what flows themselves have sent
    last = site.visitor()
    expect(200, site.server.send(title="A third", subscriberIds=[last.id]))
    site.report(last, 0, "displayed")  # what was reported before it has been counted, once this one is
    assert titles(last, 2) == ["A third", "Wide"]
    assert (narrow.executions(), wide.executions()) == (1, 3)
    # Nobody rests from this one, which any other notification would begin.
    echo = Flow(site, "notification_impression", show("Echo")).active()
    site.report(last, 1, "displayed")
    expect(200, site.server.send(title="A fourth", subscriberIds=[bert.id]))
    site.report(bert, 2, "displayed")
    assert titles(bert, 4)[2:] == ["A fourth", "Echo"]
    assert echo.executions() == 1


@pytest.mark.row("PU-53")
def test_pu_53_a_click_and_a_dismissal_begin_the_flows_that_wait_for_them(site: Site) -> None:
    clicked = Flow(site, "notification_click", show("Thanks")).active()
    gone = Flow(site, "notification_dismiss", show("Gone")).active()
    anna, bert = site.visitor(), site.visitor()
    expect(200, site.server.send(title="From the server"))
    site.report(anna, 0, "displayed", "clicked")
    site.report(bert, 0, "displayed", "dismissed")
    assert titles(anna, 2) == ["From the server", "Thanks"]
    assert titles(bert, 2) == ["From the server", "Gone"]
    assert (clicked.executions(), gone.executions()) == (1, 1)


@pytest.mark.row("PU-87")
def test_pu_87_after_an_hour_a_flow_begins_again_for_a_subscriber_whose_run_is_over(
    site: Site, deployed: Stack
) -> None:
    over = Flow(site, "notification_impression", show("Over")).active()
    live = Flow(site, "notification_impression", wait(LATE), show("Live")).active()
    anna = site.visitor()
    expect(200, site.server.send(title="First"))
    site.report(anna, 0, "displayed")
    assert titles(anna, 2) == ["First", "Over"]
    eventually(lambda: (over.executions(), live.executions()) == (1, 1))
    eventually(lambda: over.shown()["runs"]["ended"] == 1)
    for table, run in runs_of(deployed, anna):
        assert lasts(run, "rests_until") == 3600
        alter(deployed, table, run, rests_until=0)
    expect(200, site.server.send(title="Second"))
    site.report(anna, 2, "displayed")
    assert titles(anna, 4) == ["First", "Over", "Second", "Over"]
    assert (over.executions(), live.executions()) == (2, 1)


@pytest.mark.row("PU-53", "PU-88")
def test_pu_88_who_unsubscribes_is_reached_on_the_other_devices_of_the_same_person(site: Site) -> None:
    flow = Flow(site, "unsubscription", show("Sorry to see you go")).active()
    phone, laptop, stranger = site.visitor("anna"), site.visitor("anna"), site.visitor()
    for leaving in (phone, stranger):
        site.leave(leaving)
    assert titles(laptop, 1) == ["Sorry to see you go"]
    eventually(lambda: flow.shown()["runs"] == {"live": 0, "ended": 2, "skippedSteps": 1, "missingVariables": 0})
    assert [one.agent.messages() for one in (phone, stranger)] == [[], []]


@pytest.mark.row("PU-52", "PU-54", "PU-55", "PU-56")
def test_pu_54_impossible_flows_are_refused_and_nothing_is_kept(site: Site) -> None:
    made = {"name": "Flow", "triggerType": "subscription"}
    site.visitor()
    sent = expect(200, site.server.send())["campaignId"]
    unknown = {"stepType": "send_notification", "config": {"templateId": "tmpl_aaaaaaaaaaaaaaaaaaaa"}}
    bad: list[tuple[dict[str, object], str]] = [
        ({**made, "triggerType": "full_moon"}, "triggerType"),
        ({**made, "triggerType": "notification_click", "triggerCampaignId": "camp_a"}, "triggerCampaignId must name"),
        ({**made, "triggerCampaignId": sent}, NO_CAMPAIGN),
        ({**made, "triggerType": "unsubscription", "triggerCampaignId": sent}, NO_CAMPAIGN),
        ({**made, "steps": [{"stepType": "nap", "config": {}}]}, "steps.0.stepType"),
        ({**made, "steps": [wait(0)]}, "steps.0.config.delay.value"),
        ({**made, "steps": [wait(1.5)]}, "steps.0.config.delay.value"),
        ({**made, "steps": [wait(1, "weeks")]}, "steps.0.config.delay.unit"),
        ({**made, "steps": [wait(366, "days")]}, "steps.0.config.delay"),
        ({**made, "steps": [show("{{oh")]}, "steps.0.config.notification.title"),
        ({**made, "steps": [unknown]}, "Unknown template"),
        ({**made, "minIntervalMinutes": 59}, "minIntervalMinutes"),
    ]
    for body, field in bad:
        assert refused(site.server.call("POST", "/flows", body), 400, "Bad Request").startswith(field)
    assert lacking(site.server.call("POST", "/flows", {})) == "name, triggerType"
    answer = site.server.call("POST", "/flows", {**made, "steps": [{"stepType": "send_notification"}]})
    assert lacking(answer) == "steps.0.config.notification.title, steps.0.config.notification.body"
    assert site.get("/flows")["data"] == []
    narrow = Flow(site, "notification_click", triggerCampaignId=sent)
    told = refused(site.server.call("PATCH", narrow.path, {"triggerType": "subscription"}), 400, "Bad Request")
    assert told.startswith(NO_CAMPAIGN)
    assert narrow.shown() == narrow.made
