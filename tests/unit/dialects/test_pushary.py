"""Pushary's keys, rate limit and errors, in virtual time."""

import pytest

from tests.customer import SITE, Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.memory.system import START
from tests.unit.dialects.pushary_site import Site, rate, refused
from tocsin.application.authenticating import Authenticating

UNAUTHORIZED = {
    "error": "Unauthorized",
    "message": "Invalid or missing API key. Use Authorization: Bearer pk_xxx.sk_xxx",
}
MINUTE = START // 60 * 60 + 60


@pytest.fixture
def site(engine: MemoryEngine) -> Site:
    return Site.open(engine)


@pytest.mark.row("PU-2")
def test_pu_2_a_key_is_told_as_its_sites_public_half_and_a_secret_one(site: Site) -> None:
    public, dot, secret = site.server.key.partition(".")
    assert (public, dot) == (site.customer.app.replace("app_", "pk_"), ".")
    assert secret.startswith("sk_")
    assert site.server.call("GET", "/subscribers").status == 200


@pytest.mark.row("PU-2", "PU-3", "X-3")
def test_pu_3_anything_but_both_halves_of_one_site_is_401_in_the_vendors_words(
    engine: MemoryEngine, site: Site
) -> None:
    public, _, secret = site.server.key.partition(".")
    other = Site.open(engine)
    theirs = other.server.key.partition(".")[0]
    wrong = [
        None,
        "",
        "Bearer",
        f"Bearer {public}",
        f"Bearer {public}.",
        f"Bearer {secret}",
        f"Bearer .{secret}",
        f"Bearer {theirs}.{secret}",
        f"Bearer {public}.{secret[:-1]}",
        f"Bearer {public}.{secret}.x",
        f"Bearer {public.upper()}.{secret}",
        f"Basic {public}.{secret}",
        f"Bearer {public}.{site.customer.cloudsignal().key}",
        f"Bearer {site.customer.cloudsignal().key}",
    ]
    for credential in wrong:
        for path in ("/subscribers", "/send", "/campaigns", "/nothing"):
            headers = {} if credential is None else {"Authorization": credential}
            answer = site.customer.api.call("GET", f"/api/v1/server{path}", headers=headers)
            assert (answer.status, answer.json) == (401, UNAUTHORIZED), credential
            assert not any(name.startswith("x-ratelimit") for name in answer.headers)
    both = {"Authorization": f"Bearer {site.server.key}", "X-Api-Key": "psk_x"}
    assert site.customer.api.call("GET", "/api/v1/server/subscribers", headers=both).status == 401
    assert (
        site.server.call("GET", "/subscribers", headers={"Authorization": f"bearer {site.server.key} "}).status == 200
    )


@pytest.mark.row("PU-2")
def test_pu_2_a_revoked_key_is_401(engine: MemoryEngine, site: Site) -> None:
    made = site.customer.key(dialect="pushary")
    expect(200, site.customer.api.operator("DELETE", site.customer.at(f"/keys/{made['id']}")))
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert site.customer.api.call("GET", "/api/v1/server/subscribers", headers=headers).status == 401


@pytest.mark.row("PU-4", "PU-5")
def test_pu_5_every_answer_but_401_tells_what_is_left_of_the_minute(engine: MemoryEngine, site: Site) -> None:
    answers = [
        (200, site.server.call("GET", "/subscribers")),
        (200, site.server.call("GET", "/subscribers/count")),
        (400, site.server.send()),
        (400, site.server.call("POST", "/send", b"{")),
        (400, site.server.call("GET", "/subscribers", query={"cursor": "x"})),
        (404, site.server.call("GET", "/subscribers/sub_x")),
        (404, site.server.call("GET", "/campaigns/camp_x")),
        (404, site.server.call("GET", "/nothing/at/all")),
        (404, site.server.call("GET", "")),
        (405, site.server.call("DELETE", "/send")),
        (405, site.server.call("PUT", "/subscribers")),
        (405, site.server.call("OPTIONS", "/campaigns")),
        (403, site.server.call("GET", "/subscribers", headers={"Origin": SITE})),
    ]
    assert [answer.status for _, answer in answers] == [status for status, _ in answers]
    told = [rate(answer) for _, answer in answers]
    assert told == [(1000, 1000 - number, MINUTE) for number in range(1, len(answers) + 1)]
    engine.clock.advance(MINUTE - START)
    assert rate(site.server.call("GET", "/subscribers")) == (1000, 999, MINUTE + 60)


