"""The subscribers of a site at the deployed template: listed, shown, changed, erased, counted."""

import time

import pytest

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import Site, refused
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse

NOT_FOUND = "Subscriber not found"
HEADERS = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
    "CloudFront-Viewer-Country": "CH",
}


@pytest.mark.row("PU-16", "PU-18")
def test_pu_16_a_subscriber_has_the_documents_members_and_no_secret(site: Site) -> None:
    visitor = site.visitor("user_123", HEADERS, tags=["premium", "newsletter"], lang="en-US", tz="Europe/Zurich")
    shown = site.get(f"/subscribers/{visitor.id}")
    assert visitor.agent.endpoint.startswith(shown["endpoint"] + "/")
    at = shown["createdAt"]
    assert shown == {
        "id": visitor.id,
        "siteId": site.customer.app.replace("app_", "site_"),
        "status": "active",
        "externalId": "user_123",
        "tags": ["premium", "newsletter"],
        "browser": "Chrome",
        "os": "Windows",
        "country": "CH",
        "createdAt": at,
        "updatedAt": at,
        "endpoint": "https://updates.push.services.mozilla.com",
        "deviceType": "desktop",
        "timezone": "Europe/Zurich",
        "language": "en-US",
        "lastActiveAt": at,
        "customData": None,
    }
    assert site.get("/subscribers")["data"] == [shown]
    assert site.get(f"/subscribers/{site.visitor().id}")["country"] is None


@pytest.mark.row("PU-15", "PU-17", "PU-21")
def test_pu_17_who_left_who_is_gone_and_who_is_refused_for_good_are_told_apart(site: Site) -> None:
    active, left, gone, bad = (site.visitor() for _ in range(4))
    site.leave(left)
    gone.agent.delete()
    bad.agent.behave(status=403)
    for number in (1, 2):
        expect(200, site.server.send(title=str(number)))
    assert [site.status(one) for one in (active, left, gone, bad)] == ["active", "unsubscribed", "expired", "active"]
    bad.agent.behave(status=400)
    expect(200, site.server.send(title="3"))
    assert {status: site.ids(status=status) for status in ("active", "unsubscribed", "expired", "bounced")} == {
        "active": [active.id],
        "unsubscribed": [left.id],
        "expired": [gone.id],
        "bounced": [bad.id],
    }
    assert site.get("/subscribers/count") == {
        "total": 4,
        "active": 1,
        "unsubscribed": 1,
        "expired": 1,
        "bounced": 1,
    }
    assert expect(200, site.server.send(title="4"))["sent"] == 1
    assert len(bad.agent.statuses()) == 3


@pytest.mark.row("PU-17")
def test_pu_17_an_acceptance_in_between_and_a_key_that_nobody_takes_bounce_nobody(site: Site) -> None:
    good, bad = site.visitor(), site.visitor()
    for status in (400, 400, 201, 400, 400):
        bad.agent.behave(status=status)
        expect(200, site.server.send())
    good.agent.behave(status=403)
    bad.agent.behave(status=403)
    for _ in range(2):
        expect(200, site.server.send())
    assert [site.status(one) for one in (good, bad)] == ["active", "active"]


@pytest.mark.row("PU-7", "PU-8", "PU-15")
def test_pu_15_lists_are_filtered_and_paged_newest_first(site: Site, api: DeployedApi, simulator: Simulator) -> None:
    made = []
    for name, tags in (("anna", ["a", "b"]), ("bert", ["b"]), ("anna", ["c"]), (None, [])):
        made.append(site.visitor(name, tags=tags).id)
        time.sleep(1.05)
    one, two, three, _ = made
    assert site.ids() == made[::-1]
    for query, expected in (
        ({"externalId": "anna"}, [three, one]),
        ({"tags": "b"}, [two, one]),
        ({"tags": "a,c", "status": "active"}, [three, one]),
        ({"externalId": "anna", "tags": "b"}, [one]),
        ({"status": "expired"}, []),
        ({"externalId": "nobody"}, []),
    ):
        assert site.ids(**query) == expected
    for query, everybody in (
        ({}, made[::-1]),
        ({"tags": "a,b,c"}, [three, two, one]),
        ({"externalId": "anna"}, [three, one]),
    ):
        cursor: dict[str, object] = {}
        found: list[str] = []
        while True:
            page = site.get("/subscribers", limit=1, **query, **cursor)
            assert list(page) == ["data", "hasMore", "nextCursor"]
            found += [shown["id"] for shown in page["data"]]
            if not page["hasMore"]:
                assert page["nextCursor"] is None
                break
            cursor = {"cursor": page["nextCursor"]}
        assert found == everybody
    active = site.get("/subscribers", limit=1, status="active")["nextCursor"]
    other = Site.open(api, simulator)
    for server, asked in (
        (site.server, {"cursor": active}),
        (site.server, {"cursor": active, "status": "active", "tags": "a"}),
        (site.server, {"cursor": f"{active[:-1]}{'AB'[active[-1] == 'A']}", "status": "active"}),
        (other.server, {"cursor": active, "status": "active"}),
        (site.server, {"limit": "0"}),
        (site.server, {"limit": "ten"}),
        (site.server, {"status": "gone"}),
    ):
        refused(server.call("GET", "/subscribers", query=asked), 400, "Bad Request")
    assert len(site.ids(limit=501)) == 4


