"""POST /api/v1/server/send and its campaigns at the deployed template."""

import pytest

from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import LIMIT, Site, refused

NOBODY = {"error": "No subscribers found"}


@pytest.mark.row("PU-9", "PU-11", "PU-12", "PU-14")
def test_pu_11_a_send_shows_what_was_asked_for_and_answers_with_campaign_and_limits(site: Site) -> None:
    visitor = site.visitor()
    fields = {
        "title": "😀" * 256,
        "body": "Überraschung",
        "url": "https://example.com/messages",
        "iconUrl": "https://example.com/i.png",
        "imageUrl": "https://example.com/p.png",
        "data": {"order": 17},
        "metadata": {"source": "crm"},
    }
    answer = expect(200, site.server.send(**fields))
    assert answer == {
        "success": True,
        "campaignId": answer["campaignId"],
        "sent": 1,
        "limits": {"remaining": LIMIT - 1, "limit": LIMIT},
        "status": "queued",
        "queued": 1,
        "duplicate": False,
        "missing": 0,
    }
    [message] = visitor.agent.messages(1)
    shown = message["json"]["notification"]
    assert (shown["title"], shown["body"], shown["navigate"]) == (fields["title"], fields["body"], fields["url"])
    assert (shown["icon"], shown["image"]) == (fields["iconUrl"], fields["imageUrl"])
    assert shown["data"]["d"] == {"order": 17}


@pytest.mark.row("PU-10", "PU-26", "X-2")
def test_pu_10_targets_add_up_nobody_gets_it_twice_and_no_target_means_everyone(site: Site) -> None:
    one = site.visitor("anna", tags=["vip"])
    two, three = site.visitor("bert"), site.visitor(tags=["vip", "new"])
    everybody = [one, two, three]

    def sent(title: str, **targets: object) -> tuple[int, list[bool]]:
        reply = expect(200, site.server.send(title=title, **targets))
        return reply["sent"], [title in visitor.agent.titles() for visitor in everybody]

    assert sent("ids", subscriberIds=[one.id]) == (1, [True, False, False])
    assert sent("names", externalIds=["bert", "nobody"]) == (1, [False, True, False])
    assert sent("tags", tags=["new", "vip"]) == (2, [True, False, True])
    assert sent("all at once", subscriberIds=[one.id], externalIds=["anna", "bert"], tags=["vip"]) == (3, [True] * 3)
    assert sent("nulls", subscriberIds=None, externalIds=None, tags=None) == (3, [True] * 3)
    in_vain: tuple[dict[str, list[str]], ...] = (
        {"tags": []},
        {"externalIds": [], "subscriberIds": []},
        {"subscriberIds": ["sub_abc123"]},
    )
    for targets in in_vain:
        answer = site.server.send(title="nobody", **targets)
        assert (answer.status, answer.json) == (400, NOBODY)
    assert [len(visitor.agent.titles()) for visitor in everybody] == [4, 3, 3]
    assert sorted(one.agent.titles()) == sorted(["ids", "tags", "all at once", "nulls"])


@pytest.mark.row("PU-10")
def test_pu_10_no_subscriber_and_no_tag_of_another_site_is_reached(
    site: Site, api: DeployedApi, simulator: Simulator
) -> None:
    theirs = Site.open(api, simulator).visitor("anna", tags=["vip"])
    site.visitor()
    in_vain: tuple[dict[str, list[str]], ...] = (
        {"subscriberIds": [theirs.id]},
        {"externalIds": ["anna"]},
        {"tags": ["vip"]},
    )
    for targets in in_vain:
        answer = site.server.send(**targets)
        assert (answer.status, answer.json) == (400, NOBODY)
    assert theirs.agent.messages() == []


