"""Templates at the deployed template, and texts that are made for each recipient."""

from pathlib import Path
from typing import Any

import pytest

from tests.customer import SITE, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import Site, Visitor, lacking, refused
from tests.integration.pushary.test_examples import run

WELCOME = {
    "name": "Welcome Template",
    "title": "Welcome to {{siteName}}!",
    "body": "Thanks for subscribing, {{userName}}",
    "actionUrl": "https://example.com/{{plan.name}}?by={{externalId}}",
}
NO_PICTURES = {"iconUrl": None, "imageUrl": None}
PICTURES = {"iconUrl": "https://example.com/icon.png", "imageUrl": "https://example.com/image.png"}
ANNA = {
    "userName": "{{plan.name}} {{siteName}}",
    "plan": {"name": "a/b?c"},
    "siteName": "Anna's Shop",
    "externalId": "ann@example.com",
}
"""Who calls herself as if she could look into the rest, and of whom her site knows better what we know, too."""


def template(site: Site, **fields: object) -> str:
    """A new one's id."""
    return str(expect(201, site.server.call("POST", "/templates", WELCOME | fields))["id"])


def known(site: Site, visitor: Visitor, custom: dict[str, Any]) -> None:
    """Let the site's server keep this with a subscriber."""
    expect(200, site.server.call("PATCH", f"/subscribers/{visitor.id}", {"customData": custom}))


def shown(visitor: Visitor, count: int = 1) -> list[tuple[str, str, str | None]]:
    """Title, text and tap target of what a browser was sent."""
    notes = [message["json"]["notification"] for message in visitor.agent.messages(count)]
    return [(note["title"], note["body"], note.get("navigate")) for note in notes]


def arrived(visitor: Visitor) -> tuple[str, str, str | None]:
    """The same of the one message that workers bring within a minute."""
    [message] = next(filter(None, (shown(visitor) for _ in range(6))))
    return message


@pytest.mark.row("PU-40", "PU-41", "PU-42")
def test_pu_40_templates_are_made_listed_changed_and_deleted_by_their_site_alone(
    site: Site, api: DeployedApi, simulator: Simulator
) -> None:
    assert lacking(site.server.call("POST", "/templates", {})) == "name, title, body"
    made = expect(201, site.server.call("POST", "/templates", WELCOME))
    assert made["id"].startswith("tmpl_")
    kept = {"id": made["id"], "createdAt": made["createdAt"], "updatedAt": made["createdAt"]}
    assert made == {**WELCOME, **kept, **NO_PICTURES}
    other = expect(201, site.server.call("POST", "/templates", {**WELCOME, **PICTURES, "actionUrl": None}))
    kept = {"id": other["id"], "createdAt": other["createdAt"], "updatedAt": other["createdAt"]}
    assert other == {**WELCOME, **kept, **PICTURES, "actionUrl": None}
    both = sorted([made["id"], other["id"]])
    assert sorted(one["id"] for one in site.get("/templates")["data"]) == both
    assert sorted(site.pages("/templates", limit=1)) == [[one] for one in both]
    path = f"/templates/{made['id']}"
    new = {"name": "New", "title": "New {{a}}", "body": "New {{b}}", **PICTURES, "actionUrl": None}
    changed = expect(200, site.server.call("PATCH", path, new))
    assert changed == made | new | {"updatedAt": changed["updatedAt"]}
    assert site.get(path) == changed
    for body in (
        {"title": "{{a"},
        {"body": "{{a}}" * 51},
        {"body": "{{a{{b}}}}"},
        {"actionUrl": "https://{{a}}/"},
        {"name": None},
    ):
        refused(site.server.call("PATCH", path, body), 400, "Bad Request")
    stranger = Site.open(api, simulator)
    for method in ("GET", "PATCH", "DELETE"):
        told = stranger.server.call(method, path, {"name": "x"} if method == "PATCH" else None)
        assert refused(told, 404, "Not Found") == "Template not found"
    assert stranger.get("/templates")["data"] == []
    assert expect(200, site.server.call("DELETE", path)) == {"success": True}
    refused(site.server.call("GET", path), 404, "Not Found")
    assert site.get("/templates")["data"] == [other]