@pytest.mark.row("PU-5")
def test_pu_5_a_crash_tells_it_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(site.engine.subscriptions), "counts", lambda *_: 1 / 0)
    answer = site.server.call("GET", "/subscribers/count")
    assert refused(answer, 500, "Internal Server Error") == "Internal error"
    assert rate(answer) == (1000, 999, MINUTE)


@pytest.mark.row("PU-4", "PU-6")
def test_pu_6_the_real_wait_stands_in_text_body_and_header(engine: MemoryEngine, site: Site) -> None:
    slow = site.customer.pushary(requests_per_minute=2)
    for remaining in (1, 0):
        assert rate(slow.call("GET", "/subscribers")) == (2, remaining, MINUTE)
    engine.clock.advance(13)
    wait = MINUTE - START - 13
    for path in ("/subscribers", "/send", "/nothing"):
        answer = slow.call("GET", path)
        assert (answer.status, answer.json) == (
            429,
            {
                "error": "Too Many Requests",
                "message": f"Rate limit exceeded. Please retry after {wait:.0f} seconds.",
                "retryAfter": wait,
            },
        )
        assert answer.headers["retry-after"] == str(int(wait))
        assert rate(answer) == (2, 0, MINUTE)
    assert site.server.call("GET", "/subscribers").status == 200


@pytest.mark.row("PU-70", "PU-71")
def test_pu_71_what_a_key_may_not_do_is_403(site: Site) -> None:
    sender = site.customer.pushary(scopes=["push:send"])
    assert refused(sender.call("GET", "/subscribers"), 403, "Forbidden") == "This key lacks the scope clients:read"
    assert sender.call("GET", "/campaigns").status == 200
    reader = site.customer.pushary(scopes=["clients:read"])
    assert reader.call("GET", "/subscribers/count").status == 200
    for method, path in (("POST", "/send"), ("PATCH", "/subscribers/sub_x"), ("DELETE", "/subscribers/sub_x")):
        refused(reader.call(method, path, {}), 403, "Forbidden")


@pytest.mark.row("X-1")
def test_x_1_a_site_that_is_switched_off_is_403_and_told_its_rate(engine: MemoryEngine, site: Site) -> None:
    off = {"dialects": {"pushary": False}}
    expect(200, site.customer.api.operator("PATCH", site.customer.at(""), off))
    engine.clock.advance(60)
    answer = site.server.call("GET", "/subscribers")
    refused(answer, 403, "Forbidden")
    assert rate(answer)[0] == 1000


@pytest.mark.row("X-9", "PU-71")
def test_x_9_a_wrong_method_is_405_and_names_the_right_ones(site: Site) -> None:
    answer = site.server.call("PUT", "/subscribers/sub_x")
    refused(answer, 405, "Method Not Allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "PATCH", "DELETE"}
    assert refused(site.server.call("GET", "/nothing"), 404, "Not Found") == "There is nothing at this address"


def test_nobody_is_looked_up_before_both_halves_are_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Authenticating, "caller", unexpected)
    headers = {"Authorization": f"Bearer {site.server.key.partition('.')[0]}"}
    assert site.customer.api.call("GET", "/api/v1/server/subscribers", headers=headers).status == 401


def test_the_rate_is_told_to_nobody_without_a_key(engine: MemoryEngine) -> None:
    customer = Customer.sign_up(HttpApi(engine))
    answer = customer.api.call("GET", "/healthz")
    assert not any(name.startswith("x-ratelimit") for name in answer.headers)