@pytest.mark.row("PU-19")
def test_pu_19_a_patch_replaces_what_it_names_and_sends_follow_it(site: Site) -> None:
    visitor = site.visitor("user_123", tags=["old"])
    time.sleep(1.05)
    custom = {"plan": "pro", "score": 0.1, "deep": [None, {"é": True}]}

    def patch(**fields: object) -> list[object]:
        shown = expect(200, site.server.call("PATCH", f"/subscribers/{visitor.id}", fields))
        assert shown == site.get(f"/subscribers/{visitor.id}")
        assert shown["updatedAt"] > shown["createdAt"]
        return [shown[name] for name in ("tags", "externalId", "customData")]

    assert patch(tags=["premium"], externalId="user_456", customData=custom) == [["premium"], "user_456", custom]
    assert expect(200, site.server.send(title="by name", externalIds=["user_456"]))["sent"] == 1
    assert expect(200, site.server.send(title="by tag", tags=["premium"]))["sent"] == 1
    assert visitor.agent.titles() == ["by name", "by tag"]
    assert all("u" not in message["json"]["notification"]["data"] for message in visitor.agent.messages(2))
    assert patch(externalId=None) == [["premium"], None, custom]
    assert patch(tags=[], customData=None) == [[], None, None]
    for targets in ({"externalIds": ["user_123", "user_456"]}, {"tags": ["old", "premium"]}):
        assert site.server.send(**targets).json == {"error": "No subscribers found"}
    too_long = site.server.call("PATCH", f"/subscribers/{visitor.id}", {"tags": ["x" * 65]})
    refused(too_long, 400, "Bad Request")


@pytest.mark.row("PU-18", "PU-19", "PU-20")
def test_pu_20_an_erased_subscriber_is_in_no_table_any_more_and_only_its_own_site_can_erase_it(
    site: Site, customer: Customer, deployed: Stack
) -> None:
    visitor = site.visitor("to-be-forgotten", tags=["forgotten-tag"])
    expect(200, site.server.call("PATCH", f"/subscribers/{visitor.id}", {"customData": {"note": "secret-note"}}))
    stranger = customer.pushary()
    for method in ("GET", "PATCH", "DELETE"):
        for name in (visitor.id, "sub_abc123", visitor.id.replace("sub_", "reg_")):
            answer = stranger.call(method, f"/subscribers/{name}", {"tags": ["x"]})
            assert refused(answer, 404, "Not Found") == NOT_FOUND
    erased = site.server.call("DELETE", f"/subscribers/{visitor.id}")
    assert expect(200, erased) == {"success": True}
    again = site.server.call("DELETE", f"/subscribers/{visitor.id}")
    assert refused(again, 404, "Not Found") == NOT_FOUND
    assert site.get("/subscribers/count")["total"] == 0
    app, id_ = parse("app", site.customer.app) or "", parse("sub", visitor.id) or ""
    left = [str(item) for _, item in everything_stored(deployed) if app in str(item)]
    assert not [item for item in left if "secret-note" in item or visitor.agent.endpoint in item]
    assert [("client.erased" in item, "AUDIT" in item) for item in left if id_ in item] == [(True, True)]
    # What is left of the tag is its counter, at nought; of the name nothing but that nobody goes by it.
    assert not [item for item in left if "to-be-forgotten" in item and "SUB#" in item]