@pytest.mark.row("PU-43")
def test_pu_43_each_subscriber_is_shown_a_text_of_its_own_filled_in_once(site: Site) -> None:
    anna, nobody = site.visitor("anna"), site.visitor()
    known(site, anna, ANNA)
    id_ = template(site)
    answer = expect(200, site.server.call("POST", "/send", {"templateId": id_}))
    assert (answer["sent"], answer["missing"]) == (2, 3)
    assert shown(anna) == [
        (
            "Welcome to Anna's Shop!",
            "Thanks for subscribing, {{plan.name}} {{siteName}}",
            "https://example.com/a%2Fb%3Fc?by=ann%40example.com",
        )
    ]
    assert shown(nobody) == [("Welcome to Shop!", "Thanks for subscribing, ", "https://example.com/?by=")]
    figures = site.get(f"/campaigns/{answer['campaignId']}/stats")
    assert (figures["totalDelivered"], figures["missingVariables"]) == (2, 3)


@pytest.mark.row("PU-43")
def test_pu_43_what_the_request_says_comes_first_and_unknown_templates_send_nothing(site: Site) -> None:
    anna = site.visitor("anna")
    known(site, anna, ANNA)
    by_request = {"userName": "Ms Anna", "siteName": "Us", "plan.name": 7, "externalId": False}
    given = {"templateId": template(site), "title": "{{siteName}}", "variables": by_request}
    assert expect(200, site.server.call("POST", "/send", given))["missing"] == 0
    assert shown(anna) == [("Us", "Thanks for subscribing, Ms Anna", "https://example.com/7?by=false")]
    stranger = {"templateId": "tmpl_aaaaaaaaaaaaaaaaaaaa"}
    assert refused(site.server.call("POST", "/send", stranger), 400, "Bad Request") == "Unknown template"
    assert len(anna.agent.messages()) == 1


@pytest.mark.row("PU-43")
def test_pu_43_a_campaign_keeps_the_texts_that_its_template_had_and_fills_them_in_for_each(site: Site) -> None:
    anna, nobody, upwards = site.visitor("anna"), site.visitor(), site.visitor()
    known(site, anna, {"userName": "Anna", "plan": {"name": "pro"}})
    known(site, upwards, {"plan": {"name": ".."}})
    id_ = template(site)
    words = {"name": "Spring", "templateId": id_, "variables": {"siteName": "Us"}}
    campaign = expect(201, site.server.call("POST", "/campaigns", words))["id"]
    expect(200, site.server.call("PATCH", f"/templates/{id_}", {"title": "Too late"}))
    expect(200, site.server.call("DELETE", f"/templates/{id_}"))
    expect(200, site.server.call("POST", f"/campaigns/{campaign}/send"))
    assert [arrived(one) for one in (anna, nobody, upwards)] == [
        ("Welcome to Us!", "Thanks for subscribing, Anna", "https://example.com/pro?by=anna"),
        ("Welcome to Us!", "Thanks for subscribing, ", "https://example.com/?by="),
        ("Welcome to Us!", "Thanks for subscribing, ", f"{SITE}/"),
    ]


@pytest.mark.row("PU-43", "X-6")
def test_pu_43_a_worker_that_goes_on_and_a_browser_that_fetches_get_the_same_text(site: Site) -> None:
    anna = site.visitor("anna")
    known(site, anna, {"word": "é" * 1000})
    # Longer than a request rests, so that the queue's worker takes over.
    anna.agent.behave(status=503, headers={"Retry-After": "7"}, times=1)
    words = {"templateId": template(site), "title": "{{externalId}}", "body": "{{word}}" * 4 + "{{nothing}}"}
    answer = expect(200, site.server.call("POST", "/send", words))
    assert answer["missing"] is None
    arrived(anna)
    [message] = anna.agent.messages()
    note = message["json"]["notification"]
    assert (note["title"], note["body"][:1000]) == ("anna", "é" * 1000)
    token = {"id": note["data"]["id"], "token": note["data"]["f"]}
    path = f"/sdk/v1/{site.customer.app}/message"
    whole = expect(200, site.customer.api.call("POST", path, token, {"Origin": SITE}))["notification"]
    assert (whole["title"], whole["body"]) == ("anna", "é" * 4000)


@pytest.mark.row("PU-40", "PU-41", "PU-42")
def test_the_template_examples_of_the_document_run_as_they_stand(site: Site, tmp_path: Path) -> None:
    made = run("template_create", site, tmp_path)
    assert (made["name"], made["iconUrl"]) == ("Order Confirmation", None)
    assert run("templates", site, tmp_path) == {"data": [made], "hasMore": False, "nextCursor": None}
    assert run("template", site, tmp_path, tmpl_abc123=made["id"]) == made
    changed = run("template_update", site, tmp_path, tmpl_abc123=made["id"])
    assert (changed["title"], changed["body"]) == ("Updated Title", "Updated body with {{variable}}")
    assert run("template_delete", site, tmp_path, tmpl_abc123=made["id"]) == {"success": True}