@pytest.mark.row("PU-12", "PU-72")
def test_pu_72_beyond_the_month_nothing_is_sent_and_the_page_that_helps_is_there(
    api: DeployedApi, simulator: Simulator
) -> None:
    site = Site.open(api, simulator, monthly=3)
    visitors = [site.visitor(), site.visitor()]
    assert expect(200, site.server.send())["limits"] == {"remaining": 1, "limit": 3}
    told = expect(403, site.server.send())
    assert (list(told), told["error"], told["message"]) == (
        ["error", "message", "upgradeUrl"],
        "Notification limit exceeded",
        "You've reached your monthly notification limit",
    )
    assert b"Limits of this server" in api.call("GET", told["upgradeUrl"].removeprefix(api.url)).body
    assert [len(visitor.agent.messages(1)) for visitor in visitors] == [1, 1]
    assert expect(200, site.server.send(subscriberIds=[visitors[0].id]))["limits"]["remaining"] == 0


@pytest.mark.row("PU-9", "PU-70", "PU-71", "PU-73")
def test_pu_73_missing_members_are_named_in_order_and_malformed_ones_in_words(site: Site) -> None:
    visitor = site.visitor()
    for body, missing in (({}, "title, body"), ({"title": None, "body": "b"}, "title"), ({"title": "t"}, "body")):
        answer = site.server.call("POST", "/send", body)
        assert (answer.status, answer.json) == (400, {"error": f"Missing required fields: {missing}"})
    for fields, told in (
        ({"title": "x" * 257}, "title must be at most 256 characters"),
        ({"body": "x" * 4097}, "body must be at most 4096 characters"),
        ({"url": "javascript:alert(1)"}, "url must"),
        ({"tags": "vip"}, "tags must be a list"),
        ({"externalIds": [f"u{number}" for number in range(1001)]}, "body must name at most 1000"),
        ({"idempotencyKey": "k" * 201}, "idempotencyKey must"),
    ):
        assert refused(site.server.send(**fields), 400, "Bad Request").startswith(told)
    refused(site.server.call("POST", "/send", b"{"), 400, "Bad Request")
    assert visitor.agent.messages() == []


@pytest.mark.row("PU-14", "X-4")
def test_pu_14_a_repeat_is_told_the_first_answer_and_reaches_nobody_again(site: Site) -> None:
    visitor = site.visitor()
    first = expect(200, site.server.send(idempotencyKey="order-17"))
    again = site.server.send(idempotencyKey="order-17")
    assert expect(200, again) == first | {"duplicate": True}
    assert again.headers["idempotency-replayed"] == "true"
    refused(site.server.send(idempotencyKey="order-17", url="https://example.com"), 400, "Bad Request")
    by_header = expect(200, site.server.send({"Idempotency-Key": "order-18"}))
    assert expect(200, site.server.send({"Idempotency-Key": "order-18"})) == by_header | {"duplicate": True}
    assert len(visitor.agent.messages(2)) == 2


@pytest.mark.row("PU-13", "PU-7", "PU-8")
def test_pu_13_a_send_is_a_campaign_with_figures_hidden_from_the_list_unless_asked_for(
    site: Site, customer: Customer
) -> None:
    good, bad = site.visitor(), site.visitor()
    bad.agent.behave(status=400)
    names = [expect(200, site.server.send(title=f"Send {number}"))["campaignId"] for number in (1, 2, 3)]
    campaign = site.get(f"/campaigns/{names[0]}")
    figures = ("status", "totalTargeted", "totalSent", "totalDelivered", "totalClicked")
    assert [campaign[name] for name in ("id", "title", *figures)] == [names[0], "Send 1", "completed", 2, 2, 1, 0]
    assert site.get(f"/campaigns/{names[0]}/stats") == {
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
    assert site.get("/campaigns") == {"data": [], "hasMore": False, "nextCursor": None}
    first = site.get("/campaigns", source="api", limit=2)
    rest = site.get("/campaigns", source="api", limit=2, cursor=first["nextCursor"])
    assert {one["id"] for one in [*first["data"], *rest["data"]]} == set(names)
    assert (first["hasMore"], len(first["data"]), rest["hasMore"], rest["nextCursor"]) == (True, 2, False, None)
    stranger = customer.pushary()
    for path in (f"/campaigns/{names[0]}", f"/campaigns/{names[0]}/stats", "/campaigns/camp_abc123"):
        assert refused(stranger.call("GET", path), 404, "Not Found") == "Campaign not found"
    assert len(good.agent.messages(3)) == 3
