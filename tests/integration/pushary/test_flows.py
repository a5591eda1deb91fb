"""Flows on the deployed template: begun by what really happens, taken on by the queues and by the schedule."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import SITE, expect
from tests.integration.pushary.site import Site, Visitor, refused
from tests.integration.queues import invoked
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse

SECONDS = 120
"""Longer than anything here takes on a busy machine."""
PRECISION = 60
"""Seconds that a step may be late (PU-56)."""
SOON, LATE = 3, 16 * 60
"""Delays: by the queue, and beyond what it can hold back."""


def show(title: str, **more: object) -> dict[str, object]:
    """A step that sends."""
    return {"stepType": "send_notification", "config": {"notification": {"title": title, "body": "b", **more}}}


def wait(seconds: int) -> dict[str, object]:
    """A step that waits."""
    return {"stepType": "delay", "config": {"delay": {"value": seconds, "unit": "seconds"}}}


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


def accepted(stack: Stack, site: Site) -> list[tuple[str, int]]:
    """What the flows of a site have sent, and when; deliveries that wait for their worker may change places."""
    app = parse("app", site.customer.app)
    stored = (item for _, item in everything_stored(stack) if item["sk"]["S"] == "SEND" and item["app"]["S"] == app)
    sends = ((item["notification"]["M"]["title"]["S"], int(item["created_at"]["N"])) for item in stored)
    return sorted(sends, key=lambda send: send[1])


def due_in(stack: Stack, visitor: Visitor, seconds: int) -> int:
    """The clock cannot be set forward for a run that waits, so what it waits for comes nearer; when that is."""
    [(table, run)] = runs_of(stack, visitor)
    at = int(time.time()) + seconds
    stack.aws("dynamodb").update_item(
        TableName=table,
        Key={"pk": run["pk"], "sk": run["sk"]},
        UpdateExpression="SET due_at = :at, next_at = :at",
        ExpressionAttributeValues={":at": {"N": str(at)}},
    )
    return at


def displays(site: Site, visitor: Visitor, number: int = 0) -> None:
    """The worker of a browser reports that it shows a message."""
    payload = visitor.agent.messages()[number]["json"]["notification"]
    data = payload["data"]
    event = {"e": "displayed", "id": data["id"], "k": data["k"], "t": int(time.time())}
    path = f"/sdk/v1/{site.customer.app}/events"
    expect(202, site.customer.api.call("POST", path, [event], {"Origin": SITE}))


@pytest.mark.row("PU-50", "PU-51", "PU-52", "PU-58", "PU-59", "PU-60", "PU-61", "PU-62")
def test_pu_50_a_flow_is_made_listed_shown_changed_and_deleted(site: Site) -> None:
    flow = Flow(site, "subscription", show("Welcome!"), wait(SOON), EXIT, description="Onboard")
    made, server = flow.made, site.server
    assert (made["status"], made["executionCount"]) == ("draft", 0)
    assert [(step["stepOrder"], step["stepType"]) for step in made["steps"]] == [
        (0, "send_notification"),
        (1, "delay"),
        (2, "exit"),
    ]
    assert {step["flowId"] for step in made["steps"]} == {made["id"]}
    assert made["siteId"] == site.customer.app.replace("app_", "site_")
    assert flow.shown() == made
    assert site.get("/flows", status="draft")["data"] == [made]
    assert site.get("/flows", status="active") == {"data": [], "hasMore": False, "nextCursor": None}
    refused(server.call("POST", f"{flow.path}/pause"), 400, "Bad Request")
    flow.active()
    refused(server.call("POST", f"{flow.path}/activate"), 400, "Bad Request")
    refused(server.call("PATCH", flow.path, {"steps": []}), 400, "Bad Request")
    changed = expect(200, server.call("PATCH", flow.path, {"status": "paused", "steps": [show("Hello")]}))
    assert (changed["status"], changed["name"], len(changed["steps"])) == ("paused", "Flow", 1)
    assert expect(200, server.call("DELETE", flow.path)) == {"success": True}
    for method in ("GET", "DELETE"):
        refused(server.call(method, flow.path), 404, "Not Found")
    empty = Flow(site, "subscription")
    refused(server.call("POST", f"{empty.path}/activate"), 400, "Bad Request")
    refused(server.call("PATCH", empty.path, {"status": "active"}), 400, "Bad Request")


@pytest.mark.row("PU-53", "PU-55", "PU-56", "PU-57", "PU-63")
def test_pu_56_who_subscribes_is_sent_step_after_step_each_when_it_is_due(site: Site, deployed: Stack) -> None:
    steps = (show("Welcome, {{externalId}}"), wait(SOON), show("Still there?"), EXIT, show("Never"))
    flow = Flow(site, "subscription", *steps).active()
    anna = site.visitor("anna")
    assert sorted(titles(anna, 2)) == ["Still there?", "Welcome, anna"]
    (first, at), (second, later) = accepted(deployed, site)
    assert (first, second) == ("Welcome, {{externalId}}", "Still there?")
    assert 0 <= later - at - SOON + 1 <= PRECISION
    eventually(lambda: flow.shown()["runs"] == {"live": 0, "ended": 1, "skippedSteps": 0})
    assert flow.executions() == 1
    assert len(anna.agent.messages()) == 2


@pytest.mark.row("PU-56")
def test_pu_56_what_waits_longer_than_a_queue_can_is_found_by_the_schedule(site: Site, deployed: Stack) -> None:
    Flow(site, "subscription", wait(LATE), show("After a while")).active()
    anna = site.visitor()
    eventually(lambda: runs_of(deployed, anna))
    [(_, run)] = runs_of(deployed, anna)
    assert run["due_at"] == run["next_at"]
    assert abs(int(run["next_at"]["N"]) - time.time() - LATE) < SECONDS
    due = due_in(deployed, anna, SOON)
    invoked(deployed, "scheduler", {})
    assert titles(anna, 1) == ["After a while"]
    [answer] = site.simulator.answers()[anna.agent.id]
    assert 0 <= answer["at"] - due <= PRECISION


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
    assert titles(anna, 1) == ["From the server"]
    displays(site, anna)
    assert sorted(titles(anna, 3)) == ["From the server", "Narrow", "Wide"]
    assert (narrow.executions(), wide.executions()) == (1, 1)
    bert = site.visitor()
    expect(200, site.server.send(title="Another"))
    assert titles(bert, 1) == ["Another"]
    displays(site, bert)  # the wide flow only: the other one waits for another notification
    assert titles(bert, 2) == ["Another", "Wide"]
    for visitor, number in ((anna, 3), (bert, 1), (anna, 1), (anna, 2)):
        displays(site, visitor, number)  # one more of the server's, then what the flows themselves have sent
    last = site.visitor()
    expect(200, site.server.send(title="A third", subscriberIds=[last.id]))
    assert titles(last, 1) == ["A third"]
    displays(site, last)  # what was reported before it has been counted, once this one is
    assert titles(last, 2) == ["A third", "Wide"]
    assert (narrow.executions(), wide.executions()) == (1, 3)
    # Nobody rests from this one, which any other notification would begin.
    echo = Flow(site, "notification_impression", show("Echo")).active()
    displays(site, last, 1)
    expect(200, site.server.send(title="A fourth", subscriberIds=[bert.id]))
    assert titles(bert, 3)[2] == "A fourth"
    displays(site, bert, 2)
    assert titles(bert, 4)[3] == "Echo"
    assert echo.executions() == 1


@pytest.mark.row("PU-53", "PU-88")
def test_pu_88_who_unsubscribes_is_reached_on_the_other_devices_of_the_same_person(site: Site) -> None:
    flow = Flow(site, "unsubscription", show("Sorry to see you go")).active()
    phone, laptop, stranger = site.visitor("anna"), site.visitor("anna"), site.visitor()
    for leaving in (phone, stranger):
        name = leaving.id.replace("sub_", "reg_")
        expect(200, site.customer.cloudsignal().call("DELETE", f"/clients/{name}"))
    assert titles(laptop, 1) == ["Sorry to see you go"]
    eventually(lambda: flow.shown()["runs"] == {"live": 0, "ended": 2, "skippedSteps": 1})
    assert [one.agent.messages() for one in (phone, stranger)] == [[], []]


@pytest.mark.row("PU-54", "PU-56")
def test_pu_54_impossible_flows_are_refused_and_nothing_is_kept(site: Site) -> None:
    made = {"name": "Flow", "triggerType": "subscription"}
    site.visitor()
    sent = expect(200, site.server.send())["campaignId"]
    bad: list[tuple[dict[str, object], str]] = [
        ({**made, "triggerType": "full_moon"}, "triggerType"),
        ({**made, "triggerType": "notification_click", "triggerCampaignId": "camp_a"}, "triggerCampaignId must name"),
        ({**made, "triggerCampaignId": sent}, "triggerCampaignId goes with triggers of notifications"),
        ({**made, "steps": [{"stepType": "nap", "config": {}}]}, "steps.0.stepType"),
        ({**made, "steps": [wait(0)]}, "steps.0.config.delay.value"),
        ({**made, "steps": [wait(366 * 86_400)]}, "steps.0.config.delay"),
        ({**made, "steps": [show("{{oh")]}, "steps.0.config.notification.title"),
        ({**made, "minIntervalMinutes": 59}, "minIntervalMinutes"),
    ]
    for body, field in bad:
        assert refused(site.server.call("POST", "/flows", body), 400, "Bad Request").startswith(field)
    answer = site.server.call("POST", "/flows", {"name": "Flow", "steps": [{"stepType": "send_notification"}]})
    assert answer.status == 400
    assert site.get("/flows")["data"] == []
