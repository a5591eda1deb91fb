"""Templates over HTTP, and sending by them."""

from typing import Any

import pytest

from tests.customer import SITE, expect
from tests.engine import MemoryEngine
from tests.unit.dialects.pushary_site import Site, refused
from tocsin.domain.ids import SendId

WELCOME = {"name": "Welcome", "title": "Welcome to {{siteName}}!", "body": "Thanks for subscribing, {{ userName }}"}
ORDER = {"name": "Order", "title": "Order", "body": "#{{orderId}}", "actionUrl": "https://example.com/{{orderId}}"}
FULL = ORDER | {"iconUrl": "https://example.com/i.png", "imageUrl": "https://example.com/l.png"}


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


def made(site: Site, **fields: object) -> dict[str, Any]:
    """A new template."""
    answer: dict[str, Any] = expect(201, site.server.call("POST", "/templates", WELCOME | fields))
    return answer


def listed(site: Site, **query: str) -> dict[str, Any]:
    page: dict[str, Any] = expect(200, site.server.call("GET", "/templates", query=query))
    return page


def by_template(site: Site, template: str, **fields: object) -> dict[str, Any]:
    """What /send answers."""
    answer: dict[str, Any] = expect(200, site.server.call("POST", "/send", {"templateId": template, **fields}))
    return answer


def stored(engine: MemoryEngine) -> tuple[str, str, str | None]:
    """The texts of the newest send."""
    (*_, newest) = engine.storage.sends.values()
    shown = newest.send.notification
    return shown.title, shown.body, shown.url


# --- keeping them ---


@pytest.mark.row("PU-40", "PU-41")
def test_pu_41_a_template_has_the_documents_members_and_null_for_what_it_has_not(site: Site) -> None:
    template = made(site)
    assert template == {
        "id": template["id"],
        **WELCOME,
        "iconUrl": None,
        "imageUrl": None,
        "actionUrl": None,
        "createdAt": template["createdAt"],
        "updatedAt": template["createdAt"],
    }
    assert template["id"].startswith("tmpl_")
    full = expect(201, site.server.call("POST", "/templates", FULL))
    assert {name: full[name] for name in FULL} == FULL
    assert listed(site)["data"] == [full, template] or listed(site)["data"] == [template, full]


@pytest.mark.row("PU-40")
def test_pu_40_they_are_listed_newest_first_and_page_by_page(site: Site) -> None:
    ids = []
    for _ in range(5):
        ids.append(made(site)["id"])
        site.engine.clock.advance(1)
    first = listed(site, limit="3")
    assert ([one["id"] for one in first["data"]], first["hasMore"]) == (ids[:1:-1], True)
    rest = listed(site, limit="3", cursor=first["nextCursor"])
    assert ([one["id"] for one in rest["data"]], rest["hasMore"], rest["nextCursor"]) == (ids[1::-1], False, None)
    other = Site.open(site.engine)
    assert listed(other) == {"data": [], "hasMore": False, "nextCursor": None}
    refused(other.server.call("GET", "/templates", query={"cursor": first["nextCursor"]}), 400, "Bad Request")


