"""Pushary's keys, rate limit and errors at the deployed template."""

import time

import pytest

from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import Site, rate, refused

UNAUTHORIZED = {
    "error": "Unauthorized",
    "message": "Invalid or missing API key. Use Authorization: Bearer pk_xxx.sk_xxx",
}
WINDOW = 60


def wait_for_room(seconds: float) -> None:
    """Until the running window lasts at least that long; windows start at multiples of 60 s."""
    left = WINDOW - time.time() % WINDOW
    if left < seconds:
        time.sleep(left + 0.1)


@pytest.mark.row("PU-1", "PU-2", "PU-3", "PU-5", "X-3")
def test_pu_2_only_both_halves_of_the_own_site_open_anything(
    site: Site, api: DeployedApi, simulator: Simulator
) -> None:
    public, _, secret = site.server.key.partition(".")
    assert public == site.customer.app.replace("app_", "pk_")
    theirs = Site.open(api, simulator).server.key.partition(".")[0]
    for key in (None, public, secret, f"{theirs}.{secret}", f"{public}.{secret}x", site.customer.cloudsignal().key):
        for path in ("/subscribers", "/campaigns", "/send", "/nothing"):
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            answer = api.call("GET", f"/api/v1/server{path}", headers=headers)
            assert (answer.status, answer.json) == (401, UNAUTHORIZED)
            assert not any(name.startswith("x-ratelimit") for name in answer.headers)
    assert site.server.call("GET", "/subscribers").status == 200


@pytest.mark.row("PU-4", "PU-5", "PU-71", "X-9")
def test_pu_5_every_function_tells_what_is_left_of_the_minute_whatever_it_answers(site: Site) -> None:
    wait_for_room(20)
    ends = int(time.time() // WINDOW + 1) * WINDOW
    calls = [
        (200, "GET", "/subscribers"),
        (200, "GET", "/campaigns"),
        (400, "POST", "/send"),
        (404, "GET", "/subscribers/sub_x"),
        (404, "GET", "/campaigns/camp_x"),
        (404, "GET", "/nothing/at/all"),
        (404, "GET", ""),
        (405, "GET", "/send"),
        (405, "PUT", "/subscribers"),
        (405, "PUT", "/campaigns"),
    ]
    answers = [site.server.call(method, path) for _, method, path in calls]
    assert [answer.status for answer in answers] == [status for status, _, _ in calls]
    answers.append(site.server.call("GET", "/subscribers", headers={"Origin": SITE}))
    assert refused(answers[-1], 403, "Forbidden")
    told = [rate(answer) for answer in answers]
    assert told == [(1000, 1000 - number, ends) for number in range(1, len(answers) + 1)]
    assert answers[7].headers["allow"] == "POST"
    for status, answer in zip([status for status, _, _ in calls], answers, strict=False):
        if status in {404, 405}:
            refused(answer, status, {404: "Not Found", 405: "Method Not Allowed"}[status])


@pytest.mark.row("PU-4", "PU-6")
def test_pu_6_who_asks_too_often_is_told_the_real_wait_in_three_places(site: Site) -> None:
    slow = site.customer.pushary(requests_per_minute=3)
    wait_for_room(20)
    assert [rate(slow.call("GET", path))[1] for path in ("/subscribers", "/campaigns", "/nothing")] == [2, 1, 0]
    for path in ("/subscribers", "/campaigns", "/nothing"):
        answer = slow.call("GET", path)
        wait = int(answer.headers["retry-after"])
        assert answer.status == 429
        assert answer.json == {
            "error": "Too Many Requests",
            "message": f"Rate limit exceeded. Please retry after {wait} seconds.",
            "retryAfter": wait,
        }
        limit, remaining, ends = rate(answer)
        assert (limit, remaining) == (3, 0)
        assert ends - 1 <= time.time() + wait <= ends + 2
    assert site.server.call("GET", "/subscribers").status == 200


@pytest.mark.row("PU-70", "PU-71")
def test_pu_71_a_right_that_a_key_lacks_is_403_and_nothing_happens(site: Site) -> None:
    visitor = site.visitor()
    reader, sender = (site.customer.pushary(scopes=[scope]) for scope in ("clients:read", "push:send"))
    assert reader.call("GET", f"/subscribers/{visitor.id}").status == 200
    assert sender.call("GET", "/campaigns").status == 200
    refusals = [
        reader.send(),
        reader.call("GET", "/campaigns"),
        reader.call("PATCH", f"/subscribers/{visitor.id}", {"tags": ["x"]}),
        reader.call("DELETE", f"/subscribers/{visitor.id}"),
        sender.call("GET", "/subscribers"),
    ]
    assert [refused(answer, 403, "Forbidden")[:22] for answer in refusals] == ["This key lacks the sco"] * 5
    assert (visitor.agent.messages(), site.get(f"/subscribers/{visitor.id}")["tags"]) == ([], [])


@pytest.mark.row("X-1")
def test_x_1_a_site_that_has_it_switched_off_is_403(customer: Customer) -> None:
    server = customer.pushary()
    expect(200, customer.api.operator("PATCH", customer.at(""), {"dialects": {"pushary": False}}))
    refused(server.call("GET", "/subscribers"), 403, "Forbidden")
