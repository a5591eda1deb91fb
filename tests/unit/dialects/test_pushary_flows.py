"""Flows on Pushary's wire: forms, refusals, and what each step and status looks like."""

from dataclasses import replace
from typing import Any

import pytest

from tests.customer import expect
from tests.engine import MemoryEngine
from tests.unit.application.runs import RunQueue
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.dialect_kit.identifiers import render
from tocsin.domain.flow import MAX_ACTIVE

NOTIFICATION = {
    "title": "Hello {{name}}",
    "body": "Text",
    "iconUrl": "https://shop.example/i.png",
    "imageUrl": "https://shop.example/p.png",
    "actionUrl": "https://shop.example/{{id}}",
}
SHOW: dict[str, Any] = {"stepType": "send_notification", "config": {"notification": NOTIFICATION}}
DAY: dict[str, Any] = {"stepType": "delay", "config": {"delay": {"value": 1, "unit": "days"}}}
EXIT: dict[str, Any] = {"stepType": "exit", "config": {}}
WELCOME: dict[str, Any] = {"name": "Welcome Series", "triggerType": "subscription"}
NOBODYS = render("camp", "c0" * 12)


@pytest.fixture
def site() -> Site:
    return Site.open(MemoryEngine())


def made(site: Site, **more: object) -> dict[str, Any]:
    flow: dict[str, Any] = expect(201, site.server.call("POST", "/flows", {**WELCOME, **more}))
    return flow


def shown(site: Site, flow: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, site.server.call("GET", f"/flows/{flow['id']}"))
    return found


def changed(site: Site, flow: dict[str, Any], **fields: object) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, site.server.call("PATCH", f"/flows/{flow['id']}", fields))
    return found


def told(site: Site, method: str, path: str, body: object = None) -> str:
    return refused(site.server.call(method, path, body), 400, "Bad Request")


def test_pu_51_a_flow_has_the_documents_members_and_ours(site: Site) -> None:
    flow = made(site, description="Onboard", steps=[SHOW, DAY, EXIT])
    at = flow["createdAt"]
    assert flow == {
        "id": flow["id"],
        "siteId": site.customer.app.replace("app_", "site_"),
        "name": "Welcome Series",
        "description": "Onboard",
        "triggerType": "subscription",
        "triggerCampaignId": None,
        "status": "draft",
        "executionCount": 0,
        "createdAt": at,
        "updatedAt": at,
        "steps": [
            {
                "id": flow["steps"][number]["id"],
                "flowId": flow["id"],
                "stepOrder": number,
                "stepType": step["stepType"],
                "config": step["config"],
                "createdAt": at,
                "updatedAt": at,
            }
            for number, step in enumerate((SHOW, DAY, EXIT))
        ],
        "minIntervalMinutes": 60,
        "createdBy": flow["createdBy"],
        "runs": {"live": 0, "ended": 0, "skippedSteps": 0, "missingVariables": 0},
    }
    assert flow["id"].startswith("flow_")
    assert len({step["id"] for step in flow["steps"]}) == 3
    assert all(step["id"].startswith("step_") for step in flow["steps"])


def test_pu_58_what_was_shown_can_be_sent_back(site: Site) -> None:
    flow = made(site, steps=[SHOW, DAY, EXIT])
    again = changed(site, flow, **flow | {"status": "archived"})
    assert [step["config"] for step in again["steps"]] == [step["config"] for step in flow["steps"]]
    assert {step["id"] for step in again["steps"]}.isdisjoint(step["id"] for step in flow["steps"])


def test_pu_58_only_what_is_named_changes_and_null_clears(site: Site) -> None:
    flow = made(site, description="Onboard", steps=[SHOW], minIntervalMinutes=120)
    for fields in ({}, {"unknown": 1}):
        site.engine.clock.advance(1)
        assert changed(site, flow, **fields) | {"updatedAt": flow["updatedAt"]} == flow
    other: dict[str, object] = {"description": None, "name": "Other", "minIntervalMinutes": 525_600, "steps": []}
    for name, value in other.items():
        assert changed(site, flow, **{name: value})[name] == value
    for name in ("name", "triggerType", "status", "steps", "minIntervalMinutes"):
        assert told(site, "PATCH", f"/flows/{flow['id']}", {name: None}).startswith(name)