@pytest.mark.row("PU-42")
def test_pu_42_what_a_patch_gives_is_replaced_and_null_clears_a_url(site: Site) -> None:
    id_ = expect(201, site.server.call("POST", "/templates", FULL))["id"]
    before = expect(200, site.server.call("GET", f"/templates/{id_}"))
    site.engine.clock.advance(5)
    changed = expect(200, site.server.call("PATCH", f"/templates/{id_}", {"body": "new", "iconUrl": None}))
    assert changed == before | {"body": "new", "iconUrl": None, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > before["updatedAt"]
    assert expect(200, site.server.call("GET", f"/templates/{id_}")) == changed
    site.engine.clock.advance(5)
    assert expect(200, site.server.call("PATCH", f"/templates/{id_}", {"body": "new"})) == changed


@pytest.mark.row("PU-42")
def test_pu_42_a_deleted_template_is_gone(site: Site) -> None:
    id_ = made(site)["id"]
    assert expect(200, site.server.call("DELETE", f"/templates/{id_}")) == {"success": True}
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert refused(site.server.call(method, f"/templates/{id_}", body), 404, "Not Found") == "Template not found"
    assert listed(site)["data"] == []


@pytest.mark.row("PU-42")
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_pu_42_the_template_of_another_site_is_none(site: Site, method: str) -> None:
    id_ = made(site)["id"]
    other = Site.open(site.engine)
    for name in (id_, "tmpl_x", "x", id_.replace("tmpl", "camp")):
        body = {"name": "x"} if method == "PATCH" else None
        assert refused(other.server.call(method, f"/templates/{name}", body), 404, "Not Found") == "Template not found"
    assert refused(other.server.send(templateId=id_), 400, "Bad Request") == "Unknown template"
    assert expect(200, site.server.call("GET", f"/templates/{id_}"))["name"] == "Welcome"


@pytest.mark.row("PU-41", "PU-73")
def test_pu_41_what_is_missing_is_named(site: Site) -> None:
    answer = site.server.call("POST", "/templates", {"body": "b", "actionUrl": "nonsense"})
    assert (answer.status, answer.json) == (400, {"error": "Missing required fields: name, title"})


@pytest.mark.row("PU-41", "PU-42", "PU-43")
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": " "}, "name must not be empty"),
        ({"title": "x" * 257}, "title must be at most 256 characters"),
        ({"title": "{{a"}, "title must have its placeholders in the form {{name}}"),
        ({"body": "{{ #each x }}"}, "body must have its placeholders in the form {{name}}"),
        ({"body": "{{a}}" * 51}, "body must have at most 50 placeholders"),
        ({"iconUrl": "https://example.com/{{a}}.png"}, "iconUrl must have no placeholders"),
        ({"actionUrl": "https://{{host}}/"}, "actionUrl must have scheme and host without placeholders"),
        ({"actionUrl": "javascript:{{a}}"}, "actionUrl must"),
        ({"actionUrl": "javascript:alert(1)"}, "actionUrl must be an http or https URL"),
        ({"actionUrl": "https://example.com/../{{a}}"}, "actionUrl must not have . or .."),
        ({"actionUrl": "https://example.com/" + "x" * 2048}, "actionUrl must be at most 2048 characters"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_pu_43_a_template_that_could_not_be_filled_in_is_refused(site: Site, fields: dict[str, str], told: str) -> None:
    id_ = made(site)["id"]
    assert told in refused(site.server.call("POST", "/templates", WELCOME | fields), 400, "Bad Request")
    assert told in refused(site.server.call("PATCH", f"/templates/{id_}", fields), 400, "Bad Request")
    assert len(listed(site)["data"]) == 1


@pytest.mark.parametrize("name", ["name", "title", "body"])
def test_what_a_template_needs_cannot_be_cleared(site: Site, name: str) -> None:
    id_ = made(site)["id"]
    assert name in refused(site.server.call("PATCH", f"/templates/{id_}", {name: None}), 400, "Bad Request")


def test_changes_are_in_the_audit_log_with_who_made_them(site: Site) -> None:
    id_ = made(site)["id"]
    site.server.call("PATCH", f"/templates/{id_}", {"name": "Other"})
    site.server.call("PATCH", f"/templates/{id_}", {"name": "Other"})
    site.server.call("DELETE", f"/templates/{id_}")
    log = expect(200, site.customer.api.operator("GET", site.customer.at("/audit")))["entries"]
    actions = [entry["action"] for entry in log if entry["action"].startswith("template.")]
    assert sorted(actions) == ["template.changed", "template.created", "template.deleted"]


# --- sending by them ---


@pytest.mark.row("PU-43")
def test_pu_43_a_send_by_template_takes_its_texts_and_fills_them_in(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    id_ = expect(201, site.server.call("POST", "/templates", FULL))["id"]
    answer = by_template(site, id_, variables={"orderId": 4711})
    assert (answer["sent"], answer["missing"]) == (1, 0)
    assert stored(engine) == ("Order", "#4711", "https://example.com/4711")
    campaign = expect(200, site.server.call("GET", f"/campaigns/{answer['campaignId']}"))
    assert (campaign["title"], campaign["iconUrl"]) == ("Order", FULL["iconUrl"])


@pytest.mark.row("PU-43")
def test_pu_43_what_is_given_takes_the_place_of_the_templates(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    id_ = expect(201, site.server.call("POST", "/templates", FULL))["id"]
    by_template(site, id_, title="Dear {{a}}", url=f"{SITE}/{{{{a}}}}", variables={"a": True, "orderId": "x"})
    assert stored(engine) == ("Dear true", "#x", f"{SITE}/true")


@pytest.mark.row("PU-43")
def test_pu_43_missing_values_are_counted_and_are_in_the_campaigns_figures(site: Site) -> None:
    one = site.visit(identity={"externalId": "u1"})
    site.visit()
    expect(200, site.server.call("PATCH", f"/subscribers/{one}", {"customData": {"userName": "Anna"}}))
    answer = by_template(site, made(site)["id"])
    assert (answer["sent"], answer["missing"]) == (2, 1)
    figures = expect(200, site.server.call("GET", f"/campaigns/{answer['campaignId']}/stats"))
    assert (figures["totalDelivered"], figures["missingVariables"]) == (2, 1)


def test_a_template_that_changes_or_goes_changes_nothing_that_was_sent(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    id_ = made(site)["id"]
    sent = by_template(site, id_)["campaignId"]
    expect(200, site.server.call("PATCH", f"/templates/{id_}", {"title": "other"}))
    expect(200, site.server.call("DELETE", f"/templates/{id_}"))
    assert expect(200, site.server.call("GET", f"/campaigns/{sent}"))["title"] == WELCOME["title"]


def test_without_a_template_braces_are_only_braces(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    expect(200, site.server.send(title="{{siteName}}", body="}} {{"))
    assert stored(engine)[:2] == ("{{siteName}}", "}} {{")
    assert [one.send.variables for one in engine.storage.sends.values()] == [None]


@pytest.mark.row("PU-43")
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"templateId": "tmpl_aaaaaaaaaaaaaaaaaaaa"}, "Unknown template"),
        ({"templateId": "nonsense"}, "Unknown template"),
        ({"templateId": 5}, "templateId must be a string"),
        ({"title": "{{"}, "title must have its placeholders in the form"),
        ({"body": "{{a b}}"}, "body must have its placeholders in the form"),
        ({"url": "https://{{a}}/"}, "url must have scheme and host without placeholders"),
        ({"variables": []}, "variables must be an object"),
        ({"variables": {"a": []}}, "variables must have texts, numbers, true or false"),
        ({"variables": {"a b": "x"}}, "variables must have names of 1 to 64 letters"),
        ({"variables": {f"v{number}": 1 for number in range(51)}}, "variables must have at most 50"),
        ({"variables": {"a": "é" * 513}}, "variables must have values of at most 1024 bytes"),
        ({"variables": {f"v{number}": "x" * 1000 for number in range(9)}}, "variables must be at most 8192 bytes"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_pu_43_what_cannot_be_filled_in_is_refused_and_nothing_is_stored_or_counted(
    site: Site, engine: MemoryEngine, fields: dict[str, Any], told: str
) -> None:
    site.visit()
    body = {"templateId": made(site)["id"], **fields}
    assert told in refused(site.server.call("POST", "/send", body), 400, "Bad Request")
    assert engine.storage.sends == {}
    assert engine.quotas.usage(site.app, int(engine.clock.now())).monthly == 0


def test_variables_need_a_template(site: Site) -> None:
    site.visit()
    assert "templateId" in refused(site.server.send(variables={"a": 1}), 400, "Bad Request")


@pytest.mark.row("PU-73")
def test_pu_73_a_template_stands_for_title_and_body_and_null_is_none(site: Site) -> None:
    answer = site.server.call("POST", "/send", {"templateId": None, "url": "nonsense"})
    assert (answer.status, answer.json) == (400, {"error": "Missing required fields: title, body"})


def test_a_variable_that_is_null_counts_as_absent(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    assert by_template(site, made(site)["id"], variables={"userName": None})["missing"] == 1


def test_a_repeat_is_told_the_same_and_another_value_is_another_request(site: Site, engine: MemoryEngine) -> None:
    site.visit()
    id_ = made(site)["id"]
    first = by_template(site, id_, idempotencyKey="k1")
    assert by_template(site, id_, idempotencyKey="k1") == first | {"duplicate": True}
    again = site.server.call("POST", "/send", {"templateId": id_, "idempotencyKey": "k1", "variables": {"a": 1}})
    refused(again, 400, "Bad Request")
    assert len(engine.storage.sends) == 1
    assert SendId(next(iter(engine.storage.sends))[1])