def test_pu_43_a_step_copies_its_template_and_what_it_gives_itself_takes_its_place(site: Site) -> None:
    template = expect(201, site.server.call("POST", "/templates", {"name": "T", **NOTIFICATION}))
    config = {"templateId": template["id"], "variables": {"name": "Anna", "n": 7}, "notification": {"body": "My own"}}
    flow = made(site, steps=[{"stepType": "send_notification", "config": config}])
    copied = {"notification": {**NOTIFICATION, "body": "My own"}, "variables": {"name": "Anna", "n": "7"}}
    assert flow["steps"][0]["config"] == copied
    expect(200, site.server.call("DELETE", f"/templates/{template['id']}"))
    assert shown(site, flow) == flow
    assert told(
        site, "POST", "/flows", {**WELCOME, "steps": [{"stepType": "send_notification", "config": config}]}
    ) == ("Unknown template")


def test_pu_54_a_campaign_of_the_site_can_narrow_a_trigger(site: Site) -> None:
    site.visit()
    sent = expect(200, site.server.send(title="T", body="B"))["campaignId"]
    kept = expect(201, site.server.call("POST", "/campaigns", {"name": "C", "title": "T", "body": "B"}))["id"]
    for campaign in (sent, kept):
        flow = made(site, triggerType="notification_click", triggerCampaignId=campaign)
        assert flow["triggerCampaignId"] == campaign
    assert changed(site, flow, triggerCampaignId=None)["triggerCampaignId"] is None
    other = Site.open(site.engine)
    for server, campaign in ((site.server, NOBODYS), (site.server, "camp_"), (other.server, kept)):
        body = {**WELCOME, "triggerType": "notification_click", "triggerCampaignId": campaign}
        answer = server.call("POST", "/flows", body)
        assert refused(answer, 400, "Bad Request") == "triggerCampaignId must name a campaign of this site"
    message = told(site, "POST", "/flows", {**WELCOME, "triggerCampaignId": kept})
    assert message == "triggerCampaignId goes with triggers of notifications, not with subscription"


def test_pu_54_a_campaign_that_was_deleted_meanwhile_can_be_named_again_by_the_flow_that_has_it(site: Site) -> None:
    kept, other = (
        expect(201, site.server.call("POST", "/campaigns", {"name": "C", "title": "T", "body": "B"}))["id"]
        for _ in range(2)
    )
    flow = made(site, triggerType="notification_click", triggerCampaignId=kept)
    for campaign in (kept, other):
        expect(200, site.server.call("DELETE", f"/campaigns/{campaign}"))
    assert changed(site, flow, name="Renamed", triggerCampaignId=kept)["name"] == "Renamed"
    for campaign in (other, NOBODYS):
        message = told(site, "PATCH", f"/flows/{flow['id']}", {"triggerCampaignId": campaign})
        assert message == "triggerCampaignId must name a campaign of this site"
    answer = site.server.call("PATCH", f"/flows/{render('flow', 'f0' * 12)}", {"triggerCampaignId": kept})
    assert refused(answer, 404, "Not Found") == "Flow not found"


def test_pu_60_a_flow_that_can_never_begin_or_is_one_too_many_is_not_activated(site: Site) -> None:
    for _ in range(MAX_ACTIVE):
        made_active = made(site, steps=[SHOW])
        expect(200, site.server.call("POST", f"/flows/{made_active['id']}/activate"))
    one_more = f"/flows/{made(site, steps=[SHOW])['id']}"
    for method, path, body in (("POST", f"{one_more}/activate", None), ("PATCH", one_more, {"status": "active"})):
        message = told(site, method, path, body)
        assert message == "At most 50 flows with the trigger subscription can be active: pause another one first"
    shown_only = made(site, triggerType="notification_impression", steps=[SHOW])
    [app] = site.engine.storage.apps
    site.engine.storage.apps[app] = replace(site.engine.storage.apps[app], statistics=False)
    message = told(site, "POST", f"/flows/{shown_only['id']}/activate")
    assert message.startswith("notification_impression is not reported while the site's statistics are off")
    assert shown(site, shown_only)["status"] == "draft"


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        ({"value": 0, "unit": "days"}, "delay.value must be greater than 0"),
        ({"value": -1, "unit": "days"}, "delay.value must be greater than 0"),
        ({"value": 1.5, "unit": "days"}, "delay.value must be an integer"),
        ({"value": True, "unit": "days"}, "delay.value must be an integer"),
        ({"value": "1", "unit": "days"}, "delay.value must be an integer"),
        ({"value": 1, "unit": "weeks"}, "delay.unit must be 'seconds', 'minutes', 'hours' or 'days'"),
        ({"value": 366, "unit": "days"}, "delay must be at most 365 days"),
        ({"value": 365 * 24 * 3600 + 1, "unit": "seconds"}, "delay must be at most 365 days"),
        ({"value": 10**30, "unit": "seconds"}, "delay must be at most 365 days"),
        ([], "delay must be an object"),
    ],
)
def test_pu_56_an_impossible_delay_is_refused(site: Site, delay: object, message: str) -> None:
    body = {**WELCOME, "steps": [SHOW, {"stepType": "delay", "config": {"delay": delay}}]}
    assert told(site, "POST", "/flows", body) == f"steps.1.config.{message}"


@pytest.mark.parametrize(
    "delay", [{"value": 1, "unit": "seconds"}, {"value": 365, "unit": "days"}, {"value": 8760, "unit": "hours"}]
)
def test_pu_56_from_a_second_to_a_year_is_possible(site: Site, delay: dict[str, object]) -> None:
    step = {"stepType": "delay", "config": {"delay": delay}}
    assert made(site, steps=[step])["steps"][0]["config"] == step["config"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"stepType": "nap"}, "steps.0.stepType must be 'send_notification', 'delay' or 'exit'"),
        ("exit", "steps.0 must be an object"),
        ({"stepType": "exit", "config": []}, "steps.0.config must be an object"),
        ({**EXIT, "config": DAY["config"]}, "steps.0 must have no config.delay, as a step of the type exit"),
        (
            {**DAY, "config": {**DAY["config"], "variables": {}}},
            "steps.0 must have no config.variables, as a step of the type delay",
        ),
        (
            {**SHOW, "config": {**SHOW["config"], **DAY["config"]}},
            "steps.0 must have no config.delay, as a step of the type send_notification",
        ),
        (
            {**SHOW, "config": {"notification": {**NOTIFICATION, "actionUrl": "javascript:alert(1)"}}},
            "steps.0.config.notification.actionUrl must be an http or https URL of at most 2048 characters",
        ),
        (
            {**SHOW, "config": {"notification": {**NOTIFICATION, "title": "{{"}}},
            "steps.0.config.notification.title must have its placeholders in the form {{name}}",
        ),
    ],
)
def test_pu_55_a_step_that_cannot_be_is_refused_by_its_place(site: Site, step: object, message: str) -> None:
    assert told(site, "POST", "/flows", {**WELCOME, "steps": [step]}).startswith(message)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, "name, triggerType"),
        ({"name": "Flow"}, "triggerType"),
        ({**WELCOME, "steps": [{"config": {}}]}, "steps.0.stepType"),
        (
            {**WELCOME, "steps": [{"stepType": "send_notification"}]},
            "steps.0.config.notification.title, steps.0.config.notification.body",
        ),
        (
            {**WELCOME, "steps": [{**SHOW, "config": {"notification": {"title": "T"}}}]},
            "steps.0.config.notification.body",
        ),
        ({**WELCOME, "steps": [{"stepType": "delay", "config": {}}]}, "steps.0.config.delay"),
        ({**WELCOME, "steps": [{"stepType": "delay", "config": {"delay": {}}}]}, "steps.0.config.delay.value"),
    ],
)
def test_pu_73_what_is_missing_is_named(site: Site, body: object, missing: str) -> None:
    answer = site.server.call("POST", "/flows", body)
    assert answer.status == 400
    assert answer.json["error"].startswith(f"Missing required fields: {missing}")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "name must not be empty"),
        ({"triggerType": "full_moon"}, "triggerType must be 'notification_click', 'notification_impression', "),
        ({"minIntervalMinutes": 59}, "minIntervalMinutes must be greater than or equal to 60"),
        ({"minIntervalMinutes": 525_601}, "minIntervalMinutes must be less than or equal to 525600"),
        ({"steps": [EXIT] * 51}, "steps must have at most 50 items"),
        ({"steps": {}}, "steps must be a list"),
        ({"description": "x" * 501}, "description must be at most 500 characters"),
        (
            {"campaignId": "camp_a"},
            "campaignId is not known here: a flow is for everybody, or narrowed by",
        ),
        (
            {"trigger_campaign_id": "camp_a"},
            "trigger_campaign_id is not known here: a flow is for everybody, or narrowed by",
        ),
        (
            {"segmentId": "seg_a"},
            "segmentId is not known here: a flow is for everybody, or narrowed by",
        ),
    ],
)
def test_a_flow_that_cannot_be_is_refused(site: Site, fields: dict[str, object], message: str) -> None:
    assert told(site, "POST", "/flows", {**WELCOME, **fields}).startswith(message)
    flow = made(site)
    assert told(site, "PATCH", f"/flows/{flow['id']}", fields).startswith(message)
    assert shown(site, flow) == flow


def test_steps_that_templates_make_too_large_for_a_record_are_refused(site: Site) -> None:
    texts = {"title": "T", "body": "é" * 4096}
    template = expect(201, site.server.call("POST", "/templates", {"name": "T", **texts}))["id"]
    step = {"stepType": "send_notification", "config": {"templateId": template}}
    message = told(site, "POST", "/flows", {**WELCOME, "steps": [step] * 33})
    assert message == "steps must hold at most 256 KiB, with what their templates hold"
    made(site, steps=[step] * 31)


def test_pu_50_flows_are_listed_by_status_and_a_cursor_belongs_to_its_list(site: Site) -> None:
    drafts = [made(site, name=str(number)) for number in range(3)]
    resting = changed(site, made(site), status="archived")
    page = expect(200, site.server.call("GET", "/flows", query={"status": "draft", "limit": "2"}))
    listed = [*page["data"]]
    while page["hasMore"]:
        query = {"status": "draft", "limit": "2", "cursor": page["nextCursor"]}
        page = expect(200, site.server.call("GET", "/flows", query=query))
        listed += page["data"]
    assert sorted(one["name"] for one in listed) == [one["name"] for one in drafts]
    assert expect(200, site.server.call("GET", "/flows", query={"status": "archived"}))["data"] == [resting]
    page = expect(200, site.server.call("GET", "/flows", query={"limit": "1"}))
    for query in (
        {"cursor": page["nextCursor"], "status": "draft"},
        {"cursor": "made up"},
        {"status": "asleep"},
        {"limit": "0"},
    ):
        refused(site.server.call("GET", "/flows", query=query), 400, "Bad Request")


@pytest.mark.parametrize("name", ["flow_", "flow_aaaaaaaaaaaaaaaaaaaa", "camp_aaaaaaaaaaaaaaaaaaaa", "%20"])
def test_pu_62_an_unknown_flow_is_a_404(site: Site, name: str) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/activate"), ("POST", "/pause")):
        body: dict[str, object] | None = {} if method == "PATCH" else None
        answer = site.server.call(method, f"/flows/{name}{path}", body)
        assert refused(answer, 404, "Not Found") == "Flow not found"


def test_pu_63_executions_and_what_became_of_them_are_counted(site: Site) -> None:
    flow = made(site, steps=[SHOW, DAY])
    expect(200, site.server.call("POST", f"/flows/{flow['id']}/activate"))
    for _ in range(3):
        site.visit()
    RunQueue(site.engine).passes(60)
    found = shown(site, flow)
    assert found["executionCount"] == 3
    assert found["runs"] == {"live": 3, "ended": 0, "skippedSteps": 0, "missingVariables": 6}


def test_pu_59_a_status_can_be_patched_by_the_rules_of_the_actions(site: Site) -> None:
    flow = made(site, steps=[SHOW])
    path = f"/flows/{flow['id']}"
    assert told(site, "PATCH", path, {"status": "paused"}).startswith("Only a flow that is active can become paused")
    assert changed(site, flow, status="active")["status"] == "active"
    assert told(site, "PATCH", path, {"status": "active"}) == "The flow is active already"
    assert told(site, "POST", f"{path}/activate") == "The flow is active already"
    assert changed(site, flow, status="paused")["status"] == "paused"
    assert changed(site, flow, status="draft", steps=[])["status"] == "draft"
    assert told(site, "POST", f"{path}/activate") == "A flow needs at least one step to be active"
